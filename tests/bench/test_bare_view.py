"""The bare view that `make bench-api` compares with asks the database what the product asks, and does what it does."""

import pytest
from django.utils import timezone

from bench.api import kinds, record
from bench.people import People, base_url
from bench.recording import Part, load, recorded, replay
from flows import links
from flows.models import PatientFlow
from organizations import keys
from organizations.operations import create_api_key
from patients.models import Patient
from sources.operations import NewClient, add_source


@pytest.fixture
def people(settings, tmp_path, production_organization):
    settings.VAR_DIR = tmp_path
    load.cache_clear()
    add_source(name="Clinic", fhir_base_url=base_url(7), environment="production", client=NewClient(client_id="bench"))
    for number in (0, 1):
        Patient.objects.create(organization=production_organization, reference=f"patient-000000{number}")
    return People(production_organization, create_api_key(organization=production_organization, name="bench")[1], 2)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.slug)
def test_it_makes_the_same_flow(people, kind):
    count = record(kind, people)
    steps, answer = load(kind.slug)
    asked_for = "patient-0000001" if kind.takes_known_patients else "replayed"

    made = replay(steps, {Part.KEY_DIGEST: keys.digest(people.secret), Part.REFERENCE: asked_for}, timezone.now())

    assert len(steps) == count
    first, second = (PatientFlow.objects.get(pk=pk) for pk in (answer["id"].removeprefix("pf_"), made[Part.FLOW]))
    assert second.patient.reference == asked_for
    assert second.link_digest == links.digest(links.token_for(second.pk))
    for field in ("source_id", "return_url", "metadata", "status"):
        assert getattr(second, field) == getattr(first, field)
    assert second.expires_at > first.expires_at


def test_statements_that_are_not_understood_are_refused(people):
    values = {Part.KEY_DIGEST: keys.digest(people.secret), Part.PATIENT: "nobody"}
    with recorded() as recording:
        Patient.objects.first()

    with pytest.raises(ValueError, match="No statement has"):
        recording.with_parts(values, timezone.now())
