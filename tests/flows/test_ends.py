"""How flows become complete or expired, by many at once and in great numbers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from flows import closing
from flows.closing import complete_flow, expire_flow, expire_lapsed
from flows.models import FlowStatus, PatientFlow
from organizations.operations import create_organization
from patients.models import Patient
from tests.admin.world import new_flow


@pytest.fixture
def patient(organization) -> Patient:
    return Patient.objects.create(organization=organization, reference="p-1")


def lapsed(patient: Patient, number: int) -> None:
    for _ in range(number):
        new_flow(patient)
    PatientFlow.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def test_closing_says_which_flows_it_closed(patient):
    flows = [new_flow(patient) for _ in range(3)]
    complete_flow(flows[0], timezone.now())

    both = PatientFlow.objects.filter(pk__in=[flow.pk for flow in flows])

    assert sorted(both.close(FlowStatus.EXPIRED, timezone.now())) == sorted([flows[1].pk, flows[2].pk])
    assert both.close(FlowStatus.EXPIRED, timezone.now()) == []
    assert PatientFlow.objects.get(pk=flows[0].pk).status == "complete"


def test_a_flow_whose_time_is_over_never_completes(patient):
    flow = new_flow(patient)

    complete_flow(flow, flow.expires_at)

    flow.refresh_from_db()
    assert (flow.status, flow.completed_at) == ("open", None)


def test_a_flow_that_was_expired_never_completes(patient):
    flow = new_flow(patient)
    expire_flow(flow, timezone.now())

    complete_flow(flow, timezone.now())

    flow.refresh_from_db()
    assert (flow.status, flow.completed_at) == ("expired", None)


def test_a_sweep_works_in_batches_and_leaves_the_rest_for_the_next_one(patient, monkeypatch):
    monkeypatch.setattr(closing, "BATCH", 3)
    monkeypatch.setattr(closing, "MAX_BATCHES", 2)
    lapsed(patient, 8)
    new_flow(patient)

    assert [expire_lapsed(timezone.now()) for _ in range(3)] == [6, 2, 0]
    assert PatientFlow.objects.filter(status="open").count() == 1


def test_a_sweep_marks_the_flows_that_lapsed_first_before_others(patient, monkeypatch):
    monkeypatch.setattr(closing, "BATCH", 1)
    monkeypatch.setattr(closing, "MAX_BATCHES", 1)
    lapsed(patient, 3)
    first = PatientFlow.objects.order_by("-pk")[0]
    PatientFlow.objects.filter(pk=first.pk).update(expires_at=timezone.now() - timedelta(hours=1))

    expire_lapsed(timezone.now())

    assert PatientFlow.objects.get(status="expired") == first


@pytest.mark.django_db(transaction=True)
def test_workers_that_sweep_at_once_mark_each_flow_once(monkeypatch):
    monkeypatch.setattr(closing, "BATCH", 5)
    organization = create_organization(name="Bluebird Health", environment="sandbox")
    lapsed(Patient.objects.create(organization=organization, reference="p-1"), 60)

    def sweep(_: int) -> int:
        try:
            return sum(iter(lambda: expire_lapsed(timezone.now()), 0))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        marked = list(pool.map(sweep, range(4)))

    assert sum(marked) == 60
    assert not PatientFlow.objects.exclude(status="expired").exists()


@pytest.mark.django_db(transaction=True)
def test_a_sweep_does_not_wait_for_a_flow_that_somebody_is_at():
    organization = create_organization(name="Bluebird Health", environment="sandbox")
    lapsed(Patient.objects.create(organization=organization, reference="p-1"), 3)
    held = PatientFlow.objects.order_by("pk")[0]

    def sweep() -> int:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            return expire_lapsed(timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        PatientFlow.objects.select_for_update().get(pk=held.pk)
        assert pool.submit(sweep).result() == 2

    assert PatientFlow.objects.get(status="open") == held
