"""`make bench-api`: how much the API takes, beside a bare view that asks the database the same.

Fills a database of its own, starts the product as README.md says to and, beside it, one plain Django function
(bench/bare.py), and lets 16 clients ask the two in turns: what else the machine does then hits both.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.report import print_machine, print_table, verdict
from bench.serving import WORKERS, product_port, product_settings, served
from bench.workplace import is_inside, measured, run_inside

if TYPE_CHECKING:  # Django is set up only inside
    from bench.people import People

PATIENTS = 10_000
SECONDS, ROUNDS = 3.0, 8
LEAST_SHARE = 0.6
BODY = {"patient_id": "new-{}", "return_url": "https://app.example/back?visit=7", "metadata": {"visit": "7"}}
HEAD = ["16 clients", "answers", "per s", "p50", "p95", "p99", "max", "not 200"]


@dataclass(frozen=True)
class Kind:
    """One kind of POST."""

    name: str
    slug: str
    body: dict[str, Any]
    takes_known_patients: bool = False


def kinds() -> list[Kind]:
    from bench.people import base_url

    return [
        Kind("picker mode, new patient", "picker", BODY),
        Kind("picker mode, known patient", "known", BODY | {"patient_id": "{}"}, takes_known_patients=True),
        Kind("direct mode, new patient", "direct", BODY | {"connection_id": base_url(7)}),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="How much the API takes.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long one round of each takes")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    if not is_inside():
        sys.exit(run_inside("bench.api", sys.argv[1:], **product_settings()))
    print_machine("make bench-api")
    measured("migrate", "--verbosity", "0")

    import django

    django.setup()
    from bench.people import FLOWS_PER_PATIENT, fill_people
    from tests.ports import free_port

    people = fill_people(PATIENTS)
    print(f"{PATIENTS:,} patients and {PATIENTS * FLOWS_PER_PATIENT:,} flows; granian with {WORKERS} workers,")
    print(f"16 clients on the same machine, {options.rounds} rounds of {options.seconds:g} s each, in turns\n")
    statements = {kind.slug: record(kind, people) for kind in kinds()}
    bare_port = free_port()
    with served(product_port()), served(bare_port, "bench.bare:application"):
        compare(people, bare_port, statements, options.seconds, options.rounds)
        ask(people, options.seconds, options.rounds)


def record(kind: Kind, people: "People") -> int:
    """Let the product answer one such request in this process, and keep what it asked; the number of statements."""
    from django.utils import timezone

    from bench.in_process import Caller
    from bench.recording import recorded, save
    from patients.models import Patient

    caller = Caller(people.secret)
    caller.post("/patient-flows", kind.body | {"patient_id": "first"})  # notes when the key was last used
    body = kind.body | {"patient_id": "patient-0000000" if kind.takes_known_patients else f"recorded-{kind.slug}"}
    with recorded() as recording:
        now = timezone.now()
        answer = caller.post("/patient-flows", body)
    patient = Patient.objects.get(organization=people.organization, reference=body["patient_id"])
    return save(kind.slug, recording, answer, patient_id=patient.pk, secret=people.secret, now=now)


def compare(people: "People", bare_port: int, statements: dict[str, int], seconds: float, rounds: int) -> None:
    """A table of each kind of POST and the bare view, and what came of the limit."""
    from bench.http_load import in_turns

    rows, shares = [], []
    for kind in kinds():
        request = posted(kind, people)
        ours, bare = in_turns([(product_port(), request("/patient-flows")), (bare_port, request(f"/{kind.slug}"))],
                              seconds, rounds)  # fmt: skip
        share = ours.per_second / bare.per_second
        shares.append(share)
        rows.append([f"POST, {kind.name}", *ours.cells, ""])
        rows.append([f"  a bare view, {statements[kind.slug]} statements", *bare.cells, f"{share:.0%}"])
    print_table([*HEAD, "share"], rows)
    met = verdict(min(shares) >= LEAST_SHARE)
    print(f"POST /patient-flows at least {LEAST_SHARE:.0%} of the throughput of the bare view: {met}\n", flush=True)


def ask(people: "People", seconds: float, rounds: int) -> None:
    """A table of the GETs."""
    from bench.http_load import Request, in_turns
    from flows.models import PatientFlow

    newest = people.organization.flows.order_by("-pk").values_list("pk", flat=True)[:5000]
    flows = [PatientFlow(pk=pk, dialect_name="patient_flow").public_id for pk in newest]
    key = {"Authorization": f"Bearer {people.secret}"}
    requests = {
        "GET /patient-flows/{id}": Request("/patient-flows/{}", flows, key),
        "GET /patients": Request("/patients", headers=key),
    }
    rows = []
    for name, request in requests.items():
        (seen,) = in_turns([(product_port(), request)], seconds, rounds)
        rows.append([name, *seen.cells])
    print_table(HEAD, rows)


def posted(kind: Kind, people: "People") -> Any:
    """A function from a path to such requests."""
    import random

    from bench.http_load import Request

    known = people.some_references(random.Random(7), 5000) if kind.takes_known_patients else []
    headers = {"Authorization": f"Bearer {people.secret}"}
    return lambda path: Request(path, known, headers, json.dumps(kind.body))


if __name__ == "__main__":
    main()
