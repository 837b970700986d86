"""Mails on their way to a mail server that takes them, refuses them, or is not there."""

from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.mail_server import mail_server
from tests.webhooks.test_mails import CONTACT, contact, disabled, endpoint, mail_job
from webhooks.tasks import MAIL_WAITS, tell_of_disabling

__all__ = ["contact", "endpoint"]


def work() -> None:
    """A worker does what is due, and ends."""
    with app.replace_connector(app.connector.get_worker_connector()):
        app.run_worker(queues=["mails"], wait=False, listen_notify=False, install_signal_handlers=False)


@pytest.mark.django_db(transaction=True)
def test_a_mail_comes_to_the_contact_as_plain_text(endpoint, settings):
    disabled(endpoint)
    with mail_server(settings) as server:
        work()

    (mail,) = server.mails
    assert server.recipients == [CONTACT]
    assert mail["From"] == settings.DEFAULT_FROM_EMAIL
    assert mail["To"] == CONTACT
    assert mail["Subject"] == "Webhooks to hooks.bluebird.example are switched off"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert "What to do:" in mail.get_content()
    assert mail_job().status == "succeeded"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("refuses", ["", "451 come again later", "550 nobody of that name"])
def test_a_mail_that_could_not_be_sent_is_tried_again(endpoint, settings, refuses):
    disabled(endpoint)
    with mail_server(settings, refuses) as server:
        if not refuses:
            server.server_close()
        before = timezone.now()
        work()
    job = mail_job()
    assert (job.status, job.attempts) == ("todo", 1)
    assert job.scheduled_at >= before + MAIL_WAITS[0] - timedelta(seconds=1)

    with database.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now()")
    with mail_server(settings) as server:
        work()

    assert len(server.mails) == 1
    assert mail_job().status == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_waits_holds_up_no_other(endpoint, organization, settings):
    disabled(endpoint)
    with mail_server(settings, "451 come again later"):
        work()
    disabled(new_endpoint(organization, url="https://other.example/in"))

    with mail_server(settings) as server:
        work()

    assert [mail["Subject"] for mail in server.mails] == ["Webhooks to other.example are switched off"]


def test_a_mail_is_given_up_after_about_three_days_and_its_job_says_so():
    strategy, job = tell_of_disabling.retry_strategy, ProcrastinateJob(attempts=len(MAIL_WAITS))

    assert timedelta(days=2.5) < sum(MAIL_WAITS, timedelta()) < timedelta(days=3.5)
    assert strategy.get_retry_decision(exception=OSError(), job=job) is None


def test_the_same_mail_sent_twice_has_the_same_id(endpoint, mailoutbox):
    disabled(endpoint)
    tell_of_disabling(endpoint.pk)
    tell_of_disabling(endpoint.pk)

    first, second = (mail.message()["Message-ID"] for mail in mailoutbox)
    assert first == second


def test_a_mail_server_that_hangs_is_left_soon(settings):
    assert settings.EMAIL_TIMEOUT == 10
