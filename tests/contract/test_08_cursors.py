"""Contract §8: cursors of records lead both ways, for 7 days, through one patient's records with one set of filters."""

import base64
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patients.operations import create_patient
from records.models import Record
from tests.records.stored import connection_of, observations, resource, store

PATH = "/patients/p-1/records"
TOLERANT = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
PARAMETERS = ["starting_after", "ending_before"]


def ids(page) -> list[str]:
    return [record["resource"]["id"] for record in page["data"]]


def get(api, **query):
    answer = api.get(PATH, query)
    assert answer.status == 200, answer.json
    assert answer.json["has_more"] == (answer.json["next_cursor"] is not None)
    return answer.json


def forward(api, **query) -> list[dict]:
    pages = [get(api, **query)]
    while pages[-1]["next_cursor"]:
        pages.append(get(api, starting_after=pages[-1]["next_cursor"], **query))
    return pages


def backward(api, page, **query) -> list[dict]:
    """The pages before this one, the nearest first."""
    pages = []
    while page["previous_cursor"]:
        page = get(api, ending_before=page["previous_cursor"], **query)
        pages.append(page)
    return pages


def walked(pages) -> list[str]:
    return [each for page in pages for each in ids(page)]


def test_2500_records_are_met_once_on_the_way_there_and_once_on_the_way_back(api, access):
    store(access, observations(2500))
    newest_first = [f"obs-{number}" for number in reversed(range(2500))]

    there = forward(api)
    back = backward(api, there[-1])

    assert walked(there) == newest_first
    assert {len(page["data"]) for page in there} == {100}
    assert walked(back[::-1]) == newest_first[:2400]
    assert [ids(page) for page in back[::-1]] == [ids(page) for page in there[:-1]]


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 8])
def test_the_pages_are_the_same_both_ways_whatever_their_size(api, access, count):
    store(access, observations(7))

    there = forward(api, count=count)
    back = backward(api, there[-1], count=count)

    assert walked(there) == [f"obs-{number}" for number in reversed(range(7))]
    assert [ids(page) for page in back[::-1]] == [ids(page) for page in there[:-1]]
    assert there[0]["previous_cursor"] is None
    assert [page["has_more"] for page in back] == [True] * len(back)


def test_the_count_may_change_from_page_to_page(api, access):
    store(access, observations(6))
    first = get(api, count=1)

    second = get(api, starting_after=first["next_cursor"], count=4)
    back = get(api, ending_before=second["previous_cursor"], count=100)

    assert (ids(second), ids(back)) == (["obs-4", "obs-3", "obs-2", "obs-1"], ["obs-5"])


def test_filters_go_along(api, access):
    now = timezone.now()
    kinds = ["Observation", "Condition", "Procedure"]
    store(access, [resource(kinds[number % 3], f"r-{number}") for number in range(12)], at=now)
    store(access, [resource("Condition", "old")], at=now - timedelta(days=9))
    filters = {"type": "Condition,Observation", "since": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}

    there = forward(api, count=3, **filters)
    back = backward(api, there[-1], count=3, **filters)

    assert walked(there) == ["r-10", "r-9", "r-7", "r-6", "r-4", "r-3", "r-1", "r-0"]
    assert walked(back[::-1]) == walked(there[:-1])


def test_types_are_the_same_filter_in_any_order(api, access):
    store(access, observations(2))
    cursor = get(api, count=1, type="Observation,Condition")["next_cursor"]

    assert ids(get(api, type="Condition,Observation", starting_after=cursor)) == ["obs-0"]


def test_what_comes_and_changes_between_two_pages_moves_nothing(api, access):
    store(access, observations(4))
    first = get(api, count=2)
    store(access, [resource("Observation", "newer")])
    Record.objects.filter(resource_id="obs-1").update(updated_at=timezone.now())

    second = get(api, count=2, starting_after=first["next_cursor"])
    back = get(api, count=2, ending_before=second["previous_cursor"])

    assert (ids(first), ids(second), ids(back)) == (["obs-3", "obs-2"], ["obs-1", "obs-0"], ["obs-3", "obs-2"])
    assert ids(get(api, ending_before=back["previous_cursor"])) == ["newer"]


def test_a_record_that_went_leaves_its_cursor_good(api, access):
    store(access, observations(4))
    second = get(api, count=1, starting_after=get(api, count=1)["next_cursor"])
    Record.objects.filter(resource_id="obs-2").delete()

    assert ids(get(api, starting_after=second["next_cursor"])) == ["obs-1", "obs-0"]
    assert ids(get(api, ending_before=second["previous_cursor"])) == ["obs-3"]


def test_an_empty_page_leads_back_to_every_record(api, access):
    store(access, observations(4))
    middle = get(api, count=2, starting_after=get(api, count=1)["next_cursor"])
    Record.objects.filter(resource_id="obs-0").delete()

    past_the_end = get(api, starting_after=middle["next_cursor"])

    assert (past_the_end["data"], past_the_end["has_more"]) == ([], False)
    assert ids(get(api, ending_before=past_the_end["previous_cursor"])) == ["obs-3", "obs-2", "obs-1"]

    Record.objects.filter(resource_id="obs-3").delete()
    before_the_beginning = get(api, ending_before=middle["previous_cursor"])

    assert (before_the_beginning["data"], before_the_beginning["previous_cursor"]) == ([], None)
    assert ids(get(api, starting_after=before_the_beginning["next_cursor"])) == ["obs-2", "obs-1"]


# --- What is refused ---


@pytest.fixture
def cursors(api, access) -> dict[str, str]:
    """One of each direction."""
    store(access, observations(9))
    page = get(api, count=3, starting_after=get(api, count=3)["next_cursor"])
    return {"starting_after": page["next_cursor"], "ending_before": page["previous_cursor"]}


def test_a_cursor_is_good_for_7_days(api, cursors):
    for days, status in ((timedelta(days=7, seconds=-5), 200), (timedelta(days=7, seconds=5), 400)):
        with time_machine.travel(timezone.now() + days, tick=False):
            for name, cursor in cursors.items():
                answer = api.get(PATH, {name: cursor})
                assert answer.status == status
                if status == 400:
                    assert answer.problem == (400, "invalid_request", name)
                    assert answer.error["message"] == "This cursor is too old. Start again without it."


def test_both_directions_at_once_are_refused(api, cursors):
    assert api.get(PATH, cursors).problem == (400, "invalid_request", "ending_before")


def test_a_cursor_leads_in_its_own_direction_only(api, cursors):
    assert api.get(PATH, {"starting_after": cursors["ending_before"]}).problem[0::2] == (400, "starting_after")
    assert api.get(PATH, {"ending_before": cursors["starting_after"]}).problem[0::2] == (400, "ending_before")


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("filters", [{"type": "Observation"}, {"since": "2020-01-01T00:00:00Z"}])
def test_a_cursor_of_other_filters_is_refused(api, cursors, name, filters):
    assert api.get(PATH, filters | {name: cursors[name]}).problem == (400, "invalid_request", name)


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ({"type": "Observation"}, {"type": "Condition"}),
        ({"type": "Observation"}, {"type": "Condition,Observation"}),
        ({"since": "2020-01-01T00:00:00Z"}, {"since": "2020-01-01T00:00:01Z"}),
    ],
)
def test_a_cursor_of_the_same_filters_with_other_values_is_refused(api, access, name, asked, other):
    store(access, observations(9))
    page = get(api, count=3, starting_after=get(api, count=3, **asked)["next_cursor"], **asked)
    cursor = {"starting_after": page["next_cursor"], "ending_before": page["previous_cursor"]}[name]

    assert api.get(PATH, other | {name: cursor}).problem == (400, "invalid_request", name)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_cursor_of_another_patient_is_refused(api, organization, cursors, name):
    store(connection_of(create_patient(organization=organization, reference="p-2")), observations(9))

    assert api.get("/patients/p-2/records", {name: cursors[name]}).problem == (400, "invalid_request", name)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_cursor_of_another_workspace_is_refused(api_of_other, other_organization, cursors, name):
    store(connection_of(create_patient(organization=other_organization, reference="p-1")), observations(9))

    assert api_of_other.get(PATH, {name: cursors[name]}).problem == (400, "invalid_request", name)


def test_a_cursor_of_another_list_is_refused(api, cursors):
    for number in range(2):
        api.post("/patients", {"patient_id": f"q-{number}"})
    cursor = api.get("/patients?limit=1").json["next_cursor"]

    assert api.get(PATH, {"starting_after": cursor}).problem[0::2] == (400, "starting_after")


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize(
    "cursor", ["x", "", " ", "0", "a:b", ":", "::", "ü", "%00", "x" * 3000, "WzFd:1tabcd:abc", "-1"]
)
def test_what_is_no_cursor_is_refused(api, cursors, name, cursor):
    assert api.get(PATH, {name: cursor}).problem == (400, "invalid_request", name)


@TOLERANT
@given(data=st.data())
def test_a_cursor_with_one_changed_bit_is_refused(api, cursors, data):
    name = data.draw(st.sampled_from(PARAMETERS))
    parts = cursors[name].split(":")
    place = data.draw(st.integers(0, len(parts) - 1))
    raw = bytearray(base64.urlsafe_b64decode(parts[place] + "=" * (-len(parts[place]) % 4)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    parts[place] = base64.urlsafe_b64encode(raw).decode().rstrip("=")

    assert api.get(PATH, {name: ":".join(parts)}).problem == (400, "invalid_request", name)


@TOLERANT
@given(cursor=st.text(max_size=200), name=st.sampled_from(PARAMETERS))
def test_no_cursor_is_a_failure_of_ours(api, patient, cursor, name):
    encodable = cursor.encode("utf-8", "replace").decode()

    assert api.get(PATH, {name: encodable}).problem == (400, "invalid_request", name)
