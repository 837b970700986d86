"""Taking an import back: what it set returns to how it was, and what was changed since stays.

Any import can be taken back, not only the last. For each field: only where the value is still what that import
set. Rows that it added are deleted where nobody uses them, else retired.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone
from psycopg.errors import ForeignKeyViolation

from sources.imports.changes import Changes
from sources.imports.copying import make_temporary
from sources.imports.orders import ImportRefusedError
from sources.imports.portals import add_listed, remove_unlisted
from sources.imports.removal import remove_added_sources, remove_withdrawn_facilities, withdraw_added_facilities
from sources.imports.restoring import restore_facility, restore_source
from sources.imports.retiring import retire_and_return
from sources.models import Catalogue, Directory, DirectoryImport, ImportChange, Kind, Status

_TOUCHED = """
    SELECT DISTINCT facility_id AS id FROM sources_importchange
    WHERE directory_import_id = %(run)s AND facility_id IS NOT NULL
"""
_TOLD = 20
_ATTEMPTS = 3


@dataclass(frozen=True)
class RolledBack:
    """What taking an import back left as it is, in words for staff."""

    import_id: str
    left: list[str]

    @property
    def sentence(self) -> str:
        if not self.left:
            return "Everything is as it was before."
        told = "; ".join(self.left[:_TOLD])
        more = f"; and {len(self.left) - _TOLD} more" if len(self.left) > _TOLD else ""
        return f"As it was before, but for what changed since: {told}{more}."


def roll_back(import_id: str, *, now: datetime | None = None) -> RolledBack:
    """Take one import back. Raises ImportRefusedError for one that is not there or has nothing to take back.

    Where a patient begins to use what it added at the same moment, it starts anew and finds that in use.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _roll_back(import_id, now or timezone.now())
        except IntegrityError as error:
            if not isinstance(error.__cause__, ForeignKeyViolation):
                raise
    raise ImportRefusedError("Patients kept beginning to use what it added, so nothing was rolled back. Try again.")


@transaction.atomic
def _roll_back(import_id: str, now: datetime) -> RolledBack:
    Catalogue.lock()
    run = DirectoryImport.objects.select_related("directory").filter(pk=import_id).first()
    _check(run, import_id)
    assert run is not None  # checked
    make_temporary("touched", _TOUCHED, {"run": run.pk})
    left = _RollBack(run, now).run()
    result = RolledBack(run.pk, left)
    run.status, run.reason = Status.ROLLED_BACK, result.sentence
    run.save(update_fields=["status", "reason"])
    # The next edition is looked at in full, even if it is the one that was taken back.
    Directory.objects.filter(pk=run.directory_id).update(etag="", last_modified="", sha256="")
    Catalogue.changed()
    # Else the rows that others began to mention meanwhile would be found when all of this is behind us.
    connection.check_constraints()
    return result


def _check(run: DirectoryImport | None, import_id: str) -> None:
    if run is None:
        raise ImportRefusedError(f"There is no import {import_id}.")
    if run.status == Status.ROLLED_BACK:
        raise ImportRefusedError("This import is rolled back already.")
    if run.status != Status.APPLIED:
        raise ImportRefusedError("This import changed nothing, so there is nothing to roll back.")


class _RollBack:
    """The steps of taking one import back. What stays is told by name."""

    def __init__(self, run: DirectoryImport, now: datetime) -> None:
        self.run_, self.now = run, now
        self.last = run.changes.aggregate(last=Max("pk"))["last"] or 0
        self.left: list[str] = []

    def run(self) -> list[str]:
        self.left += withdraw_added_facilities(self.run_, self.last)
        for change in self._restorable():
            if change.facility_id is not None:
                self.left += restore_facility(change)
            else:
                self.left += restore_source(change)
        self.left += remove_withdrawn_facilities(self.now)
        # The rest follows from what is listed now. It needs no record: the import that is taken back has it.
        unrecorded = Changes(self.run_)
        remove_unlisted(unrecorded)
        add_listed()
        retire_and_return(unrecorded, self.now)
        self.left += remove_added_sources(self.run_, self.last, self.now)
        return self.left

    def _restorable(self) -> Iterator[ImportChange]:
        """The changes of rows that were there before; the latest first, so that keys move back the way they came."""
        changes = self.run_.changes.exclude(kind=Kind.ADDED).exclude(after={})
        return changes.order_by("-pk").iterator(chunk_size=500)
