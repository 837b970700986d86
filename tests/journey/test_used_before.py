"""What a patient who comes back is offered before anything is typed, and what counts as chosen."""

import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from django.utils import timezone

from organizations.models import Organization
from patients.models import Connection, Patient
from sources.models import Catalogue, Facility, Source
from tests.journey.patient import PatientBrowser
from tests.sources.catalogue import facility, source


@pytest.fixture
def patient(organization) -> Patient:
    return Patient.objects.create(organization=organization, reference="p-1")


def used(patient: Patient, at: Source, *, days_ago: int, status: str = "active", chart: str = "1") -> None:
    when = timezone.now() - timedelta(days=days_ago)
    more = (
        {"failure_code": "user_denied", "failure_at": when}
        if status == "failed"
        else {"access_token": "t", "fhir_patient_id": chart, "connected_at": when}
    )
    row = Connection.objects.create(patient=patient, source=at, flow_id="0" * 26, status=status, **more)
    Connection.objects.filter(pk=row.pk).update(created_at=when)


def start(api, browser: PatientBrowser, **body) -> str:
    flow = api.post("/patient-flows", {"patient_id": "p-1", "return_url": "https://a.example", **body}).json
    return browser.open(flow["url"]).text.split("Name of your hospital")[0]


def test_who_comes_back_is_offered_the_last_three_sources_whatever_came_of_them(api, browser, patient):
    first, failed, ended, oldest = (source(name) for name in ("First", "Failed", "Ended", "Oldest"))
    used(patient, oldest, days_ago=9)
    used(patient, ended, days_ago=5, status="disconnected")
    used(patient, failed, days_ago=3, status="failed")
    used(patient, first, days_ago=1)
    used(patient, first, days_ago=8, chart="2")

    text = start(api, browser)

    assert text.index("You used before") < text.index("First") < text.index("Failed") < text.index("Ended")
    assert text.count("First") == 1
    assert "Oldest" not in text


def test_what_the_app_suggests_comes_first_and_is_not_repeated(api, browser, patient):
    suggested, other = source("Suggested One"), source("Other One")
    used(patient, suggested, days_ago=1)
    used(patient, other, days_ago=2)

    text = start(api, browser, recommended_connection_ids=[suggested.id])

    assert text.count("Suggested One") == 1
    assert text.index("Suggested for you") < text.index("Suggested One") < text.index("You used before")
    assert text.index("You used before") < text.index("Other One")


def test_what_is_not_offered_any_more_is_not_offered_again(api, browser, patient):
    gone = source("Gone")
    used(patient, gone, days_ago=1)
    gone.client_registrations.all().delete()

    assert "You used before" not in start(api, browser)


def test_another_patients_sources_are_nobody_elses(api, browser, organization):
    stranger = Patient.objects.create(organization=organization, reference="p-2")
    used(stranger, source("Theirs"), days_ago=1)

    assert "Theirs" not in start(api, browser)


def test_it_steps_back_when_something_is_typed(api, browser, patient):
    used(patient, source("First"), days_ago=1)
    start(api, browser)
    flow = api.post("/sessions", {"patient_id": "p-1", "return_url": "https://a.example"}).json

    browser.open(f"{flow['url']}?q=river")

    assert '<section id="used-before" aria-labelledby="used-before-title" hidden>' in browser.html


def test_it_costs_one_query(api, browser, patient, django_assert_num_queries):
    for number in range(20):
        used(patient, source(f"Source {number}"), days_ago=number)
    flow = api.post("/patient-flows", {"patient_id": "p-1", "return_url": "https://a.example"}).json

    with django_assert_num_queries(3):  # the flow, what was used before, the logo
        browser.open(flow["url"])


# --- more often chosen


def test_a_place_that_patients_connect_by_counts_as_chosen_and_the_index_stays(flow, browser, riverside, portal):
    clinic = facility("Oak Street Clinic", riverside)
    version = Catalogue.current_version()
    path = urlsplit(flow["url"]).path
    for decision in ("deny", "allow", "allow"):
        browser.open(f"{path}/confirm?connection_id={riverside.id}&facility={clinic.pk}")
        browser.submit(f"{path}/connect", connection_id=riverside.id, facility=str(clinic.pk))
        browser.open(portal.sign_in(browser.location, decision=decision))

    clinic.refresh_from_db()
    assert clinic.times_chosen == 2
    assert list(Facility.objects.exclude(pk=clinic.pk).values_list("times_chosen", flat=True)) == [0]
    assert Catalogue.current_version() == version


def test_a_source_chosen_without_a_place_counts_nothing(flow, browser, riverside, portal):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id)))

    assert not Facility.objects.filter(times_chosen__gt=0).exists()
    assert Organization.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_counting_waits_for_nobody():
    """An import may hold the row for a minute; a patient who has just signed in goes on at once."""
    held, counted = threading.Event(), threading.Event()
    clinic = Facility.objects.create(name="Oak Street Clinic")

    def hold() -> None:
        with transaction.atomic():
            Facility.objects.select_for_update().get(pk=clinic.pk)
            held.set()
            counted.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    Facility.objects.chosen(clinic.pk)
    counted.set()
    holder.join()
    assert Facility.objects.get().times_chosen == 0

    Facility.objects.chosen(clinic.pk)
    assert Facility.objects.get().times_chosen == 1
