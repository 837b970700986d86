"""Secrets at rest: encrypted, and moved to a new key without losing any."""

import threading

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import call_command
from django.db import transaction

from common.encryption import reencrypt
from sources.models import ClientRegistration
from sources.operations import NewClient, add_source
from tests.webhooks.dispatching import beside
from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.writing import tell
from webhooks.models import Endpoint


@pytest.fixture
def registrations(db):
    for number in range(5):
        add_source(
            name=f"S{number}",
            fhir_base_url=f"https://s{number}.example/",
            environment="sandbox",
            client=NewClient("us", "basic", secret=f"secret {number} ü"),
        )


def secrets():
    return [entry.client_secret for entry in ClientRegistration.objects.order_by("source__name")]


def test_after_a_rotation_the_new_key_alone_opens_everything(registrations, settings, capsys):
    [old], new = settings.ENCRYPTION_KEYS, Fernet.generate_key().decode()
    before = secrets()
    settings.ENCRYPTION_KEYS = [new, old]
    assert secrets() == before

    call_command("rotate_encryption")

    settings.ENCRYPTION_KEYS = [new]
    assert secrets() == before
    assert "sources.ClientRegistration: 5 rows" in capsys.readouterr().out


def test_a_key_that_is_gone_is_an_error_and_never_an_empty_secret(registrations, settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(InvalidToken):
        secrets()


@pytest.mark.django_db(transaction=True)
def test_a_rotation_holds_up_nobody_who_refers_to_a_row(organization):
    """An event is written to an endpoint whose secret is being encrypted again, and to all the others."""
    endpoint = new_endpoint(organization)
    began, may_end = threading.Event(), threading.Event()

    def rotate() -> None:
        with transaction.atomic():
            assert reencrypt(Endpoint) == 1
            began.set()
            assert may_end.wait(30)

    with beside(rotate):
        assert began.wait(30)
        tell(organization)
        may_end.set()

    assert endpoint.deliveries.count() == 1


def test_a_rotation_goes_on_from_batch_to_batch(registrations):
    assert reencrypt(ClientRegistration, batch=2) == 5
