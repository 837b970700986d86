"""Imports and edits of staff take turns; patients read meanwhile."""

import threading

import pytest
from django.db import connection, transaction

from sources.models import Catalogue, Facility
from tests.sources.imports.listings import HILL, LAKE, brought, catalogue, place


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_are_stored_one_after_the_other():
    brought(place("z", "Hill", HILL), into="first")
    before = catalogue()
    failures: list[BaseException] = []

    def bring(*places, into):
        try:
            brought(*places, into=into)
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connection.close()

    with transaction.atomic():
        Catalogue.lock()
        threads = [
            threading.Thread(target=bring, args=[place("a", "River", city="Ulm")], kwargs={"into": "here"}),
            threading.Thread(
                target=bring, args=[place("1", "RIVER"), place("2", "Lake", LAKE)], kwargs={"into": "there"}
            ),
        ]
        for thread in threads:
            thread.start()
        assert catalogue() == before
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []
    assert {name.casefold() for name in Facility.objects.values_list("name", flat=True)} == {"hill", "river", "lake"}
    assert Facility.objects.get(name__iexact="river").entries.count() == 2
