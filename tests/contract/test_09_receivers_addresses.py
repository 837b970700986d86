"""Contract §9: which URLs events may be sent to."""

import socket
import threading

import pytest
from django.db import connection

from common.outbound import Reach, lookup
from tests.conftest import api_of
from tests.contract.conftest import PUBLIC
from tests.eventually import eventually
from webhooks.addresses import reach_of
from webhooks.models import Endpoint

LOCAL = ["http://localhost:3000/in", "http://127.0.0.1:8080", "http://[::1]:9/x?y=1", "http://localhost"]

pytestmark = pytest.mark.usefixtures("names")


def make(api, url, **headers):
    return api.post("/webhooks", {"url": url, "events": ["*"]}, **headers)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example",
        "https://hooks.example/",
        "https://hooks.example:8443/in?tenant=7&x=%20",
        "https://HOOKS.Example/In",
        "HTTPS://hooks.example/in",
        "https://hooks.example./in",
        "https://xn--bcher-kva.example/in",
        f"https://{PUBLIC}/in",
        "https://[2606:2800:220:1::1]:8443/in",
        "https://hooks.example/" + "x" * (2000 - len("https://hooks.example/")),
    ],
)
def test_https_to_a_public_address_is_taken_as_it_is(api, url):
    answer = make(api, url)

    assert answer.status == 200
    assert answer.json["url"] == url


@pytest.mark.parametrize("url", LOCAL)
def test_http_to_localhost_is_taken_in_sandbox_workspaces_only(api, production_organization, url):
    assert make(api, url).json["url"] == url
    assert make(api_of(production_organization), url).problem == (400, "bad_request", "url")


REFUSED = {
    "plain http": "http://hooks.example/in",
    "http to a public address": f"http://{PUBLIC}/in",
    "no scheme": "hooks.example/in",
    "another scheme": "ftp://hooks.example/in",
    "a script": "javascript:alert(1)",
    "a file": "file:///etc/passwd",
    "no host": "https:///in",
    "only a port": "https://:443/in",
    "a user name": "https://user@hooks.example/in",
    "a password": "https://user:pass@hooks.example/in",
    "an empty user name": "https://@hooks.example/in",
    "credentials and localhost": "http://user:pass@localhost/in",
    "a fragment": "https://hooks.example/in#here",
    "an empty fragment": "https://hooks.example/in#",
    "too long": "https://hooks.example/" + "x" * 1979,
    "a space": "https://hooks.example/in out",
    "a space before it": " https://hooks.example/in",
    "a line break": "https://hooks.example/in\n",
    "a tab in the host": "https://hooks\t.example/in",
    "a backslash": "https://hooks.example\\@localhost/in",
    "another alphabet": "https://hööks.example/in",
    "digits of another alphabet": "https://①②⑦.0.0.1/in",
    "an encoded host": "https://hooks%2eexample/in",
    "a wildcard": "https://*.example/in",
    "two dots": "https://hooks..example/in",
    "a port beyond all": "https://hooks.example:65536/in",
    "no port": "https://hooks.example:0/in",
    "a port that is none": "https://hooks.example:https/in",
    "a bracket": "https://[::1/in",
    "loopback": "https://127.0.0.1/in",
    "all of loopback": "https://127.255.255.254/in",
    "loopback of IPv6": "https://[::1]/in",
    "localhost": "https://localhost/in",
    "localhost with a dot": "https://localhost./in",
    "a name below localhost": "https://hooks.localhost/in",
    "http to localhost with a dot": "http://localhost./in",
    "http to the rest of loopback": "http://127.0.0.2/in",
    "http to a private address": "http://10.0.0.1/in",
    "an address of a cloud": "https://169.254.169.254/latest/meta-data",
    "the same over http": "http://169.254.169.254/latest/meta-data",
    "private, 10": "https://10.0.0.1/in",
    "private, 172": "https://172.16.0.1/in",
    "private, 192": "https://192.168.1.1/in",
    "shared": "https://100.64.0.1/in",
    "this network": "https://0.0.0.0/in",
    "multicast": "https://224.0.0.1/in",
    "broadcast": "https://255.255.255.255/in",
    "link-local of IPv6": "https://[fe80::1]/in",
    "site-local of IPv6": "https://[fec0::1]/in",
    "of a future IP": "https://[v1.a]/in",
    "with a zone": "https://[fe80::1%25eth0]/in",
    "unique local": "https://[fd00::1]/in",
    "unspecified": "https://[::]/in",
    "mapped": "https://[::ffff:127.0.0.1]/in",
    "mapped in hex": "https://[::ffff:7f00:1]/in",
    "mapped to a cloud": "https://[::ffff:169.254.169.254]/in",
    "compatible": "https://[::127.0.0.1]/in",
    "translated": "https://[64:ff9b::7f00:1]/in",
    "6to4": "https://[2002:7f00:1::]/in",
    "decimal": "https://2130706433/in",
    "octal": "https://0177.0.0.1/in",
    "hexadecimal": "https://0x7f000001/in",
    "hexadecimal parts": "https://0x7f.0x0.0x0.0x1/in",
    "short": "https://127.1/in",
    "with a dot at its end": "https://127.0.0.1./in",
    "decimal over http": "http://2130706433/in",
    "a number at the end of a name": "https://hooks.example.1/in",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_everything_else_is_refused(api, endpoint, kind):
    made = make(api, REFUSED[kind])
    changed = api.patch(f"/webhooks/{endpoint['id']}", {"url": REFUSED[kind]})

    assert made.problem == changed.problem == (400, "bad_request", "url")
    assert Endpoint.objects.get().url == endpoint["url"]


# --- Names ---


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], [PUBLIC, "192.168.1.1"]],
    ids=str,
)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(api, names, endpoint, addresses):
    names.leads_to["inside.example"] = addresses

    for url in ("https://inside.example/in", "https://inside.example./in", "https://INSIDE.example:8443"):
        made = make(api, url)
        changed = api.patch(f"/webhooks/{endpoint['id']}", {"url": url})
        assert made.problem == changed.problem == (400, "bad_request", "url")
    assert Endpoint.objects.get().url == endpoint["url"]


def test_so_it_is_in_a_production_workspace_and_where_the_operator_allows_the_network_it_is_taken(
    production_organization, names, settings
):
    names.leads_to["inside.example"] = ["10.1.2.3"]
    api = api_of(production_organization)
    assert make(api, "https://inside.example/in").problem == (400, "bad_request", "url")

    settings.OUTBOUND_ALLOWED_NETWORKS = ["10.1.0.0/16"]

    assert make(api, "https://inside.example/in").status == 200
    assert make(api, "https://10.1.2.3/in").status == 200


def test_a_name_that_leads_nowhere_now_is_taken(api, names):
    names.leads_to["not-yet.example"] = []

    assert make(api, "https://not-yet.example/in").status == 200


def test_an_unknown_name_is_taken(api, monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert make(api, "https://not-yet.example/in").status == 200


def test_what_is_refused_as_it_reads_is_not_looked_up(api, names):
    for url in ("http://inside.example/in", "https://user@inside.example/in", "https://127.1/in", LOCAL[0]):
        make(api, url)

    assert names.asked == []


def test_a_name_is_looked_up_outside_of_every_transaction(api, monkeypatch):
    entered = []
    within = connection.savepoint_ids[:]
    asked = lookup.check_name
    monkeypatch.setattr(
        "webhooks.addresses.check_name", lambda *args: (entered.append(connection.savepoint_ids[:]), asked(*args))[1]
    )

    assert make(api, "https://hooks.example/in", Idempotency_Key="k").status == 200

    assert entered == [within]


def test_an_answer_that_was_given_is_given_again_wherever_the_name_leads_now(api, names):
    first = make(api, "https://hooks.example/in", Idempotency_Key="k")
    names.leads_to["hooks.example"] = ["10.0.0.1"]

    assert make(api, "https://hooks.example/in", Idempotency_Key="k").json == first.json
    assert make(api, "https://hooks.example/in").problem == (400, "bad_request", "url")


def test_a_resolver_that_hangs_is_not_waited_for_and_keeps_few_threads(api, monkeypatch):
    hanging, asked = threading.Event(), []

    def hang(host, *args, **kwargs):
        asked.append(host)
        hanging.wait(30)
        return []

    monkeypatch.setattr(lookup, "LOOKUP_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert [make(api, "https://slow.example/in").status for _ in range(lookup.AT_ONCE + 2)] == [200] * 10
        assert len(asked) == lookup.AT_ONCE
    finally:
        hanging.set()
    eventually(lambda: lookup._free._value >= lookup.AT_ONCE, within=30)


# --- How far requests go ---


@pytest.mark.parametrize("url", LOCAL)
def test_requests_go_to_this_machine_only_where_the_operator_lets_them(settings, url):
    assert reach_of(url) == Reach.LOCAL
    settings.SANDBOX = False
    assert reach_of(url) == Reach.PUBLIC

    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]

    assert reach_of(url) == Reach.LOCAL
    assert reach_of("https://hooks.example/in") == Reach.PUBLIC
