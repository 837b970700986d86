"""The minutely job: no flow and no sign-in stays open for ever."""

from datetime import timedelta

from django.utils import timezone

from flows.models import Authorization, AuthorizationEvent, PatientFlow
from flows.tasks import sweep
from patients.models import Connection


def later(**age):
    return timezone.now() - timedelta(**age)


def test_lapsed_flows_are_marked_expired(flow):
    sweep(0)
    assert PatientFlow.objects.get().status == "open"
    PatientFlow.objects.update(expires_at=later(seconds=1))

    sweep(0)

    assert PatientFlow.objects.get().status == "expired"


def test_a_sign_in_nobody_came_back_from_is_abandoned_and_keeps_no_verifier(browser, flow, riverside):
    browser.leave_for(flow, riverside.id)
    Authorization.objects.update(expires_at=later(seconds=1))

    sweep(0)
    sweep(0)

    authorization = Authorization.objects.get()
    assert (authorization.outcome, authorization.verifier) == ("abandoned", "")
    assert AuthorizationEvent.objects.filter(kind="abandoned").count() == 1
    assert not Connection.objects.exists()


def test_a_patient_who_comes_back_after_that_is_told_that_it_took_too_long(browser, flow, riverside, portal):
    back = portal.sign_in(browser.leave_for(flow, riverside.id))
    Authorization.objects.update(expires_at=later(seconds=1))
    sweep(0)

    browser.open(back).follow()

    assert "took longer than 15 minutes" in browser.text
    assert Connection.objects.get().failure_code == "oauth_state_expired"


def test_an_exchange_that_a_dying_process_left_behind_has_failed(browser, flow, riverside):
    browser.leave_for(flow, riverside.id)
    Authorization.objects.update(redeemed_at=later(minutes=1))
    sweep(0)
    assert Authorization.objects.get().outcome == "pending"
    Authorization.objects.update(redeemed_at=later(minutes=3))

    sweep(0)

    assert Connection.objects.get().failure_code == "token_exchange_failed"
    assert "did not complete the connection" in browser.open(f"{flow['url']}/done").text
