"""Contract §8: a patient's records, page by page. All of them at once is in test_08_records_streamed.py."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from patients.models import Patient
from patients.operations import create_patient, disconnect
from records import reading
from records.models import Record
from tests.conftest import api_of
from tests.records.stored import connection_of, observations, resource, store

PATH = "/patients/p-1/records"
OWN = {"system": "urn:medblocks:patient-id", "value": "p-1"}


def ids(page) -> list[str]:
    return [record["resource"]["id"] for record in page["data"]]


def get(api, **query):
    answer = api.get(PATH, query)
    assert answer.status == 200, answer.json
    return answer.json


# --- The page ---


def test_a_page_has_every_documented_field_and_each_record_its_source(api, access):
    store(access, [resource("Observation", "o-1", status="final")])

    assert get(api) == {
        "resource_type": "list",
        "patient_id": "p-1",
        "data": [
            {
                "source": access.source_id,
                "resource": {"resourceType": "Observation", "id": "o-1", "status": "final"},
            }
        ],
        "has_more": False,
        "next_cursor": None,
        "previous_cursor": None,
    }


def test_a_patient_without_records_has_an_empty_page(api, patient):
    page = get(api)

    assert (page["data"], page["has_more"], page["next_cursor"], page["previous_cursor"]) == ([], False, None, None)


def test_records_are_in_the_order_in_which_they_first_came_newest_first(api, access):
    other = connection_of(access.patient)
    store(access, [resource("Observation", "a"), resource("Observation", "b")])
    store(other, [resource("Condition", "c")])
    store(access, [resource("Observation", "d")])

    page = get(api)

    assert ids(page) == ["d", "c", "b", "a"]
    assert page["data"][1]["source"] == other.source_id


def test_a_change_moves_nothing_and_only_the_latest_version_is_there(api, access):
    first, _ = store(access, observations(2))
    Record.objects.filter(pk=first).update(
        body={"resourceType": "Observation", "id": "obs-0", "status": "amended"}, updated_at=timezone.now()
    )

    page = get(api)

    assert ids(page) == ["obs-1", "obs-0"]
    assert page["data"][1]["resource"]["status"] == "amended"


def test_decimals_keep_their_digits(api, access):
    digits = ["1.00", "0.10", "100", "-7.250", "3.141592653589793238462643383279", "0.000000000000000000001"]
    values = ", ".join(f'{{"value": {each}}}' for each in digits)
    store(access, [f'{{"resourceType": "Observation", "id": "o", "component": [{values}]}}'])

    content = api.get(PATH).response.content.decode()

    found = json.loads(content, parse_float=str, parse_int=str)["data"][0]["resource"]["component"]
    assert [each["value"] for each in found] == digits


@pytest.mark.parametrize("text", ["\u2028 \u0085 \x7f", "Zoë 🙂 <b>&amp;</b>", '\\" \n\t', "{{ 7*7 }}", "\ufffd\ufeff"])
def test_text_of_every_kind_arrives_as_it_was_stored(api, access, text):
    store(access, [resource("Observation", "o", note=[{"text": text}])])

    assert get(api)["data"][0]["resource"]["note"] == [{"text": text}]


def test_the_answer_is_json_in_utf_8_and_never_cached(api, access):
    answer = api.get(PATH, Accept="application/fhir+json")

    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "no-store" in answer.headers["Cache-Control"]


def test_head_is_get_without_a_body(api, access):
    store(access, observations(3))

    response = api.client.head(PATH, headers={"Authorization": f"Bearer {api.key}"})

    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["Content-Length"]) > 100


def test_records_of_a_connection_that_ended_stay(api, access):
    store(access, observations(2))

    disconnect(patient=access.patient, connection_id=access.pk, now=timezone.now())

    assert ids(get(api)) == ["obs-1", "obs-0"]


# --- Whose they are ---


@pytest.mark.parametrize(
    "reference", ["a/b", "a/records/b", "records", "ü 🙂", "50%", "a?b#c", "a/connections", "+1 2"]
)
def test_ids_of_every_kind_work_in_the_address(api, organization, reference):
    patient = create_patient(organization=organization, reference=reference)
    store(connection_of(patient), [resource("Patient", "chart-1")])

    answer = api.get(f"/patients/{quote(reference, safe='')}/records")

    assert answer.status == 200
    assert answer.json["patient_id"] == reference
    assert answer.json["data"][0]["resource"]["identifier"] == [OWN | {"value": reference}]


@pytest.mark.parametrize("reference", ["nobody", "p-2", "%00", "p-1%20", "P-1", "x" * 300])
def test_an_unknown_patient_is_404(api, access, reference):
    assert api.get(f"/patients/{reference}/records").problem == (404, "not_found", None)


def test_another_workspaces_patient_does_not_exist(api, api_of_other, access, other_organization):
    store(access, observations(1))
    assert api_of_other.get(PATH).problem == (404, "not_found", None)

    namesake = create_patient(organization=other_organization, reference="p-1")
    store(connection_of(namesake), [resource("Observation", "theirs")])

    assert ids(api_of_other.get(PATH).json) == ["theirs"]
    assert ids(get(api)) == ["obs-0"]


def test_other_patients_records_are_not_shown(api, access, organization):
    store(connection_of(create_patient(organization=organization, reference="p-2")), observations(3))
    store(access, [resource("Observation", "mine")])

    assert ids(get(api)) == ["mine"]


def test_the_scope_is_fhir_read(organization, access):
    assert api_of(organization, scopes=["fhir:read"]).get(PATH).status == 200
    refused = api_of(organization, scopes=["patients:read", "patients:write", "connections:read"]).get(PATH)
    assert refused.problem == (403, "insufficient_scope", None)


# --- The caller's id in FHIR Patients ---

PORTALS_OWN = {"system": "http://hospital.example/mrn", "value": "12345"}
IDENTIFIERS = {
    "absent": (..., [OWN]),
    "null": (None, [OWN]),
    "empty": ([], [OWN]),
    "the portal's": ([PORTALS_OWN], [PORTALS_OWN, OWN]),
    "forged": ([{"system": OWN["system"], "value": "another"}], [OWN]),
    "forged, several": ([OWN, PORTALS_OWN, OWN | {"use": "usual"}], [PORTALS_OWN, OWN]),
    "an object": (PORTALS_OWN, [PORTALS_OWN, OWN]),
    "a forged object": (OWN | {"value": "another"}, [OWN]),
    "a string": ("12345", [OWN]),
    "a number": (7, [OWN]),
    "an array of anything": ([None, "x", 5, [OWN], {"system": 3}], [None, "x", 5, [OWN], {"system": 3}, OWN]),
}


@pytest.mark.parametrize(("given", "expected"), IDENTIFIERS.values(), ids=IDENTIFIERS)
def test_every_fhir_patient_carries_the_callers_id_once(api, access, given, expected):
    more = {} if given is ... else {"identifier": given}
    store(access, [resource("Patient", "chart-1", birthDate="1984-02-29", **more)])

    (record,) = get(api)["data"]

    assert record["resource"] == resource("Patient", "chart-1", birthDate="1984-02-29", identifier=expected)


def test_other_resources_are_left_as_they_are(api, access):
    related = resource("RelatedPerson", "r-1", identifier=[PORTALS_OWN])
    store(access, [related, resource("Observation", "o-1")])

    assert [record["resource"] for record in get(api)["data"]] == [resource("Observation", "o-1"), related]


def test_the_patient_in_the_database_stays_as_the_portal_gave_it(api, access):
    store(access, [resource("Patient", "chart-1")])

    get(api)

    assert Record.objects.get().body == resource("Patient", "chart-1")


# --- Filters ---


def test_type_chooses_types(api, access):
    store(access, [resource(kind, kind.lower()) for kind in ("Observation", "Condition", "Procedure")])

    assert ids(get(api, type="Condition")) == ["condition"]
    assert ids(get(api, type="Observation,Condition,Observation")) == ["condition", "observation"]
    assert ids(get(api, type="Immunization")) == []


BAD_TYPES = ["", " ", ",", "Observation,", ",Condition", "Observation, Condition", "Observation;Condition",
             "observation", "Observation1", "Observ\u00e4tion", "*", "Patient/1", "O", "A" * 65, "%00"]  # fmt: skip


@pytest.mark.parametrize("types", BAD_TYPES)
def test_what_is_no_type_is_refused(api, access, types):
    assert api.get(PATH, {"type": types}).problem == (400, "invalid_request", "type")


def test_fifty_types_are_taken_and_more_are_not(api, access):
    names = [f"Type{chr(65 + number // 26)}{chr(97 + number % 26)}" for number in range(51)]

    assert get(api, type=",".join(names[:50]))["data"] == []
    assert api.get(PATH, {"type": ",".join(names)}).problem == (400, "invalid_request", "type")


def test_since_chooses_what_came_or_changed_from_that_moment_on(api, access):
    noon = datetime(2026, 4, 25, 12, tzinfo=UTC)
    store(access, [resource("Observation", "before")], at=noon - timedelta(microseconds=1))
    store(access, [resource("Observation", "at noon")], at=noon)
    (changed,) = store(access, [resource("Observation", "changed")], at=noon - timedelta(days=1))
    Record.objects.filter(pk=changed).update(updated_at=noon + timedelta(days=1))

    assert ids(get(api, since="2026-04-25T12:00:00Z")) == ["changed", "at noon"]
    assert ids(get(api, since="2026-04-25T14:00:00.000+02:00")) == ["changed", "at noon"]
    assert ids(get(api, since="2026-04-25T12:00:00.000001Z")) == ["changed"]
    assert ids(get(api, since="2026-04-27T12:00:00Z")) == []


BAD_MOMENTS = ["", " ", "2026-04-25", "2026-04-25T12:00:00", "2026-04-25T12:00Z", "2026-04-25 12:00:00Z", "1777118400",
               "2026-04-25T12:00:00 02:00", "2026-02-30T12:00:00Z", "2026-04-25T25:00:00Z", "0000-01-01T00:00:00Z",
               "2026-04-25T12:00:60Z", "2026-04-25T12:00:00+24:00", "2026-04-25T12:00:00+01:60",
               "2026-04-25t12:00:00z", "2026-W17-6T12:00:00Z",
               "20260425T120000Z", "2026-04-25T12:00:00.Z", "٢٠٢٦-04-25T12:00:00Z", "now", "%00"]  # fmt: skip


@pytest.mark.parametrize("moment", BAD_MOMENTS)
def test_since_is_a_moment_with_its_zone(api, access, moment):
    assert api.get(PATH, {"since": moment}).problem == (400, "invalid_request", "since")


# PostgreSQL by itself knows no zones beyond 15:59.
@pytest.mark.parametrize("zone", ["+00:00", "-00:00", "+15:59", "+16:00", "+23:59", "-16:00", "-23:59"])
def test_since_may_be_in_any_zone(api, access, zone):
    noon = datetime.fromisoformat(f"2026-04-25T12:00:00{zone}")
    store(access, [resource("Observation", "before")], at=noon.astimezone(UTC) - timedelta(microseconds=1))
    store(access, [resource("Observation", "at noon")], at=noon.astimezone(UTC))

    assert ids(get(api, since=f"2026-04-25T12:00:00{zone}")) == ["at noon"]


def test_the_same_moment_in_another_zone_goes_on_with_the_same_cursor(api, access):
    store(access, observations(2))
    cursor = get(api, since="2026-04-25T12:00:00Z", count=1)["next_cursor"]

    assert ids(get(api, since="2026-04-25T14:00:00+02:00", starting_after=cursor)) == ["obs-0"]


@pytest.mark.parametrize(("moment", "found"), [
    ("0001-01-01T00:00:00+23:59", ["obs-0"]), ("9999-12-31T23:59:59.999999999-23:59", []),
])  # fmt: skip
def test_moments_at_the_ends_of_time_are_taken(api, access, moment, found):
    store(access, observations(1))

    assert ids(get(api, since=moment)) == found


@pytest.mark.parametrize("count", ["0", "-1", "101", "abc", "", " ", "1.5", "+5", "\u0665", "9" * 5000, "%00"])
def test_count_is_an_integer_from_1_to_100(api, access, count):
    assert api.get(PATH, {"count": count}).problem == (400, "invalid_request", "count")


def test_a_hundred_records_are_a_page_unless_the_caller_says_otherwise(api, access):
    store(access, observations(101))

    assert [len(page["data"]) for page in (get(api), get(api, count=100), get(api, count=1))] == [100, 100, 1]


@pytest.mark.parametrize("name", ["limit", "_count", "Type", "_since", "patient_id", "page"])
def test_other_parameters_are_refused_and_named(api, access, name):
    assert api.get(PATH, {name: "1"}).problem == (400, "invalid_request", name)


@pytest.mark.parametrize("name", ["type", "since", "count", "starting_after", "ending_before"])
def test_a_parameter_given_twice_is_refused(api, access, name):
    assert api.get(f"{PATH}?{name}=1&{name}=1").problem == (400, "invalid_request", name)


# --- Cost ---


def test_a_page_costs_the_same_queries_however_deep_it_is(api, access, django_assert_num_queries):
    store(access, observations(250))
    deep = get(api)["next_cursor"]

    with django_assert_num_queries(4):  # the key, the patient, the ids, the bodies
        get(api)
    for cursor in (deep, get(api, starting_after=deep)["next_cursor"]):
        with django_assert_num_queries(5):  # and whether there are newer ones
            page = get(api, starting_after=cursor)
    with django_assert_num_queries(5):
        get(api, ending_before=page["previous_cursor"])


def test_a_page_ends_early_rather_than_grow_without_limit(api, access, monkeypatch):
    monkeypatch.setattr(reading, "PAGE_BYTES", 10_000)
    store(access, [resource("Binary", f"b-{number}", data="x" * 4000) for number in range(7)])
    store(access, [resource("Binary", "huge", data="x" * 40_000)])

    first = get(api)
    second = get(api, starting_after=first["next_cursor"])
    third = get(api, starting_after=second["next_cursor"])
    fourth = get(api, starting_after=third["next_cursor"])
    back = get(api, ending_before=fourth["previous_cursor"])

    assert [ids(page) for page in (first, second, third, fourth)] == [
        ["huge"], ["b-6", "b-5", "b-4"], ["b-3", "b-2", "b-1"], ["b-0"],
    ]  # fmt: skip
    assert [page["has_more"] for page in (first, second, third, fourth)] == [True, True, True, False]
    assert ids(back) == ["b-3", "b-2", "b-1"]
    assert back["previous_cursor"] is not None


def test_a_large_record_is_answered_whole(api, access):
    store(access, [resource("Binary", "large", data="x" * 9 * 1024 * 1024), resource("Observation", "small")])

    page = get(api)

    assert ids(page) == ["small", "large"]
    assert len(page["data"][1]["resource"]["data"]) == 9 * 1024 * 1024


def test_a_patient_erased_between_two_pages_is_404(api, access):
    store(access, observations(3))
    cursor = get(api, count=1)["next_cursor"]

    api.delete("/patients/p-1")

    assert api.get(PATH, {"starting_after": cursor}).problem == (404, "not_found", None)
    assert not Record.objects.exists()
    assert not Patient.objects.exists()


# --- How it went ---


def test_a_connection_says_when_it_was_last_read_and_what_came(api, access):
    (before,) = api.get("/patients/p-1").json["connections"]
    access.last_synced_at, access.records_count = datetime(2026, 4, 25, 14, 30, tzinfo=UTC), 214
    access.save()

    (after,) = api.get("/patients/p-1").json["connections"]

    assert (before["last_synced_at"], before["records_count"]) == (None, 0)
    assert (after["last_synced_at"], after["records_count"]) == ("2026-04-25T14:30:00.000Z", 214)
