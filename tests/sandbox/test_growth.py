"""Felix, whose record grows while one looks."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.people import FELIX
from sandbox.synthetic.chart import chart_of
from sandbox.synthetic.growth import AT_MOST, grown_chart
from sandbox.systems import SYSTEMS, find_system

SINCE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RIVERSIDE = find_system("riverside")


def grown(minutes, system=RIVERSIDE):
    return grown_chart(system, FELIX, SINCE, SINCE + timedelta(minutes=minutes))


def found(bundle):
    return [entry["resource"] for entry in bundle["entry"]]


def test_there_is_one_more_observation_for_each_minute_since_the_app_was_allowed(riverside, wait):
    token = riverside.tokens("felix")["access_token"]
    before = riverside.read("Observation", token).json()["total"]

    wait(185)
    after = riverside.read("Observation", token).json()["total"]

    assert after == before + 3


def test_what_was_there_stays_as_it_was(riverside, wait):
    token = riverside.tokens("felix")["access_token"]
    wait(65)
    before = found(riverside.read("Observation", token).json())

    wait(120)
    after = found(riverside.read("Observation", token).json())

    assert after[: len(before)] == before


def test_asking_for_what_changed_brings_only_what_is_new(riverside, wait):
    token = riverside.tokens("felix")["access_token"]
    wait(125)
    looked_at = datetime.now(UTC)
    seen = found(riverside.read("Observation", token).json())

    nothing = riverside.read("Observation", token, _lastUpdated=f"ge{looked_at:%Y-%m-%dT%H:%M:%SZ}").json()
    wait(120)
    later = riverside.read("Observation", token, _lastUpdated=f"ge{looked_at:%Y-%m-%dT%H:%M:%SZ}").json()

    assert nothing["total"] == 0
    assert later["total"] == 2
    assert not {each["id"] for each in found(later)} & {each["id"] for each in seen}


def test_what_is_new_can_be_read_by_its_id_and_refers_to_what_is_there(riverside, wait):
    token = riverside.tokens("felix")["access_token"]
    wait(65)
    newest = found(riverside.read("Observation", token).json())[-1]

    assert riverside.read(f"Observation/{newest['id']}", token).json() == newest
    assert riverside.read(newest["encounter"]["reference"], token).status_code == 200


def test_allowing_another_app_changes_nothing_of_it(riverside, wait):
    first = riverside.tokens("felix")["access_token"]
    wait(130)

    second = riverside.tokens("felix")["access_token"]

    assert riverside.read("Observation", second).json() == riverside.read("Observation", first).json()


def test_pages_hold_together_while_the_record_grows(riverside, wait):
    token = riverside.tokens("felix")["access_token"]
    wait(60 * 30 + 5)
    pages = riverside.pages("Observation", token, _count=10)
    seen = [each["id"] for each in found(next(pages))]

    wait(120)
    seen += [each["id"] for bundle in pages for each in found(bundle)]

    assert len(seen) == len(set(seen)) == len(chart_of(RIVERSIDE, FELIX).of_type("Observation")) + 32


def test_at_a_health_plan_claims_come_in(evergreen, wait):
    token = evergreen.tokens("felix")["access_token"]
    before = evergreen.read("ExplanationOfBenefit", token).json()["total"]

    wait(65)

    assert evergreen.read("ExplanationOfBenefit", token).json()["total"] == before + 1


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.slug)
def test_each_is_as_new_as_its_minute_and_has_an_id_of_its_own(system):
    chart = grown(50, system)
    new = [
        resource
        for name, made in chart.by_type.items()
        for resource in made[len(chart_of(system, FELIX).of_type(name)) :]
    ]

    assert [resource["meta"]["lastUpdated"] for resource in new] == [
        f"{SINCE + timedelta(minutes=minute):%Y-%m-%dT%H:%M}:00.000Z" for minute in range(1, 51)
    ]
    assert len({resource["id"] for made in chart.by_type.values() for resource in made}) == len(chart)


def test_the_same_minute_brings_the_same_in_whatever_order_one_looks():
    late_first = grown(40).of_type("Observation")

    assert late_first[:-10] == grown(30).of_type("Observation")


def test_the_chart_it_grew_from_is_left_alone():
    before = len(chart_of(RIVERSIDE, FELIX))

    grown(10)

    assert len(chart_of(RIVERSIDE, FELIX)) == before


@pytest.mark.parametrize(
    ("minutes", "more"), [(-5, 0), (0, 0), (0.99, 0), (1, 1), (AT_MOST, AT_MOST), (10**6, AT_MOST)]
)
def test_it_grows_by_whole_minutes_and_not_for_ever(minutes, more):
    assert len(grown(minutes)) - len(chart_of(RIVERSIDE, FELIX)) == more
