"""docs/webhooks.md tells the truth: its examples, and its calls of the API."""

import json
import os
import re
import subprocess

import pytest

from tests.serving import serving
from tests.webhooks.dispatching import dispatching
from tests.webhooks.documented import GUIDE, KINDS, blocks, running
from tests.webhooks.endpoints import new_endpoint
from tests.webhooks.writing import tell
from webhooks.events import EventType
from webhooks.examples import EXAMPLES
from webhooks.signing import new_secret

TEXT = GUIDE.read_text()
# A paragraph that begins with a type, and the object that follows it.
OBJECTS = dict(re.findall(r"^`([a-z_.]+)`(?:[^\n]|\n(?!\n))*\n\n```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", list(EventType))
def test_every_type_is_in_the_table_with_what_it_tells(name):
    [row] = [line for line in TEXT.splitlines() if line.startswith("| `") and f"`{name}`" in line]

    assert len([cell for cell in row.split("|") if cell.strip()]) == 3


@pytest.mark.parametrize("name", OBJECTS)
def test_the_objects_are_those_of_test_events(name):
    assert json.loads(OBJECTS[name]) == EXAMPLES[name]


def test_what_arrives_has_the_printed_fields(organization):
    printed = json.loads(blocks("json")[0])
    endpoint = new_endpoint(organization)
    tell(organization, type_=printed["type"])

    assert list(endpoint.deliveries.get().content) == list(printed)
    assert printed["data"]["object"] == EXAMPLES[printed["type"]]


@pytest.mark.django_db(transaction=True)
def test_its_calls_are_answered_one_after_the_other(organization, api):
    with serving() as address:
        own = {"CONNECT": address, "API_KEY": api.key}
        calls = [block for block in blocks("sh") if "curl" in block]
        made = json.loads(done_by_a_shell(calls[0], own))
        for call in calls[1:]:
            done_by_a_shell(call, own | {"ENDPOINT": made["id"]})

    endpoint = organization.webhook_endpoints.get()
    assert (endpoint.previous_secret, endpoint.last_replayed_at is not None) == (made["secret"], True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.django_db(transaction=True)
def test_a_receiver_of_the_guide_gets_what_the_product_sends(organization, kind, tmp_path):
    secret = new_secret()
    with running(kind, tmp_path, secret) as receiver, dispatching():
        endpoint = new_endpoint(organization, url=receiver.url, secret=secret)
        tell(organization)
        handled = receiver.next_handled()

    delivery = endpoint.deliveries.get()
    assert handled == f"patient.deleted {delivery.public_id}"
    assert (delivery.attempts, delivery.last_status_code, delivery.delivered_at is not None) == (1, 200, True)


def done_by_a_shell(call: str, variables: dict[str, str]) -> str:
    """What a call prints. An answer that is an error fails it."""
    command = ["bash", "-e", "-c", call.replace("curl -s", "curl -sf")]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (call, done.stderr)
    return done.stdout
