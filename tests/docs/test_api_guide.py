"""docs/api.md, done: each command is run, and its answer is as the document prints it."""

import io
import json
import os
import re
import shlex
import subprocess
from itertools import zip_longest
from pathlib import Path

import pytest
from django.core.management import call_command

from patients.models import Patient
from records.models import Record
from tests.records.stored import connection_of, resource, store
from tests.serving import serving
from tests.sources.catalogue import facility
from tests.webhooks.receivers.names import Names

GUIDE = Path(__file__).parent.parent.parent / "docs" / "api.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What differs from run to run; everything else is compared as it stands.
CHANGING = {"id", "url", "created_at", "expires_at", "next_cursor", "fhir_base_url", "name", "request_id", "doc_url"}
CHANGING |= {"facility_name", "message", "source", "previous_cursor"}
CHANGING |= {"updated_at", "secret", "webhook_endpoint_id", "fact_id", "next_attempt_at"}


class Reader:
    """A developer at a shell, who fills in what the document leaves to them (`…`)."""

    def __init__(self, address: str) -> None:
        self.own = {"CONNECT": address}
        self.answer: dict = {}

    def run(self, block: str) -> str:
        if "manage.py" in block:
            return self._manage(block)
        if "/records" in block and not Record.objects.exists():
            self._connect()
        command = "\n".join(line for line in block.splitlines() if not self._assigned(line))
        done = subprocess.run(
            ["bash", "-e", "-c", command], env=os.environ | self.own, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, (block, done.stderr)
        return done.stdout

    def _manage(self, block: str) -> str:
        for line in block.splitlines():
            output = io.StringIO()
            call_command(*shlex.split(line)[2:], stdout=output)
        self.own["API_KEY"] = output.getvalue().strip()
        return ""

    def _connect(self) -> None:
        """What the guide cannot do for its reader: a patient signs in at a portal, and the records are pulled."""
        observation = (
            '{"resourceType": "Observation", "id": "height-1", "status": "final",'
            ' "valueQuantity": {"value": 1.80, "unit": "m"}}'
        )
        access = connection_of(Patient.objects.get(reference="user-2001"))
        store(access, [resource("Patient", "e3b0c442", birthDate="1984-02-29"), observation])

    def _assigned(self, line: str) -> bool:
        assignment = re.fullmatch(r"(\w+)=(\S*)", line)
        if assignment is None:
            return False
        name, given = assignment.groups()
        if name in ("FLOW", "WEBHOOK"):
            self.own[name] = self.answer["id"]
        elif name in ("CURSOR", "SEEN"):
            self.own[name] = self.answer["next_cursor" if name == "CURSOR" else "previous_cursor"]
        else:
            assert name in self.own, f"nobody knows {name}={given}"
        return True


def assert_like(real, printed, name="") -> None:
    """The same fields in the same order, and the same values where they do not change from run to run."""
    if isinstance(printed, dict):
        assert list(real) == list(printed), name
        for field in printed:
            assert_like(real[field], printed[field], field)
    elif isinstance(printed, list):
        for one, other in zip_longest(real, printed):
            assert_like(one, other, name)
    elif name in CHANGING and not (printed or "").startswith("user-"):
        assert type(real) is type(printed), name
    else:
        assert real == printed, name


def assert_like_response(real: str, printed: str) -> None:
    """The last of the real responses: status, the printed headers, the body."""
    head, _, body = real.replace("\r\n", "\n").rpartition("\n\n")
    meant_head, _, meant_body = printed.partition("\n\n")
    last = head.rpartition("HTTP/1.1 ")[2].splitlines()
    status, *headers = meant_head.removeprefix("HTTP/1.1 ").splitlines()
    assert last[0] == status
    assert {line.partition(":")[0] for line in headers} <= {line.partition(":")[0] for line in last[1:]}
    if "Idempotent-Replayed: true" in headers:
        assert real.count("Idempotent-Replayed: true") == 1
    assert_like(json.loads(body), json.loads(meant_body))


@pytest.mark.django_db(transaction=True)
def test_every_command_of_the_guide_gets_the_answer_it_prints(monkeypatch):
    Names(monkeypatch, {"app.example.com": ["93.184.216.34"]})
    with serving() as address:
        follow_the_guide(address)


def follow_the_guide(address: str) -> None:
    facility("Riverside Clinic", city="Denver", postal_code="80202", country="US")
    facility("Riverbank Practice", city="Denver", postal_code="80202", country="US")
    reader = Reader(address)
    compared, output = 0, ""

    for kind, text in BLOCK.findall(GUIDE.read_text()):
        match kind:
            case "sh":
                output = reader.run(text)
            case "json":
                reader.answer = json.loads(output)
                assert_like(reader.answer, json.loads(text))
                compared += 1
            case "http":
                assert_like_response(output, text)
                compared += 1
            case "text":
                assert output == text
                compared += 1
            case _:
                pytest.fail(f"a block of {kind} that nobody runs")
    assert compared == GUIDE.read_text().count("```sh") - 2  # two only name things
