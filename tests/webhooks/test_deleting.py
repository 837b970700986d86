"""An endpoint is deleted while others write events to it, or erase what was sent to it."""

import threading

import pytest
from django.db import transaction
from django.utils import timezone

from organizations.models import Organization
from patients import events
from patients.erasure import erase_patient
from patients.models import Patient
from tests.eventually import eventually_waiting
from tests.webhooks.dispatching import LONGEST_SECONDS, beside, told_of
from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.writing import tell
from webhooks import forgetting
from webhooks.forgetting import forget_endpoint
from webhooks.models import Delivery, Endpoint, Event
from webhooks.operations import emit

pytestmark = pytest.mark.django_db(transaction=True)


def patient_told_of(organization: Organization) -> Patient:
    patient = Patient.objects.create(organization=organization, reference="p-1")
    with transaction.atomic():
        emit(organization, "records.sync.failed", {"patient_id": "p-1"}, now=timezone.now(), patient_id=patient.pk)
    return patient


def test_a_fact_that_is_being_written_comes_about(organization):
    gone, stays = new_endpoint(organization), new_endpoint(organization)
    written, may_end = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            emit(organization, "patient.deleted", {}, now=timezone.now())
            written.set()
            assert may_end.wait(LONGEST_SECONDS)

    with beside(write):
        assert written.wait(LONGEST_SECONDS)
        with beside(lambda: forget_endpoint(gone, timezone.now())):
            eventually_waiting()
            may_end.set()

    assert (Event.objects.count(), stays.deliveries.count(), Delivery.objects.count()) == (1, 1, 1)
    assert list(Endpoint.objects.all()) == [stays]


@pytest.mark.parametrize("comes_about", [True, False])
def test_a_fact_at_the_last_moment_of_a_deletion_waits_for_it_and_misses_nobody(organization, comes_about):
    endpoint, deleted, may_end = new_endpoint(organization), threading.Event(), threading.Event()

    def delete() -> None:
        with transaction.atomic():
            list(Endpoint.objects.select_for_update().filter(pk=endpoint.pk))
            endpoint.delete()
            deleted.set()
            assert may_end.wait(LONGEST_SECONDS)
            transaction.set_rollback(not comes_about)

    with beside(delete):
        assert deleted.wait(LONGEST_SECONDS)
        with beside(lambda: tell(organization) and None):
            eventually_waiting()
            may_end.set()

    assert Event.objects.count() == 1
    assert Delivery.objects.count() == (0 if comes_about else 1)


def test_a_long_deletion_holds_up_no_fact(organization, monkeypatch):
    """But for its last step, which is short: what was sent before goes some at a time."""
    endpoint, real = new_endpoint(organization), forgetting._delete
    began, may_go_on = threading.Event(), threading.Event()
    told_of(endpoint, 5)
    monkeypatch.setattr(forgetting, "BATCH", 2)
    batches = []

    def slowly(*rows, at_most=None) -> int:
        batches.append(real(*rows, at_most=at_most))
        began.set()
        assert at_most is None or may_go_on.wait(LONGEST_SECONDS)
        return batches[-1]

    monkeypatch.setattr(forgetting, "_delete", slowly)
    with beside(lambda: forget_endpoint(endpoint, timezone.now())):
        assert began.wait(LONGEST_SECONDS)
        tell(organization)
        may_go_on.set()

    assert batches == [2, 2, 2, 0, 0]
    assert not Endpoint.objects.exists()
    assert not Delivery.objects.exists()


def test_nothing_is_sent_to_an_endpoint_that_is_being_deleted(organization, monkeypatch):
    endpoint = new_endpoint(organization)
    told_of(endpoint, 2)
    monkeypatch.setattr(forgetting, "_delete", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        forget_endpoint(endpoint, timezone.now())

    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert not endpoint.deliveries.exclude(next_attempt_at=None).exists()


def test_an_erasure_and_a_deletion_at_once_both_come_about(organization, monkeypatch):
    endpoint = new_endpoint(organization)
    patient_told_of(organization)
    has_deliveries, may_go_on, real = threading.Event(), threading.Event(), events.emit

    def slowly(*fact, **told):
        has_deliveries.set()
        assert may_go_on.wait(LONGEST_SECONDS)
        return real(*fact, **told)

    monkeypatch.setattr(events, "emit", slowly)
    with beside(lambda: erase_patient(organization=organization, reference="p-1", now=timezone.now())):
        assert has_deliveries.wait(LONGEST_SECONDS)
        with beside(lambda: forget_endpoint(endpoint, timezone.now())):
            eventually_waiting()
            may_go_on.set()

    assert not Patient.objects.exists()
    assert not Endpoint.objects.exists()
    assert [event.type for event in Event.objects.all()] == ["patient.deleted"]
