import re
import subprocess
import sys

import pytest

from sandbox.people import GRACE, LEO, MARIA, NOAH, PORTAL_USERS, WALTER
from sandbox.synthetic.chart import build_chart, chart_of, people_of
from sandbox.synthetic.identifiers import patient_id
from sandbox.systems import SYSTEMS

RIVERSIDE, LAKESHORE, *_ = SYSTEMS
CHARTS = [(system, person) for system in SYSTEMS for user in PORTAL_USERS for person in user.charts]
NAMES = [f"{system.slug}-{person.key}" for system, person in CHARTS]


def resources(chart):
    return [resource for made in chart.by_type.values() for resource in made]


def references(element):
    """All literal references in a resource, the URLs of attachments among them."""
    if isinstance(element, list):
        return [each for part in element for each in references(part)]
    if isinstance(element, dict):
        own = [element[name] for name in ("reference", "url") if isinstance(element.get(name), str)]
        return own + [each for part in element.values() for each in references(part)]
    return []


@pytest.mark.parametrize(
    ("person", "smallest", "largest"),
    [(NOAH, 8, 8), (MARIA, 55, 65), (GRACE, 55, 65), (LEO, 20, 50), (WALTER, 3400, 3600)],
)
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.slug)
def test_charts_have_the_size_they_promise(system, person, smallest, largest):
    assert smallest <= len(build_chart(system, person)) <= largest


@pytest.mark.parametrize(("system", "person"), CHARTS, ids=NAMES)
def test_a_chart_is_the_same_every_time(system, person):
    assert build_chart(system, person) == build_chart(system, person)


def test_a_chart_is_the_same_in_another_process():
    program = (
        "import hashlib, json; from sandbox.people import MARIA; from sandbox.systems import SYSTEMS; "
        "from sandbox.synthetic.chart import build_chart; "
        "print(hashlib.sha256(json.dumps(build_chart(SYSTEMS[0], MARIA).by_type).encode()).hexdigest())"
    )

    digests = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }

    assert len(digests) == 1


def test_a_person_has_another_chart_at_another_system():
    assert resources(build_chart(RIVERSIDE, MARIA)) != resources(build_chart(LAKESHORE, MARIA))


@pytest.mark.parametrize(("system", "person"), CHARTS, ids=NAMES)
def test_every_reference_leads_to_a_resource_of_the_same_chart(system, person):
    made = resources(build_chart(system, person))
    present = {f"{resource['resourceType']}/{resource['id']}" for resource in made}

    assert set(references(made)) <= present
    assert len(present) == len(made)


@pytest.mark.parametrize(("system", "person"), CHARTS, ids=NAMES)
def test_ids_are_as_fhir_allows_and_no_type_is_unannounced(system, person):
    chart = build_chart(system, person)

    assert all(re.fullmatch(r"[A-Za-z0-9.-]{1,64}", resource["id"]) for resource in resources(chart))
    assert set(chart.by_type) <= set(system.types)


def test_ids_look_different_at_each_system():
    looks = [build_chart(system, MARIA).patient_id for system in SYSTEMS]

    assert len(looks[0]) == 64
    assert looks[1].count("-") == 4
    assert looks[2].startswith("-")


@pytest.mark.parametrize(("system", "person"), CHARTS, ids=NAMES)
def test_what_has_a_subject_is_about_the_patient(system, person):
    chart = build_chart(system, person)

    subjects = {
        (resource.get("subject") or resource.get("patient") or resource.get("beneficiary"))["reference"]
        for resource in resources(chart)
        if {"subject", "patient", "beneficiary"} & set(resource)
    }

    assert subjects == {f"Patient/{chart.patient_id}"}


def test_nothing_happens_before_birth():
    chart = build_chart(LAKESHORE, LEO)

    assert min(encounter["period"]["start"] for encounter in chart.of_type("Encounter")) > LEO.born.isoformat()


def test_an_adult_s_chart_has_the_usual_types():
    chart = build_chart(RIVERSIDE, MARIA)

    assert set(chart.by_type) == set(RIVERSIDE.types)


def test_every_chart_is_found_by_its_patient_s_id():
    found = [people_of(system)[patient_id(system, person.key)] for system, person in CHARTS]

    assert found == [person for _, person in CHARTS]
    assert chart_of(RIVERSIDE, MARIA) == build_chart(RIVERSIDE, MARIA)


def test_a_patient_of_one_system_is_unknown_at_another():
    assert patient_id(LAKESHORE, "maria") not in people_of(RIVERSIDE)
