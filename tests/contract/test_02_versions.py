"""Contract §2: versions. A client of an older version never notices a newer one (docs/versions.md)."""

import pytest

from common import versions
from common.versions.change import Change, Version
from organizations.models import ApiKey
from tests.conftest import api_of

FLOW = {
    "patient_id": "p-1",
    "return_url": "https://app.example/back",
    "metadata": {"resource_type": "patient", "name": "Pat"},
}
OLD, NEW = "2026-04-25", "2027-03-01"


def renamed(fields: dict, old: str, new: str) -> dict:
    return {new if name == old else name: value for name, value in fields.items()}


def up(fields: dict) -> dict:
    """What the next version calls `name` was `display_name`, say; here the other way round: old says `full_name`."""
    return renamed(fields, "full_name", "name")


def down(fields: dict) -> dict:
    return renamed(fields, "name", "full_name")


def error_down(error: dict) -> dict:
    return error | {"param": "full_name"} if error["param"] == "name" else error


NEXT = Version(
    date=NEW,
    changes=(
        Change(
            "A patient's full_name is called name.",
            bodies={"POST /patients": up},
            objects={"patient": down},
            errors={"POST /patients": error_down},
        ),
        Change(
            "Patients are listed by patient_id, not by reference. Lists say how many they have.",
            queries={"GET /patients": lambda query: renamed(query, "reference", "patient_id")},
            objects={"list": lambda page: page | {"count": len(page["data"])}},
        ),
        Change("Flows have no return_button_label.", objects={"session": lambda flow: flow | {"label": None}}),
    ),
)


@pytest.fixture
def old_api(api, monkeypatch):
    """A client that is pinned to the first version, after a next one was published."""
    ApiKey.objects.update(api_version=OLD)
    monkeypatch.setattr(versions, "VERSIONS", [*versions.VERSIONS, NEXT])
    return api


def test_the_version_pinned_on_the_key_answers(old_api, organization):
    created = old_api.post("/patients", {"patient_id": "p-1", "full_name": "Pat"})

    assert (created.status, created.json["full_name"]) == (200, "Pat")
    assert "name" not in created.json
    new = api_of(organization)
    assert ApiKey.objects.latest("pk").api_version == NEW
    assert new.get("/patients/p-1").json["name"] == "Pat"


def test_the_version_header_answers_this_request_in_another_version(old_api):
    created = old_api.post("/patients", {"patient_id": "p-1", "name": "Pat"}, Version=NEW)

    assert created.json["name"] == "Pat"
    assert old_api.get("/patients/p-1").json["full_name"] == "Pat"
    assert old_api.get("/patients/p-1", Version=NEW).json["name"] == "Pat"


def test_lists_and_the_objects_in_them_keep_their_old_shapes(old_api):
    for number in range(3):
        old_api.post("/patients", {"patient_id": f"p-{number}", "full_name": f"Pat {number}"})

    page = old_api.get("/patients", {"limit": 2})

    assert page.json["count"] == 2
    assert [patient["full_name"] for patient in page.json["data"]] == ["Pat 2", "Pat 1"]
    rest = old_api.get("/patients", {"limit": 2, "starting_after": page.json["next_cursor"]})
    assert [patient["full_name"] for patient in rest.json["data"]] == ["Pat 0"]
    assert "count" not in old_api.get("/patients", Version=NEW).json


def test_queries_keep_their_old_names(old_api):
    for number in range(2):
        old_api.post("/patients", {"patient_id": f"p-{number}"})

    assert [found["id"] for found in old_api.get("/patients", {"reference": "p-1"}).json["data"]] == ["p-1"]
    assert old_api.get("/patients", {"reference": "p-1"}, Version=NEW).problem == (400, "invalid_request", "reference")
    assert old_api.get("/patients?reference=a&reference=b").problem == (400, "invalid_request", "reference")


def test_an_error_names_the_field_as_the_client_knows_it(old_api):
    body = {"patient_id": "p-1", "full_name": "x" * 201}

    assert old_api.post("/patients", body).problem == (400, "invalid_request", "full_name")
    assert old_api.post("/patients", renamed(body, "full_name", "name"), Version=NEW).problem[2] == "name"


def test_what_the_caller_wrote_is_never_changed(old_api):
    flow = old_api.post("/sessions", FLOW).json

    assert flow["metadata"] == FLOW["metadata"]
    assert flow["label"] is None


def test_a_replayed_answer_has_the_shape_of_its_version(old_api):
    first = old_api.post("/patients", {"patient_id": "p-1", "full_name": "Pat"}, Idempotency_Key="k")
    second = old_api.post("/patients", {"patient_id": "p-1", "full_name": "Pat"}, Idempotency_Key="k")

    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json == first.json
    assert second.json["full_name"] == "Pat"


def test_changes_of_several_versions_are_undone_one_after_the_other(old_api, monkeypatch):
    after = Version(
        date="2028-01-01",
        changes=(
            Change(
                "name is called names, a list.",
                bodies={"POST /patients": lambda body: renamed(body, "name", "names")},
                objects={"patient": lambda patient: renamed(patient, "names", "name")},
            ),
        ),
    )
    monkeypatch.setattr(versions, "VERSIONS", [*versions.VERSIONS, after])

    body = versions.body_up("POST /patients", {"full_name": "Pat"}, OLD)
    answer = {"resource_type": "patient", "names": "Pat"}

    assert body == {"names": "Pat"}
    assert versions.body_up("POST /patients", {"name": "Pat"}, NEW) == {"names": "Pat"}
    assert versions.answer_down("GET /patients", answer, NEW)["name"] == "Pat"
    assert versions.answer_down("GET /patients", answer, OLD)["full_name"] == "Pat"
    assert versions.answer_down("GET /patients", answer, "2028-01-01") == answer


@pytest.mark.parametrize("body", [[], None, "text", 7, [{"resource_type": "patient"}]])
def test_a_body_that_is_no_object_is_refused_as_always(old_api, body):
    assert old_api.post("/patients", body).problem[:2] == (400, "invalid_request")


@pytest.mark.parametrize(
    "odd", ["tomorrow", "2026-04-26", "", " ", "2026-04-25, 2026-04-25", "2026-04-25T00:00", "\u00fc"]
)
def test_an_unknown_version_is_refused(api, odd):
    answer = api.get("/patients", Version=odd)

    assert answer.problem == (400, "unsupported_api_version", None)
    assert OLD in answer.error["message"]


def test_a_published_version_may_be_named(api):
    assert api.get("/patients", Version=OLD).status == 200


def test_a_version_pinned_on_a_key_that_is_no_longer_published_is_an_error_and_not_a_failure(api):
    ApiKey.objects.update(api_version="2020-01-01")

    assert api.get("/patients").problem == (400, "unsupported_api_version", None)
    assert api.get("/patients", Version=OLD).status == 200


def test_versions_are_dates_in_order_each_from_the_module_that_bears_its_name():
    dates = versions.published()

    assert dates == sorted(set(dates))
    assert dates[0] == OLD
    assert versions.current() == dates[-1]
    for version in versions.VERSIONS:
        assert all(change.description.endswith(".") for change in version.changes)
