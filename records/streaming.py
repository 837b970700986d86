"""All records of a selection in one answer: NDJSON, one resource to a line, in flat memory (contract §8)."""

import json
import logging
import threading
from collections.abc import Iterator

from common.errors import Unavailable
from common.turns import let_go_of_database
from records.bodies import bodies_of
from records.reading import Selection

MEDIA_TYPE = "application/fhir+ndjson"
# Of what may be on its way at once. Smaller than a page's, for there are many readers.
BATCH, BATCH_BYTES = 500, 1024 * 1024
# A reader that does not read holds a thread of the web server, which has 64 for everybody.
AT_ONCE = 16

# The status is said by the time that something fails, and web servers end such an answer as if it were whole.
_BROKEN_OFF = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": "fatal",
            "code": "incomplete",
            "diagnostics": "Something broke on our side. What is missing follows when you ask again.",
        }
    ],
}

logger = logging.getLogger("medblocks.records")
_places = threading.BoundedSemaphore(AT_ONCE)


class RecordStream(Iterator[bytes]):
    """The records, newest first, some at a time. To be closed, whether or not it was read to its end.

    What fails at the beginning is raised here, before an answer has begun; so is Unavailable, where too many are being
    read from in this process. What fails later makes an OperationOutcome the last line. Between two parts it holds
    no connection to the database. A patient who is erased meanwhile has no more records, and the stream ends.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._position: int | None = None
        self._has_failed = False
        self._holds_place = _places.acquire(blocking=False)
        if not self._holds_place:
            raise Unavailable("Too many are reading whole records at this moment. Try again in a few seconds.")
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
            _places.release()

    def _read_or_say_why(self) -> bytes:
        if self._has_failed:
            return b""
        try:
            return self._read()
        except Exception:  # whatever it is, the reader has to know that this is not all
            self._has_failed = True
            logger.exception("a stream of records broke off")
            return json.dumps(_BROKEN_OFF).encode() + b"\n"

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
