"""An installation that imported before directories were rows keeps its catalogue."""

import hashlib

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from sources.models import DirectoryEntry, Facility, Portal, Source

BEFORE = [("sources", "0001_initial"), ("flows", "0001_initial")]


def migrate(targets):
    executor = MigrationExecutor(connection)
    executor.migrate(targets or executor.loader.graph.leaf_nodes())
    return MigrationExecutor(connection).loader.project_state(targets or executor.loader.graph.leaf_nodes()).apps


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.django_db(transaction=True)
def test_what_was_imported_and_what_was_made_by_hand_stay_what_they_were():
    apps = migrate(BEFORE)
    old_facility, old_source = apps.get_model("sources", "Facility"), apps.get_model("sources", "Source")
    listed = old_source.objects.create(id="fhirsrc_a", name="A", fhir_base_url="https://a", environment="sandbox")
    by_hand = old_source.objects.create(id="fhirsrc_b", name="B", fhir_base_url="https://b", environment="sandbox")
    for name, key, source in [
        ("Imported", digest("sandbox:urn:uuid:1"), listed),
        ("B", digest("source:fhirsrc_b"), by_hand),
        ("Staff's", "staff:01ABC", listed),
    ]:
        old_facility.objects.create(name=name, directory_key=key).sources.set([source])
    keys = dict(old_facility.objects.values_list("name", "directory_key"))

    migrate(None)

    facilities = {facility.name: facility for facility in Facility.objects.all()}
    [entry] = DirectoryEntry.objects.all()
    assert (entry.facility, entry.key, entry.source_ids) == (facilities["Imported"], keys["Imported"], [listed.pk])
    assert entry.key == entry.directory.key("urn:uuid:1")
    assert (entry.directory.name, entry.directory.environment) == ("imported earlier", "sandbox")
    assert facilities["Imported"].described_by == entry.directory
    assert facilities["B"].made_for_id == by_hand.pk
    assert facilities["Staff's"].described_by is facilities["Staff's"].made_for is None
    assert dict(Source.objects.values_list("name", "described_by__name")) == {"A": "imported earlier", "B": None}
    assert Portal.objects.count() == 3

    migrate(BEFORE)

    back = dict(old_facility.objects.values_list("name", "directory_key"))
    assert {name: back[name] for name in ("Imported", "B")} == {name: keys[name] for name in ("Imported", "B")}
    migrate(None)
