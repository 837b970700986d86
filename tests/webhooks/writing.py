"""Writers of events whose transactions take their time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.utils import timezone

from organizations.models import Organization
from webhooks.operations import emit


class ThinksAgain(Exception):
    """What was to be told did not come about."""


@contextmanager
def being_written(organization: Organization, number: int = 0, *, comes_about: bool = True) -> Iterator[None]:
    """Within the block an event is written, by a transaction that has not ended. After it, it has."""
    written, may_end = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                emit(organization, "patient.deleted", {"number": number}, now=timezone.now())
                written.set()
                assert may_end.wait(30)
                if not comes_about:
                    raise ThinksAgain
        except ThinksAgain:
            pass
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(30)
        yield
    finally:
        may_end.set()
        writer.join()


def tell(organization: Organization, number: int = 0, type_: str = "patient.deleted", now=None) -> str:
    """An event that has come about; its public id."""
    with transaction.atomic():
        return emit(organization, type_, {"number": number}, now=now or timezone.now()).public_id
