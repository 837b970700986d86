"""Workspaces are told by mail when an endpoint fails for a day, and when it is disabled by failures."""

import threading
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from organizations.models import Organization
from tests.contract.conftest import names
from tests.moments import NOW, from_now
from tests.webhooks.dispatching import claimed, comes_to
from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.writing import tell
from webhooks import mails, switching
from webhooks.models import Delivery, Disabled, Endpoint
from webhooks.tasks import find_failing_endpoints, tell_of_disabling, tell_of_failing

__all__ = ["names"]

DAY = timedelta(days=1)
CONTACT = "team@bluebird.example"
URL = "https://hooks.bluebird.example/in/token-of-the-app"


@pytest.fixture
def contact(organization) -> str:
    organization.contact_email = CONTACT
    organization.save()
    return CONTACT


@pytest.fixture
def endpoint(organization, contact) -> Endpoint:
    """One that has failed for a day and a half, with an event that it was to get."""
    failing = new_endpoint(organization, url=URL, description="Orders", failing_since=timezone.now() - 1.5 * DAY)
    tell(organization)
    return failing


def jobs(task: str) -> list[dict]:
    return [job.args for job in ProcrastinateJob.objects.filter(task_name=f"webhooks.tasks.{task}").order_by("pk")]


def mail_job() -> ProcrastinateJob:
    return ProcrastinateJob.objects.get(queue_name="mails")


def answered(endpoint: Endpoint, **fields) -> None:
    delivery = endpoint.deliveries.latest("pk")
    delivery.tries.create(endpoint=endpoint, started_at=timezone.now(), outcome="failed", **fields)


def disabled(endpoint: Endpoint, because: Disabled = Disabled.FAILED) -> Endpoint:
    assert switching.disable(endpoint.pk, because, timezone.now())
    endpoint.refresh_from_db()
    return endpoint


# Whom it is told


def test_a_disabled_endpoint_is_told_of_by_a_job_in_the_same_transaction(endpoint):
    disabled(endpoint)

    assert jobs("tell_of_disabling") == [{"endpoint_id": endpoint.pk}]
    assert mail_job().status == "todo"


def test_whoever_switches_an_endpoint_off_is_not_told_of_it(endpoint, mailoutbox):
    disabled(endpoint, Disabled.ASKED)
    tell_of_disabling(endpoint.pk)

    assert jobs("tell_of_disabling") == []
    assert mailoutbox == []


def test_a_mail_about_a_disabled_endpoint_says_what_happened_and_what_to_do(endpoint, mailoutbox, settings):
    settings.BASE_URL = "https://connect.example"
    answered(endpoint, status_code=503, response_body="patient-7 was not found")
    disabled(endpoint)
    tell_of_disabling(endpoint.pk)

    (mail,) = mailoutbox
    missed = Delivery.objects.get().created_at
    assert mail.to == [CONTACT]
    assert mail.subject == "Webhooks to hooks.bluebird.example are switched off"
    for part in (
        "an endpoint of Bluebird Health",
        f"Endpoint: {endpoint.public_id} at hooks.bluebird.example",
        "Described as: Orders",
        f"Failing since: {endpoint.failing_since:%-d %B %Y, %H:%M} UTC",
        f"Switched off: {endpoint.disabled_at:%-d %B %Y, %H:%M} UTC, because an event could not be delivered",
        "Last answer: status 503",
        f'PATCH https://connect.example/webhooks/{endpoint.public_id}\n   {{"status": "active"}}',
        f"POST https://connect.example/webhooks/{endpoint.public_id}/replay",
        f'{{"since": "{missed:%Y-%m-%dT%H:%M:%S}.',
        "https://connect.example/docs",
    ):
        assert part in mail.body


def test_a_mail_about_a_failing_endpoint_says_since_when_and_what_comes_next(endpoint, mailoutbox):
    answered(endpoint, problem="hooks.bluebird.example does not accept connections.")
    tell_of_failing(endpoint.pk)

    (mail,) = mailoutbox
    assert mail.to == [CONTACT]
    assert mail.subject == "Webhooks to hooks.bluebird.example have been failing for a day"
    assert f"Failing since: {endpoint.failing_since:%-d %B %Y, %H:%M} UTC" in mail.body
    assert "Last answer: hooks.bluebird.example does not accept connections." in mail.body
    assert "the\nendpoint is switched off, and you get another mail" in mail.body


@pytest.mark.parametrize("tell_of", [tell_of_failing, tell_of_disabling])
def test_mails_have_no_secret_no_address_and_nothing_of_a_patient(endpoint, mailoutbox, tell_of):
    answered(endpoint, status_code=500, response_body="patient-7")
    if tell_of is tell_of_disabling:
        disabled(endpoint)
    tell_of(endpoint.pk)

    told = mailoutbox[0].message().as_string() + mailoutbox[0].body
    for secret in (endpoint.secret, "token-of-the-app", "patient-7", Delivery.objects.get().body):
        assert secret not in told


@pytest.mark.parametrize(
    "description",
    ["Orders\r\nBcc: everybody@example.org\r\n\r\nBuy now", "Orders\x85\u2028Bcc: x@example.org", "\u202eOrders\0"],
)
def test_a_description_stays_on_its_line(endpoint, organization, mailoutbox, description):
    name = "Bluebird\r\nBcc: everybody@example.org"
    Organization.objects.filter(pk=organization.pk).update(name=name)
    Endpoint.objects.update(description=description.replace("\0", "\x01"))
    tell_of_failing(endpoint.pk)

    (mail,) = mailoutbox
    message = mail.message()
    assert message["Bcc"] is None
    assert mail.recipients() == [CONTACT]
    lines = mail.body.splitlines()
    assert not [line for line in lines if line.startswith(("Bcc", "Buy"))]
    assert all(line.isprintable() for line in lines)


def test_a_host_cannot_break_the_subject(endpoint, mailoutbox):
    Endpoint.objects.update(url="https://hooks.example\r\nBcc: x@example.org/in")
    tell_of_failing(endpoint.pk)

    assert "\n" not in mailoutbox[0].message()["Subject"]
    assert mailoutbox[0].message()["Bcc"] is None


def test_without_a_contact_nobody_is_told(endpoint, organization, mailoutbox):
    organization.contact_email = ""
    organization.save()

    tell_of_failing(endpoint.pk)
    tell_of_disabling(disabled(endpoint).pk)

    assert mailoutbox == []


def test_what_is_over_is_not_told(endpoint, mailoutbox):
    disabled(endpoint)
    switching.revive(endpoint.pk, timezone.now())
    tell_of_disabling(endpoint.pk)
    tell_of_failing(endpoint.pk)
    tell_of_failing("01M00000000000000000000000")

    assert mailoutbox == []


def test_an_endpoint_whose_key_was_lost_is_told_of_too(endpoint, mailoutbox):
    with database.cursor() as cursor:
        cursor.execute("UPDATE webhooks_endpoint SET secret = 'gAAAAABunreadable'")
        cursor.execute("UPDATE webhooks_delivery SET body = 'gAAAAABunreadable'")

    tell_of_failing(endpoint.pk)

    assert len(mailoutbox) == 1


# When


def test_a_workspace_is_told_once_that_an_endpoint_has_failed_for_a_day(endpoint):
    find_failing_endpoints(0)
    find_failing_endpoints(600)

    assert jobs("tell_of_failing") == [{"endpoint_id": endpoint.pk}]
    assert Endpoint.objects.get().told_of_failing_at is not None


@pytest.mark.parametrize(
    "state",
    [
        {"failing_since": timedelta(hours=1) - DAY},
        {"failing_since": None},
        {"told_of_failing_at": NOW},
    ],
    ids=["not yet a day", "healthy", "told"],
)
def test_others_are_not_told(endpoint, state):
    Endpoint.objects.update(**from_now(state))

    find_failing_endpoints(0)

    assert jobs("tell_of_failing") == []


def test_a_new_address_is_told_of_when_it_has_failed_for_a_day_itself(api, endpoint, names):
    path, start = f"/webhooks/{endpoint.public_id}", timezone.now()
    assert mails.enqueue_failing(start) == 1
    assert api.patch(path, {"url": "https://app.example.com/in"}).status == 200
    assert mails.enqueue_failing(start) == 0

    [taken] = claimed(start)
    comes_to(taken, 500, now=start)

    assert mails.enqueue_failing(start + 0.9 * DAY) == 0
    assert mails.enqueue_failing(start + 1.1 * DAY) == 1


def test_the_same_address_given_again_changes_nothing_of_how_it_fares(api, endpoint, names):
    since = endpoint.failing_since
    names.leads_to["hooks.bluebird.example"] = ["93.184.216.34"]

    assert api.patch(f"/webhooks/{endpoint.public_id}", {"url": URL}).status == 200

    assert Endpoint.objects.get().failing_since == since


def test_a_disabled_endpoint_is_not_told_of_as_failing(endpoint):
    disabled(endpoint)

    find_failing_endpoints(0)

    assert jobs("tell_of_failing") == []


def test_who_gets_a_contact_later_is_told_then(endpoint, organization, contact):
    Organization.objects.update(contact_email="")
    find_failing_endpoints(0)
    assert Endpoint.objects.get().told_of_failing_at is None

    Organization.objects.update(contact_email=contact)
    find_failing_endpoints(600)

    assert len(jobs("tell_of_failing")) == 1


@pytest.mark.django_db(transaction=True)
def test_of_several_workers_one_tells(endpoint):
    told, start = [], threading.Barrier(4)

    def look() -> None:
        start.wait(30)
        told.append(mails.enqueue_failing(timezone.now()))
        database.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told) == [0, 0, 0, 1]
    assert len(jobs("tell_of_failing")) == 1


def test_a_version_before_contacts_can_go_on_making_workspaces_during_an_update(db):
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT column_default FROM information_schema.columns"
            " WHERE table_name = 'organizations_organization' AND column_name = 'contact_email'"
        )
        assert cursor.fetchone() == ("''::character varying",)
