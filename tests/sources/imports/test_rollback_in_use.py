"""Taking back an import that patients have begun to use: what they use is retired, for they may come back to it."""

import threading

import pytest
from django.db import connection, transaction

from flows.models import PatientFlow
from patients.models import Patient
from sources.imports import roll_back
from sources.models import Facility, Source
from tests.admin.world import new_flow, new_sign_in
from tests.conftest import api_of
from tests.eventually import eventually_waiting
from tests.sources.catalogue import ClientRegistration
from tests.sources.imports.listings import LAKE, RIVER, brought, place


@pytest.fixture
def flow(production_organization) -> PatientFlow:
    return new_flow(Patient.objects.create(organization=production_organization, reference="patient-1"))


@pytest.mark.django_db
def test_a_place_that_a_sign_in_without_success_was_for_is_retired_and_not_deleted(flow):
    report = brought(place("a", "River"))
    river = Facility.objects.get()
    registration = ClientRegistration.objects.create(vendor="epic", environment="production", client_id="us")
    sign_in = new_sign_in(flow, Source.objects.get(), registration, None)
    type(sign_in).objects.update(facility=river)

    left = roll_back(report.import_id).left

    assert left == ["River (in use, retired)", f"Source at {RIVER} (used by other places)"]
    river.refresh_from_db()
    assert river.times_chosen == 0
    assert river.retired_at is not None


@pytest.mark.django_db
def test_a_source_that_a_link_leads_to_is_retired_and_not_deleted(flow):
    report = brought(place("b", "Lake", LAKE))
    PatientFlow.objects.update(source=Source.objects.get())

    assert roll_back(report.import_id).left == [f"Source at {LAKE} (in use, retired)"]

    assert Source.objects.get().retired_at is not None
    assert not Facility.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_source_that_a_link_leads_to_since_a_moment_is_retired_too(flow):
    report = brought(place("b", "Lake", LAKE))
    left: list[str] = []
    rollback = threading.Thread(target=lambda: (left.extend(roll_back(report.import_id).left), connection.close()))

    with transaction.atomic():
        PatientFlow.objects.update(source=Source.objects.get())
        connection.check_constraints()  # a commit does so, too: the source cannot be deleted from here on
        rollback.start()
        eventually_waiting()
    rollback.join()

    assert left == [f"Source at {LAKE} (in use, retired)"]
    assert Source.objects.get().retired_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_link_to_a_source_that_goes_at_the_same_moment_is_refused(production_organization):
    report = brought(place("b", "Lake", LAKE), vendor="epic")
    ClientRegistration.objects.create(vendor="epic", environment="production", client_id="us")
    api, answers = api_of(production_organization), []
    wanted = {"patient_id": "p-1", "return_url": "https://app.example/back", "connection_id": LAKE}
    asking = threading.Thread(
        target=lambda: (answers.append(api.post("/patient-flows", wanted)), connection.close()),
    )

    with transaction.atomic():
        roll_back(report.import_id)
        asking.start()
        eventually_waiting()
    asking.join()

    assert answers[0].status == 404
    assert not PatientFlow.objects.exists()
