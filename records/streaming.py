"""All records of a selection in one answer: NDJSON, one resource to a line, in flat memory (contract §8)."""

import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta

from common.turns import let_go_of_database
from records.bodies import bodies_of
from records.places import Places
from records.reading import Selection

MEDIA_TYPE = "application/fhir+ndjson"
# Of what may be on its way at once. Smaller than a page's, for there are many readers.
BATCH, BATCH_BYTES = 500, 1024 * 1024
# A reader that does not read holds a thread of the web server, which has 64 for everybody.
AT_ONCE, AT_ONCE_OF_ONE_WORKSPACE = 16, 4
# Enough for a gigabyte through a poor line. One that reads nothing at all is not noticed: granian waits for it.
LONGEST = timedelta(minutes=15)

logger = logging.getLogger("medblocks.records")
places = Places(AT_ONCE, AT_ONCE_OF_ONE_WORKSPACE)


class RecordStream(Iterator[bytes]):
    """The records, newest first, some at a time. To be closed, whether or not it was read to its end.

    What fails at the beginning is raised here, before an answer has begun; so are Throttled and Unavailable, where too
    many are being read from in this process. What fails later makes an OperationOutcome the last line, and so does
    taking longer than LONGEST. Between two parts it holds no connection to the database. A patient who is erased
    meanwhile has no more records, and the stream ends.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._position: int | None = None
        self._has_broken_off = False
        self._ends_at = time.monotonic() + LONGEST.total_seconds()
        places.take(selection.patient.organization_id)
        self._holds_place = True
        try:
            self._first = self._read()
        except BaseException:
            self.close()
            raise

    def __next__(self) -> bytes:
        lines = self._first or self._read_or_say_why()
        self._first = b""
        if not lines:
            self.close()
            raise StopIteration
        return lines

    def close(self) -> None:
        """Let others read. More than once does no harm."""
        if self._holds_place:
            self._holds_place = False
            places.give_back(self._selection.patient.organization_id)

    def _read_or_say_why(self) -> bytes:
        if self._has_broken_off:
            return b""
        try:
            lines = self._read()
        except Exception:  # whatever it is, the reader has to know that this is not all
            logger.exception("a stream of records broke off")
            return self._break_off("incomplete", "Something broke on our side. Ask again.")
        if lines and time.monotonic() > self._ends_at:
            minutes = LONGEST // timedelta(minutes=1)
            return self._break_off("timeout", f"This took longer than {minutes} minutes. Ask for less, or by pages.")
        return lines

    def _break_off(self, code: str, words: str) -> bytes:
        """The last line. The status is said by now, and web servers end such an answer as if it were whole."""
        self._has_broken_off = True
        issue = {"severity": "fatal", "code": code, "diagnostics": words}
        return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode() + b"\n"

    def _read(self) -> bytes:
        """The next lines; none at the end."""
        try:
            lines = b""
            while not lines and (ids := self._selection.ids(self._position, BATCH)):
                bodies = bodies_of(ids, self._selection.patient, BATCH_BYTES)
                self._position = ids[len(bodies) - 1]
                lines = "".join(f"{body.text}\n" for body in bodies if body).encode()
            return lines
        finally:
            let_go_of_database()
