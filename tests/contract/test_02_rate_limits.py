"""Contract §2: rate limits per key, with their headers on every response (docs/adr/0019)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client

from common.rates import Rate
from organizations.models import ApiKey
from organizations.rate_limits import address_of
from tests.api_client import Answer, Api
from tests.conftest import api_of
from tests.eventually import eventually

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@pytest.fixture
def five_a_minute(settings):
    settings.API_RATE_LIMIT = Rate.parse("5/minute")


def limits(answer: Answer) -> tuple[int, int, int]:
    return tuple(int(answer.headers[name]) for name in HEADERS)


def used_up(api: Api) -> Answer:
    """The first answer after the allowance of five was used."""
    for _ in range(5):
        assert api.get("/patients").status != 429
    return api.get("/patients")


def test_an_answer_says_how_much_is_left(api, five_a_minute):
    assert [limits(api.get("/patients"))[:2] for _ in range(5)] == [(5, 4), (5, 3), (5, 2), (5, 1), (5, 0)]


def test_reset_is_the_whole_seconds_until_all_is_there_again(api, five_a_minute):
    assert 11 <= limits(api.get("/patients"))[2] <= 12
    assert 23 <= limits(api.get("/patients"))[2] <= 24


def test_beyond_the_limit_429_says_when_to_try_again(api, five_a_minute):
    answer = used_up(api)

    assert answer.problem == (429, "throttled", None)
    assert answer.error["type"] == "rate_limit_error"
    assert 1 <= int(answer.headers["Retry-After"]) <= 12
    assert limits(answer)[:2] == (5, 0)


def test_retry_after_is_at_least_one_second(api, settings):
    settings.API_RATE_LIMIT = Rate.parse("1/second")
    answers = [api.get("/patients") for _ in range(20)]

    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {int(answer.headers["Retry-After"]) for answer in refused} == {1}


def test_a_refused_request_does_nothing(api, five_a_minute):
    used_up(api)

    assert api.post("/patients", {"patient_id": "p-1"}).status == 429
    assert api.get("/patients/p-1").status == 429


def test_the_allowance_comes_back(api, settings):
    # One comes back each second: however slow the machine, it asks more often.
    settings.API_RATE_LIMIT = Rate.parse("60/minute")
    assert 429 in [api.get("/patients").status for _ in range(200)]

    eventually(lambda: api.get("/patients").status == 200)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/patients", 200),
        ("GET", "/patients?limit=0", 400),
        ("GET", "/patients/nobody", 404),
        ("GET", "/connections", 200),
        ("GET", "/nothing", 404),
        ("GET", "/patients/", 404),
        ("DELETE", "/sessions", 405),
        ("OPTIONS", "/patients", 405),
        ("HEAD", "/patients", 200),
        ("POST", "/patients", 400),
        ("POST", "/sessions", 400),
    ],
)
def test_every_response_has_the_headers_errors_too(api, method, path, status):
    answer = api.client.generic(method, path, headers={"Authorization": f"Bearer {api.key}"})

    assert answer.status_code == status
    for name in HEADERS:
        assert int(answer.headers[name]) >= 0


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer mb_sk_sbx_wrong"}, {"Version": "tomorrow"}])
def test_responses_to_requests_without_a_valid_key_have_them_too(db, headers):
    answer = Api().get("/patients", **headers)

    assert answer.status == 401
    assert limits(answer)[0] == 1000


def test_a_bug_of_ours_and_an_unknown_version_have_them_too(api, monkeypatch):
    assert limits(api.get("/patients", Version="tomorrow"))
    monkeypatch.setattr("patients.views.PatientListQuery", None)

    answer = api.get("/patients")

    assert answer.status == 500
    assert limits(answer)


def test_a_host_that_is_not_ours_has_them_too(client):
    answer = Client().get("/patients", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert answer.headers["RateLimit-Limit"] == "1000"


@pytest.mark.parametrize("path", ["/", "/errors/throttled", "/c/" + "0" * 32, "/admin/login/", "/health"])
def test_health_and_pages_have_no_limit(client, db, path, settings):
    settings.API_RATE_LIMIT = Rate.parse("1/day")
    for _ in range(3):
        answer = client.get(path)
        assert answer.status_code in (200, 404)
        assert "RateLimit-Limit" not in answer.headers


def test_each_key_has_its_own_limit(api, organization, api_of_other, five_a_minute):
    assert used_up(api).status == 429

    assert limits(api_of_other.get("/patients"))[1] == 4
    assert limits(api_of(organization).get("/patients"))[1] == 4


def test_requests_without_a_valid_key_are_counted_by_address(db, five_a_minute):
    keys = iter(range(100))
    for _ in range(5):
        assert Api(f"mb_sk_sbx_{next(keys)}").get("/patients").status == 401
    answer = Api(f"mb_sk_sbx_{next(keys)}").get("/nothing")

    assert answer.problem == (429, "throttled", None)
    assert int(answer.headers["Retry-After"]) >= 1
    assert "no-store" in answer.headers["Cache-Control"]
    assert int(answer.headers["Content-Length"]) == len(answer.response.content)


def test_a_valid_key_works_from_an_address_that_is_used_up(api, five_a_minute):
    assert used_up(Api("mb_sk_sbx_wrong")).status == 429

    assert api.get("/patients").status == 200


def test_who_uses_up_a_key_may_still_be_told_that_another_is_wrong(api, five_a_minute):
    used_up(api)

    assert Api("mb_sk_sbx_wrong").get("/patients").status == 401


def test_a_revoked_key_counts_as_none(api, five_a_minute):
    api.get("/patients")
    ApiKey.objects.update(revoked_at="2026-01-01T00:00:00Z")

    answers = [api.get("/patients") for _ in range(6)]

    assert [answer.status for answer in answers] == [401] * 5 + [429]


def test_requests_at_once_are_all_counted(settings):
    """No thread sees the count of before another's: of 400 at once, exactly as many pass as may."""
    from common.rates import MemoryCounter

    counter, rate = MemoryCounter(), Rate.parse("100/day")
    together = threading.Barrier(8)

    def ask(_) -> int:
        together.wait()
        return sum(counter.count("key", rate).allowed for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 100


ADDRESSES = [
    ("203.0.113.9", "", 0, "203.0.113.9"),
    ("10.0.0.1", "203.0.113.9", 0, "10.0.0.1"),
    ("10.0.0.1", "203.0.113.9", 1, "203.0.113.9"),
    ("10.0.0.1", "made up, 203.0.113.9", 1, "203.0.113.9"),
    ("10.0.0.1", "made up, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
    ("10.0.0.1", "203.0.113.9", 2, "10.0.0.1"),
    ("10.0.0.1", "203.0.113.9:4711", 1, "203.0.113.9"),
    ("10.0.0.1", "[2001:db8:1:2::7]:4711", 1, "2001:db8:1:2::/64"),
    ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::/64"),
    ("::ffff:203.0.113.9", "", 0, "203.0.113.9"),
    ("fe80::1%eth0", "", 0, "fe80::/64"),
    ("", "", 0, "unknown"),
    ("10.0.0.1", "nonsense", 1, "unknown"),
]


@pytest.mark.parametrize(("remote", "forwarded", "proxies", "expected"), ADDRESSES)
def test_x_forwarded_for_counts_only_as_far_as_our_proxies_wrote_it(rf, settings, remote, forwarded, proxies, expected):
    settings.TRUSTED_PROXY_COUNT = proxies

    request = rf.get("/patients", REMOTE_ADDR=remote, headers={"X-Forwarded-For": forwarded} if forwarded else {})

    assert address_of(request) == expected
