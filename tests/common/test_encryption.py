"""Secrets at rest: encrypted, and moved to a new key without losing any."""

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import call_command

from sources.models import ClientRegistration
from sources.operations import NewClient, add_source


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


def test_a_rotation_goes_on_from_batch_to_batch(registrations):
    from common.encryption import reencrypt

    assert reencrypt(ClientRegistration, batch=2) == 5
