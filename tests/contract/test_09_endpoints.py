"""Contract §9: webhook endpoints, made, read, changed, deleted, and given new secrets."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from common import versions
from common.versions.change import Version
from organizations.models import IdempotencyKey
from tests.conftest import api_of
from tests.contract.test_02_bodies import REFUSED_METADATA
from tests.webhooks.endpoints import disabled_endpoint, due_to, new_endpoint
from tests.webhooks.writing import tell
from webhooks.events import EventType
from webhooks.models import Attempt, Delivery, Endpoint, Event

URL = "https://hooks.example/in"
NEW = {"url": URL, "events": ["*"]}
FIELDS = [
    "id", "resource_type", "url", "events", "status", "description", "metadata", "api_version", "created_at",
    "updated_at",
]  # fmt: skip
KEY = "b3b6a7f0-2f5c-4b1e-8f6e-d1b0f5a3c9e2"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")

pytestmark = pytest.mark.usefixtures("names")


def path_of(endpoint) -> str:
    return f"/webhooks/{endpoint['id']}"


# --- Making them ---


def test_an_endpoint_is_made_with_every_field_and_its_secret(api):
    asked = {
        "url": f"{URL}?tenant=7",
        "events": ["session.completed", "*"],
        "description": "Production, Zoë's",
        "metadata": {"team": "records", "nested": [1.5, None]},
    }

    answer = api.post("/webhooks", asked)

    assert answer.status == 200
    assert list(answer.json) == [*FIELDS, "secret"]
    assert {name: answer.json[name] for name in asked} == asked
    assert answer.json["id"] == Endpoint.objects.get().public_id
    assert (answer.json["resource_type"], answer.json["status"]) == ("webhook_endpoint", "active")
    assert answer.json["created_at"] == answer.json["updated_at"]
    assert SECRET.fullmatch(answer.json["secret"])


def test_what_is_not_given_is_null_or_empty(api):
    made = api.post("/webhooks", NEW | {"description": None}).json

    assert (made["description"], made["metadata"]) == (None, {})
    assert api.post("/webhooks", NEW).json["description"] is None


def test_every_secret_is_another_and_none_is_shown_again(api):
    made = [api.post("/webhooks", NEW).json for _ in range(3)]

    assert len({endpoint["secret"] for endpoint in made}) == 3
    for answer in (
        api.get("/webhooks"),
        api.get(path_of(made[0])),
        api.patch(path_of(made[0]), {"description": "x"}),
        api.delete(path_of(made[0])),
    ):
        assert answer.status == 200
        assert "secret" not in answer.response.content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM webhooks_endpoint")
        assert made[1]["secret"] not in repr(cursor.fetchall())


def test_its_events_are_in_the_version_in_which_it_was_made_for_ever(api, monkeypatch):
    older = versions.current()
    monkeypatch.setattr(versions, "VERSIONS", [*versions.VERSIONS, Version(date="2027-01-01")])

    made = api.post("/webhooks", NEW).json
    newer = api.post("/webhooks", NEW, Version="2027-01-01").json
    changed = api.patch(path_of(made), {"description": "x"}, Version="2027-01-01").json

    assert (made["api_version"], newer["api_version"], changed["api_version"]) == (older, "2027-01-01", older)


@pytest.mark.parametrize("field", ["url", "events"])
def test_url_and_events_are_needed(api, field):
    body = {name: value for name, value in NEW.items() if name != field}

    assert api.post("/webhooks", body).problem == (400, "bad_request", field)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"url": None}, "url"),
        ({"url": ""}, "url"),
        ({"url": 7}, "url"),
        ({"url": [URL]}, "url"),
        ({"events": None}, "events"),
        ({"events": "*"}, "events"),
        ({"events": {"0": "*"}}, "events"),
        ({"events": []}, "events"),
        ({"events": ["session.opened"]}, "events.0"),
        ({"events": ["*", "session.Completed"]}, "events.1"),
        ({"events": ["*", "session.*"]}, "events.1"),
        ({"events": ["*", None]}, "events.1"),
        ({"events": ["*", 7]}, "events.1"),
        ({"events": ["*", ["*"]]}, "events.1"),
        ({"events": ["*", ""]}, "events.1"),
        ({"events": ["*", "*"]}, "events"),
        ({"events": ["session.completed", "*", "session.completed"]}, "events"),
        ({"events": ["*"] * 21}, "events"),
        ({"description": ""}, "description"),
        ({"description": "  "}, "description"),
        ({"description": "x" * 501}, "description"),
        ({"description": 7}, "description"),
        ({"secret": "whsec_mine"}, "secret"),
        ({"status": "disabled"}, "status"),
        ({"api_version": "2026-04-25"}, "api_version"),
        ({"enabled_events": ["*"]}, "enabled_events"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(api, change, param):
    assert api.post("/webhooks", NEW | change).problem == (400, "bad_request", param)
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("kind", REFUSED_METADATA)
def test_metadata_has_the_limits_of_all_metadata(api, endpoint, kind):
    for answer in (
        api.post("/webhooks", NEW | {"metadata": REFUSED_METADATA[kind]}),
        api.patch(path_of(endpoint), {"metadata": REFUSED_METADATA[kind]}),
    ):
        assert answer.problem == (400, "bad_request", "metadata")
    assert api.post("/webhooks", NEW | {"metadata": {f"k{number}": 1 for number in range(50)}}).status == 200


def test_an_endpoint_may_ask_for_every_type_there_is_by_name_and_for_all_that_will_be(api):
    every = [name.value for name in EventType]

    assert api.post("/webhooks", {"url": URL, "events": [*every, "*"]}).json["events"] == [*every, "*"]
    assert api.post("/webhooks", NEW | {"description": "x" * 500}).status == 200


def test_an_idempotency_key_makes_one_endpoint_and_answers_its_secret_again(api):
    first = api.post("/webhooks", NEW, Idempotency_Key=KEY)
    second = api.post("/webhooks", NEW, Idempotency_Key=KEY)

    assert second.json == first.json
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Endpoint.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM organizations_idempotencykey")
        assert first.json["secret"] not in repr(cursor.fetchall())


def test_a_workspace_has_at_most_a_hundred(api, api_of_other, organization):
    for _ in range(99):
        new_endpoint(organization)
    last = api.post("/webhooks", NEW).json

    refused = api.post("/webhooks", NEW)

    assert refused.problem == (429, "quota_exceeded", None)
    assert int(refused.headers["Retry-After"]) >= 60
    assert api_of_other.post("/webhooks", NEW).status == 200
    api.delete(path_of(last))
    assert api.post("/webhooks", NEW).status == 200


@pytest.mark.django_db(transaction=True)
def test_those_who_make_the_hundredth_at_the_same_time_do_not_make_more(api, organization):
    for _ in range(98):
        new_endpoint(organization)
    together = threading.Barrier(8)

    def make(_) -> int:
        together.wait()
        try:
            return api.post("/webhooks", NEW).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(make, range(8)))

    assert statuses == [200] * 2 + [429] * 6
    assert Endpoint.objects.count() == 100


# --- Reading them ---


def test_an_endpoint_is_read_as_it_was_made_without_its_secret(api, endpoint):
    secret = endpoint.pop("secret")

    assert secret
    assert api.get(path_of(endpoint)).json == endpoint
    assert api.get("/webhooks").json["data"] == [endpoint]


def test_the_list_is_newest_first_page_by_page(api, api_of_other):
    made = [api.post("/webhooks", NEW | {"description": f"{number}"}).json["id"] for number in range(7)]
    api_of_other.post("/webhooks", NEW)
    found, cursor = [], {}
    while cursor is not None:
        page = api.get("/webhooks", {"limit": 3} | cursor).json
        found += [endpoint["id"] for endpoint in page["data"]]
        cursor = {"starting_after": page["next_cursor"]} if page["has_more"] else None

    assert sorted(found) == sorted(made)
    assert found == sorted(found, reverse=True)
    assert len(api.get("/webhooks").json["data"]) == 7


def test_a_cursor_of_another_workspace_is_refused(api, api_of_other):
    for asker in (api, api_of_other):
        for _ in range(2):
            asker.post("/webhooks", NEW)
    theirs = api_of_other.get("/webhooks?limit=1").json["next_cursor"]

    assert api.get("/webhooks", {"starting_after": theirs}).problem == (400, "bad_request", "starting_after")
    assert api.get("/webhooks", {"status": "active"}).problem == (400, "bad_request", "status")


@pytest.mark.parametrize(
    "change",
    [
        lambda wh: wh[3:],
        lambda wh: wh.lower(),
        lambda wh: f"wh_{wh}",
        lambda wh: wh[:-1],
        lambda wh: wh.replace("wh_", "evt_"),
        lambda wh: "wh_" + "0" * 26,
        lambda wh: "wh_%00",
        lambda wh: wh + "%0A",
        lambda wh: "%C3%BC",
        lambda wh: "x" * 5000,
    ],
)
def test_an_id_that_is_none_is_not_found(api, endpoint, change):
    path = f"/webhooks/{change(endpoint['id'])}"

    for answer in (
        api.get(path),
        api.patch(path, {}),
        api.delete(path),
        api.get(f"{path}/events"),
        api.post(f"{path}/rotate-secret", {}),
        api.post(f"{path}/replay", {"since": "2026-04-25T14:30:00Z"}),
        api.post(f"{path}/test", {"type": "patient.deleted"}),
    ):
        assert answer.problem == (404, "resource_not_found", None)
    assert Endpoint.objects.count() == 1


# --- Changing them ---


def test_what_is_given_is_replaced_and_the_rest_stays(api, endpoint):
    changes = {
        "url": "https://app.example.com/other",
        "events": ["patient.deleted"],
        "description": "Other",
        "metadata": {"b": 2},
    }
    for name, value in changes.items():
        before = api.get(path_of(endpoint)).json

        after = api.patch(path_of(endpoint), {name: value})

        assert after.status == 200
        assert after.json == api.get(path_of(endpoint)).json
        assert after.json | {"updated_at": None} == before | {name: value, "updated_at": None}
        assert after.json["updated_at"] >= before["updated_at"]


def test_a_description_is_taken_away_with_null_and_metadata_with_an_empty_object(api):
    made = api.post("/webhooks", NEW | {"description": "x", "metadata": {"a": 1}}).json

    after = api.patch(path_of(made), {"description": None, "metadata": {}}).json

    assert (after["description"], after["metadata"]) == (None, {})


def test_each_change_says_when_it_was_made_and_leaves_the_beginning_as_it_was(api, endpoint):
    path, now = path_of(endpoint), timezone.now()
    changes = [
        lambda: api.patch(path, {"description": "x"}),
        lambda: api.patch(path, {"status": "disabled"}),
        lambda: api.patch(path, {"status": "active"}),
        lambda: api.post(f"{path}/rotate-secret", {}),
    ]

    for hours, change in enumerate(changes, start=1):
        later = now + timedelta(hours=hours)
        with time_machine.travel(later, tick=False):
            changed = change().json

        stamp = later.strftime("%Y-%m-%dT%H:%M:%S.") + f"{later.microsecond // 1000:03}Z"
        assert (changed["updated_at"], changed["created_at"]) == (stamp, endpoint["created_at"])
        assert api.get(path).json["updated_at"] == stamp


def test_nothing_given_changes_nothing(api, endpoint):
    before = api.get(path_of(endpoint)).json

    assert api.patch(path_of(endpoint), {}).json == before


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"url": None}, "url"),
        ({"url": "http://hooks.example/in"}, "url"),
        ({"events": None}, "events"),
        ({"events": []}, "events"),
        ({"events": ["*", "nothing"]}, "events.1"),
        ({"description": ""}, "description"),
        ({"description": "x" * 501}, "description"),
        ({"metadata": None}, "metadata"),
        ({"status": None}, "status"),
        ({"status": "enabled"}, "status"),
        ({"status": True}, "status"),
        ({"status": ["active"]}, "status"),
        ({"api_version": "2026-04-25"}, "api_version"),
        ({"secret": "x"}, "secret"),
        ({"id": "wh_x"}, "id"),
    ],
)
def test_a_change_that_is_wrong_changes_nothing(api, endpoint, change, param):
    before = api.get(path_of(endpoint)).json

    assert api.patch(path_of(endpoint), {"description": "new"} | change).problem == (400, "bad_request", param)
    assert api.get(path_of(endpoint)).json == before


def test_an_endpoint_that_is_switched_off_is_sent_nothing_and_keeps_what_happens(api, organization, endpoint):
    tell(organization, 1)

    switched_off = api.patch(path_of(endpoint), {"status": "disabled"})
    tell(organization, 2)

    assert switched_off.json["status"] == api.get(path_of(endpoint)).json["status"] == "disabled"
    row = Endpoint.objects.get()
    assert due_to(row) == []
    assert row.deliveries.count() == 2
    assert row.disabled_because == "asked"


def test_switched_on_again_it_is_sent_what_happens_from_then_on(api, organization):
    row = disabled_endpoint(organization)
    tell(organization, 1)

    switched_on = api.patch(f"/webhooks/{row.public_id}", {"status": "active", "events": ["patient.deleted"]})
    tell(organization, 2)

    assert (switched_on.json["status"], switched_on.json["events"]) == ("active", ["patient.deleted"])
    (due,) = due_to(row)
    assert due.content["data"]["object"] == {"number": 2}


@pytest.mark.parametrize("status", ["active", "disabled"])
def test_a_status_that_it_has_already_changes_nothing(api, endpoint, organization, status):
    api.patch(path_of(endpoint), {"status": status})
    tell(organization)
    before, due = api.get(path_of(endpoint)).json, len(due_to(Endpoint.objects.get()))

    assert api.patch(path_of(endpoint), {"status": status}).json == before
    assert len(due_to(Endpoint.objects.get())) == due


# --- Deleting them ---


def test_a_deleted_endpoint_is_gone_with_what_was_sent_to_it_and_the_events_stay(api, organization, endpoint):
    kept = new_endpoint(organization)
    told = tell(organization)
    delivery = Endpoint.objects.get(pk=endpoint["id"][3:]).deliveries.get()
    Attempt.objects.create(delivery=delivery, endpoint=delivery.endpoint, started_at=timezone.now())

    answer = api.delete(path_of(endpoint))

    assert answer.status == 200
    assert answer.json == {"id": endpoint["id"], "resource_type": "webhook_endpoint", "deleted": True}
    assert api.get(path_of(endpoint)).status == api.delete(path_of(endpoint)).status == 404
    assert api.get(f"/events/{told}").status == 200
    assert [row.endpoint for row in Delivery.objects.all()] == [kept]
    assert not Attempt.objects.exists()
    assert Event.objects.count() == 1


# --- Secrets ---


def test_a_rotated_secret_is_new_and_the_one_before_it_ends_at_once(api, endpoint):
    rotated = api.post(f"{path_of(endpoint)}/rotate-secret", {})

    assert rotated.status == 200
    assert list(rotated.json) == [*FIELDS, "secret"]
    assert SECRET.fullmatch(rotated.json["secret"])
    assert rotated.json["secret"] != endpoint["secret"]
    assert Endpoint.objects.get().secrets(timezone.now()) == [rotated.json["secret"]]


def test_rotating_needs_no_body(api, endpoint):
    answer = api.request("POST", f"{path_of(endpoint)}/rotate-secret")

    assert answer.status == 200
    assert answer.json["secret"] != endpoint["secret"]


def test_the_secret_before_it_may_go_on_signing_for_up_to_a_day(api, endpoint):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        rotated = api.post(f"{path_of(endpoint)}/rotate-secret", {"expire_current_in": 3600}).json

    row = Endpoint.objects.get()
    both = [rotated["secret"], endpoint["secret"]]
    assert row.secrets(now) == row.secrets(now + timedelta(seconds=3599)) == both
    assert row.secrets(now + timedelta(seconds=3600)) == [rotated["secret"]]
    assert api.post(f"{path_of(endpoint)}/rotate-secret", {"expire_current_in": 86400}).status == 200


def test_rotated_again_it_has_the_last_two_and_none_of_those_before(api, endpoint):
    path = f"{path_of(endpoint)}/rotate-secret"
    second = api.post(path, {"expire_current_in": 86400}).json["secret"]
    third = api.post(path, {"expire_current_in": 60}).json["secret"]
    assert Endpoint.objects.get().secrets(timezone.now()) == [third, second]

    fourth = api.post(path, {"expire_current_in": 0}).json["secret"]

    assert Endpoint.objects.get().secrets(timezone.now()) == [fourth]
    assert Endpoint.objects.get().previous_secret is None


@pytest.mark.parametrize("seconds", [-1, 86401, 1.5, "60", None, True, [60], 2**63])
def test_an_overlap_is_whole_seconds_up_to_a_day(api, endpoint, seconds):
    answer = api.post(f"{path_of(endpoint)}/rotate-secret", {"expire_current_in": seconds})

    assert answer.problem == (400, "bad_request", "expire_current_in")
    assert Endpoint.objects.get().secret == endpoint["secret"]


@pytest.mark.parametrize(("body", "param"), [({"overlap": 60}, "overlap"), ({"secret": "whsec_x"}, "secret")])
def test_a_rotation_takes_no_other_fields(api, endpoint, body, param):
    answer = api.post(f"{path_of(endpoint)}/rotate-secret", {"expire_current_in": 60} | body)

    assert answer.problem == (400, "bad_request", param)
    assert Endpoint.objects.get().secret == endpoint["secret"]


def test_a_rotation_that_is_sent_twice_with_a_key_is_done_once(api, endpoint):
    first = api.post(f"{path_of(endpoint)}/rotate-secret", {}, Idempotency_Key=KEY)
    second = api.post(f"{path_of(endpoint)}/rotate-secret", {}, Idempotency_Key=KEY)

    assert second.json == first.json
    assert Endpoint.objects.get().secret == first.json["secret"]
    assert IdempotencyKey.objects.count() == 1


# --- Who may, and what it costs ---


def test_an_endpoint_whose_key_was_lost_is_listed_changed_and_gets_a_new_secret(api, endpoint):
    path = f"/webhooks/{endpoint['id']}"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_endpoint SET secret = 'gAAAAABunreadable'")

    assert api.get("/webhooks").json["data"] == [api.get(path).json]
    assert api.patch(path, {"description": "Orders"}).status == api.get(f"{path}/events").status == 200
    rotated = api.post(f"{path}/rotate-secret", {"expire_current_in": 60})
    assert rotated.status == 200
    assert Endpoint.objects.defer("previous_secret").get().secret == rotated.json["secret"]
    assert api.delete(path).status == 200


@pytest.mark.parametrize(("content_type", "body"), [("text/plain", "x"), ("application/json", "{bad")])
def test_a_body_where_none_is_asked_for_is_not_read(api, endpoint, content_type, body):
    path, key = f"/webhooks/{endpoint['id']}", {"Authorization": f"Bearer {api.key}"}

    for method, at in (("GET", "/webhooks"), ("GET", path), ("DELETE", path)):
        answer = Client().generic(method, at, body, content_type=content_type, headers=key)
        assert answer.status_code == 200, (method, at)


def test_who_may_only_read_changes_nothing(api, organization, endpoint):
    reader = api_of(organization, scopes=["webhooks:read"])

    assert reader.get("/webhooks").status == reader.get(path_of(endpoint)).status == 200
    for answer in (
        reader.post("/webhooks", NEW),
        reader.patch(path_of(endpoint), {"status": "disabled"}),
        reader.delete(path_of(endpoint)),
        reader.post(f"{path_of(endpoint)}/rotate-secret", {}),
        reader.post(f"{path_of(endpoint)}/replay", {"since": "2026-04-25T14:30:00Z"}),
        reader.post(f"{path_of(endpoint)}/test", {"type": "patient.deleted"}),
    ):
        assert answer.problem == (403, "insufficient_scope", None)
    assert Endpoint.objects.get().secret == endpoint["secret"]


def test_each_call_costs_a_fixed_number_of_queries(api, organization, endpoint, django_assert_num_queries):
    for _ in range(5):
        new_endpoint(organization)
    path = path_of(endpoint)
    api.get(path)  # notes that the key was used

    for cost, call in (
        (2, lambda: api.get(path)),
        (2, lambda: api.get("/webhooks")),
        (6, lambda: api.post("/webhooks", NEW)),  # the key; savepoint, the workspace, how many, the endpoint, release
        (6, lambda: api.patch(path, {"description": "x"})),  # the key, the endpoint; savepoint, change, read, release
        (6, lambda: api.post(f"{path}/rotate-secret", {})),
    ):
        with django_assert_num_queries(cost):
            assert call().status == 200


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_is_deleted_while_it_is_changed_is_not_found(api, endpoint):
    row = Endpoint.objects.get()
    deleted = threading.Event()

    def change() -> int:
        try:
            return api.patch(path_of(endpoint), {"description": "x"}).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            row.delete()
            changing = pool.submit(change)
            deleted.wait(0.5)  # it has found the endpoint by now, and waits for it
        status = changing.result()

    assert status == 404
