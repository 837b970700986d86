"""Verifiers that we did not write accept every signature of ours, and refuse whatever was changed."""

import base64
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import assume, given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from stripe import SignatureVerificationError, WebhookSignature

from webhooks.models import Endpoint
from webhooks.signing import SECRET_BYTES, SECRET_PREFIX, new_secret, signature_headers

TOLERANCE = timedelta(seconds=300)
SECOND = timedelta(seconds=1)

secrets = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES).map(
    lambda key: SECRET_PREFIX + base64.b64encode(key).decode()
)
bodies = st.text(max_size=2000)
ids = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26).map(lambda ulid: f"evt_{ulid}")
moments = st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@dataclass(frozen=True)
class Received:
    """A delivery as a receiver has it."""

    body: str
    headers: dict[str, str]

    def but(self, header: str, value: str) -> "Received":
        return replace(self, headers=self.headers | {header: value})


def sent(body: str, *secrets: str, event_id: str = "evt_1", at: datetime) -> Received:
    return Received(body, signature_headers(secrets, event_id=event_id, body=body.encode(), now=at))


def stripe_takes(received: Received, secret: str, at: datetime) -> bool:
    with time_machine.travel(at, tick=False):
        try:
            WebhookSignature.verify_header(received.body, received.headers["Medblocks-Signature"], secret, 300)
        except SignatureVerificationError:
            return False
    return True


def standard_takes(received: Received, secret: str, at: datetime) -> bool:
    with time_machine.travel(at, tick=False):
        try:
            Webhook(secret).verify(received.body.encode(), received.headers, json_parse=False)
        except Exception:  # noqa: BLE001  it has several for what it does not take
            return False
    return True


VERIFIERS = pytest.mark.parametrize("takes", [stripe_takes, standard_takes])


@VERIFIERS
@given(body=bodies, secret=secrets, event_id=ids, at=moments)
def test_a_foreign_verifier_takes_what_we_sign(takes, body, secret, event_id, at):
    assert takes(sent(body, secret, event_id=event_id, at=at), secret, at)


@VERIFIERS
@given(body=bodies, other=bodies, secret=secrets, at=moments)
def test_another_body_is_refused(takes, body, other, secret, at):
    assume(other != body)

    assert not takes(replace(sent(body, secret, at=at), body=other), secret, at)


@VERIFIERS
@given(body=bodies, secret=secrets, other=secrets, at=moments)
def test_another_secret_is_refused(takes, body, secret, other, at):
    assume(other != secret)

    assert not takes(sent(body, secret, at=at), other, at)


@VERIFIERS
@given(body=bodies, secret=secrets, at=moments, seconds=st.integers(1, 200))
def test_a_time_that_was_set_forward_is_refused(takes, body, secret, at, seconds):
    received, later = sent(body, secret, at=at), str(int(at.timestamp()) + seconds)
    earlier = received.headers["webhook-timestamp"]
    moved = received.but("webhook-timestamp", later).but(
        "Medblocks-Signature", received.headers["Medblocks-Signature"].replace(f"t={earlier},", f"t={later},")
    )

    assert not takes(moved, secret, at + seconds * SECOND)


@given(body=bodies, secret=secrets, event_id=ids, other=ids, at=moments)
def test_another_id_in_the_headers_is_refused(body, secret, event_id, other, at):
    assume(other != event_id)

    assert not standard_takes(sent(body, secret, event_id=event_id, at=at).but("webhook-id", other), secret, at)


@VERIFIERS
@given(body=bodies, secret=secrets, at=moments, place=st.integers(0, 41))
def test_a_signature_with_one_other_character_is_refused(takes, body, secret, at, place):
    received = sent(body, secret, at=at)
    headers = {
        name: _with_another_character(value, place, after="v1=" if name == "Medblocks-Signature" else "v1,")
        for name, value in received.headers.items()
        if name.lower().endswith("-signature")
    }

    assert not takes(replace(received, headers=received.headers | headers), secret, at)


def _with_another_character(header: str, place: int, after: str) -> str:
    """`place` counts from the beginning; the last character of base64 has bits that do not matter."""
    beginning, _, signature = header.partition(after)
    other = "0" if signature[place] != "0" else "1"
    return beginning + after + signature[:place] + other + signature[place + 1 :]


@VERIFIERS
def test_what_is_older_than_five_minutes_is_refused(takes):
    secret, at = new_secret(), datetime(2026, 4, 25, 14, 30, tzinfo=UTC)
    received = sent("{}", secret, at=at)

    assert takes(received, secret, at + TOLERANCE)
    assert not takes(received, secret, at + TOLERANCE + SECOND)


@VERIFIERS
def test_no_signature_is_refused(takes):
    secret, at = new_secret(), datetime(2026, 4, 25, 14, 30, tzinfo=UTC)
    received = sent("{}", at=at)

    assert not takes(received, secret, at)


@VERIFIERS
@given(
    body=bodies,
    old=secrets,
    new=secrets,
    at=moments,
    overlap=st.integers(1, 86_400),
    passed=st.floats(0, 0.999),
)
def test_while_a_secret_is_changed_both_verify_and_afterwards_the_new_one_only(
    takes, body, old, new, at, overlap, passed
):
    assume(old != new)
    endpoint = Endpoint(secret=new, previous_secret=old, previous_secret_until=at + overlap * SECOND)
    during, after = at + overlap * passed * SECOND, at + overlap * SECOND

    in_the_overlap = sent(body, *endpoint.secrets(during), at=during)
    afterwards = sent(body, *endpoint.secrets(after), at=after)

    assert takes(in_the_overlap, old, during)
    assert takes(in_the_overlap, new, during)
    assert takes(afterwards, new, after)
    assert not takes(afterwards, old, after)


@given(secret=secrets, at=moments)
def test_the_headers_have_the_published_form(secret, at):
    headers = signature_headers([secret], event_id="evt_1", body=b"{}", now=at)

    seconds = int(at.timestamp())
    assert list(headers) == ["Medblocks-Signature", "webhook-id", "webhook-timestamp", "webhook-signature"]
    assert headers["Medblocks-Signature"].startswith(f"t={seconds},v1=")
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("evt_1", str(seconds))
    assert headers["webhook-signature"].startswith("v1,")


def test_a_new_secret_is_whsec_and_32_bytes_and_no_two_are_the_same():
    made = {new_secret() for _ in range(100)}

    assert len(made) == 100
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32 for secret in made)
