"""Schemathesis tries the whole document against a live server on a real database: all its checks, stateful too.

The suite does so within a budget; `make fuzz` goes on for at least 20,000 requests.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from common.ids import new_ulid
from common.rates import Rate
from organizations.operations import create_api_key, create_organization
from patients.description import DISCONNECT
from patients.models import Connection
from patients.operations import create_patient
from tests.records.stored import observations, resource, store
from tests.serving import serving
from tests.sources.catalogue import facility, source
from tests.webhooks.endpoints import new_endpoint
from webhooks.description_events import ENDPOINT_ID, SENT
from webhooks.examples import EXAMPLES
from webhooks.operations import emit

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
# The suite's budget. The three dialects are one view, so that one of them stands for all.
IN_SUITE = ["--max-time", "12", "--exclude-path-regex", "sessions"]
SEED = os.environ.get("FUZZ_SEED", "1")


@pytest.fixture
def fuzzed_address(transactional_db, settings, monkeypatch, unasked_names):
    """A server with everything that the document speaks of, which never says that there were too many requests."""
    settings.API_RATE_LIMIT = Rate.parse("9999999/second")
    settings.METRICS_TOKEN = "a token of the fuzz run"
    settings.BASE_URL = "https://connect.example"
    organization = create_organization(name="Fuzzed", environment="sandbox")
    facility("River Clinic", city="Denver", postal_code="80202")
    make_documented_connection(organization)
    make_documented_endpoint(organization)
    monkeypatch.setenv("FUZZ_API_KEY", create_api_key(organization=organization, name="fuzz")[1])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() + interval '1 day')")
    with serving() as address:
        yield address


def make_documented_connection(organization):
    """The connection of the document's examples with a few records, so that one is there to be ended."""
    made = Connection.objects.create(
        id=DISCONNECT.path_examples["connection_id"].removeprefix("conn_"),
        patient=create_patient(organization=organization, reference=DISCONNECT.path_examples["id"]),
        source=source("Stream Health"),
        flow_id=new_ulid(),
        status="active",
        access_token="access",
        refresh_token="refresh",
        fhir_patient_id="chart-1",
    )
    store(made, [resource("Patient", "chart-1"), *observations(3)])


def make_documented_endpoint(organization):
    """The endpoint of the document's examples, and the event on its way to it."""
    endpoint = new_endpoint(organization, id=ENDPOINT_ID.removeprefix("wh_"))
    with transaction.atomic():
        emit(organization, "records.sync.completed", EXAMPLES["records.sync.completed"], now=timezone.now())
    endpoint.deliveries.update(id=SENT["id"].removeprefix("evt_"))


@pytest.fixture
def unasked_names(monkeypatch):
    """No name of a receiver is looked up; and there may be as many of them as it takes."""
    monkeypatch.setattr("common.outbound.lookup._looked_up", lambda host, port: [])
    monkeypatch.setattr("webhooks.endpoints.MAX_ENDPOINTS", 1_000_000)


def test_no_generated_request_breaks_a_promise_of_the_document(fuzzed_address, tmp_path, capsys):
    examples = os.environ.get("FUZZ_EXAMPLES")
    budget = ["--max-examples", examples] if examples else IN_SUITE
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"]
    options = [
        f"{fuzzed_address}/openapi.json",
        "--seed",
        SEED,
        *budget,
        *os.environ.get("FUZZ_OPTIONS", "").split(),
    ]

    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "errored" not in done.stdout, done.stdout
    count = int(re.search(r"(\d+) generated", done.stdout)[1])
    # `make fuzz` promises so many, unless FUZZ_OPTIONS choose a part of the document or FUZZ_EXAMPLES fewer.
    is_whole = examples == "1000" and not os.environ.get("FUZZ_OPTIONS")
    assert count >= (20_000 if is_whole else 20)
    with capsys.disabled():
        sys.stdout.write(f"\nschemathesis: {count} cases, no failure\n")
