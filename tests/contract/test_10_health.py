"""Contract §10: health, readiness, metrics, and the document."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from django.test import Client

from medblocks_connect.settings import MIDDLEWARE
from sources.searching import index
from tests.layers import ROOT

TOKEN = "a token for prometheus"
ROUTE = "patients/<path:reference>"


@pytest.fixture
def running(db):
    """What a whole installation has beside its database: a worker, and a search index on this machine."""
    beat("now()")
    index.build()


def beat(when: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
        cursor.execute(f"INSERT INTO procrastinate_workers (last_heartbeat) VALUES ({when})")


def checks(client) -> tuple[int, bool, list[str]]:
    """Status, verdict, and the checks that fail; each of those has a reason."""
    response = client.get("/health/ready")
    answer = response.json()
    assert set(answer["checks"]) == {"database", "migrations", "worker", "search_index"}
    assert all(check["ok"] == (check["reason"] is None) for check in answer["checks"].values())
    return response.status_code, answer["ok"], [name for name, check in answer["checks"].items() if not check["ok"]]


def test_health_needs_no_key_and_tells_the_time(client):
    response = client.get("/health")

    answer = response.json()
    assert response.status_code == 200
    assert list(answer) == ["ok", "server_time"]
    assert answer["ok"] is True
    assert answer["server_time"] == datetime.fromisoformat(answer["server_time"]).isoformat(
        timespec="milliseconds"
    ).replace("+00:00", "Z")


def test_the_time_that_health_tells_is_now(client):
    with time_machine.travel(datetime(2026, 4, 25, 14, 30, 0, 123456, tzinfo=UTC), tick=False):
        answer = client.get("/health").json()

    assert answer["server_time"] == "2026-04-25T14:30:00.123Z"


def test_health_asks_nothing_of_the_database(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_probes_may_ask_under_any_host_and_only_read(client, running, path):
    assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200
    refused = client.post(path)
    assert refused.json()["error"]["code"] == "method_not_allowed"
    assert refused.headers["Allow"] == "GET, HEAD"
    assert refused.headers["X-Request-Id"] == refused.json()["error"]["request_id"]


def test_an_installation_with_everything_is_ready(client, running):
    assert checks(client) == (200, True, [])


def test_a_worker_whose_heart_stopped_is_missing(client, running):
    beat("now() - interval '5 minutes'")

    assert checks(client) == (503, False, ["worker"])


def test_what_is_not_ready_says_when_to_ask_again(client, running):
    assert "Retry-After" not in client.get("/health/ready").headers
    beat("now() - interval '5 minutes'")

    assert int(client.get("/health/ready").headers["Retry-After"]) >= 1


def test_a_machine_without_an_index_is_not_ready_and_asking_builds_none(client, db):
    beat("now()")

    assert checks(client) == (503, False, ["search_index"])
    assert checks(client) == (503, False, ["search_index"])


@pytest.mark.django_db(transaction=True)
def test_an_unapplied_migration_is_told_with_what_to_do(client):
    beat("now()")
    index.build()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'flows' RETURNING id, app, name, applied")
        removed = cursor.fetchall()
    try:
        response = client.get("/health/ready")
    finally:
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", removed)

    assert response.status_code == 503
    reason = response.json()["checks"]["migrations"]["reason"]
    assert reason.startswith(f"{len(removed)} migrations")
    assert "manage.py migrate" in reason


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_told_without_a_word_of_the_installation(client, settings):
    index.build()
    connection.close()
    there, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], "nowhere"
    try:
        response = client.get("/health/ready")
    finally:
        connection.close()
        connection.settings_dict["NAME"] = there

    assert response.status_code == 503
    failing = {name: check["reason"] for name, check in response.json()["checks"].items() if not check["ok"]}
    assert failing == dict.fromkeys(("database", "migrations", "worker"), "The database does not answer.")
    assert "nowhere" not in response.content.decode()


def test_metrics_are_off_unless_enabled(client, db):
    response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "resource_not_found"


@pytest.fixture
def scraper(settings, db):
    settings.METRICS_TOKEN = TOKEN
    settings.MIDDLEWARE = list(MIDDLEWARE)
    return Client(headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_metrics_want_their_token(scraper, header):
    response = Client().get("/metrics", headers={"Authorization": header})

    assert response.status_code == 401
    assert b"medblocks_requests" not in response.content


def lines(scraper, name: str) -> list[str]:
    response = scraper.get("/metrics", headers={"Host": "10.0.0.7:8000"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return [line for line in response.content.decode().splitlines() if line.startswith(name)]


def counted(scraper, *, method: str, route: str, status: str) -> float:
    labels = f'{{method="{method}",route="{route}",status="{status}"}}'
    return sum(float(line.rpartition(" ")[2]) for line in lines(scraper, f"medblocks_requests_total{labels}"))


def test_metrics_count_requests_by_route_and_status(scraper, api):
    before = counted(scraper, method="GET", route=ROUTE, status="404")

    api.get("/patients/nobody")
    api.get("/patients/nobody-else")

    assert counted(scraper, method="GET", route=ROUTE, status="404") == before + 2
    assert lines(scraper, f'medblocks_request_seconds_count{{method="GET",route="{ROUTE}"}}')


def test_metrics_carry_no_id_no_person_and_no_made_up_method(scraper, api):
    api.get("/patients/jane.doe%40example.com")
    api.get("/c/0123456789abcdef0123456789abcdef".replace("/c/", "/nothing/"))
    api.request("INVENTED", "/patients")

    text = "\n".join(lines(scraper, "medblocks"))
    assert 'method="other"' in text
    for secret in ("jane", "0123456789abcdef", "INVENTED", api.key):
        assert secret not in text


PROCESS = """
import django
django.setup()
from django.test import Client
client = Client(headers={"Authorization": "Bearer t"})
print(client.get("/nothing").status_code)
print(client.get("/metrics").content.decode())
"""


def test_several_processes_add_up_where_the_library_has_a_directory_for_it(tmp_path):
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "METRICS_TOKEN": "t",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "TEST_VAR_DIR": str(tmp_path / "var"),
    }
    for expected in (1.0, 2.0):
        done = subprocess.run(
            [sys.executable, "-c", PROCESS], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert f'medblocks_requests_total{{method="GET",route="none",status="404"}} {expected}' in done.stdout


def test_the_document_and_its_page_need_no_key(client, db):
    assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert client.get("/docs").headers["Content-Type"].startswith("text/html")
