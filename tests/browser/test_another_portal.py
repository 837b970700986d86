"""A SMART server that is not ours, added with `add_source`, which differs in every choice the standards leave open.

And: after the journey nothing secret stands anywhere in clear.
"""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.portals import Choices, Portal, ReturnApp

pytestmark = pytest.mark.browser
DIFFERENT = Choices(
    client_auth="private_key_jwt",
    sends_iss=True,
    identity_provider=True,
    token_endpoint_elsewhere=True,
    scopes_answered=("launch/patient", "patient/Observation.rs", "patient/Condition.rs"),
    expires_in="60",
    refresh_token=False,
    base_path="/other/path",
    token_type="bearer",
)
SECRET = "s3cret:with/odd+chars&=%"


def register(product, portal: Portal, name: str, client_id: str, *options: str, **keys) -> str:
    portal.register(client_id=client_id, redirect_uri=f"{product.base_url}/oauth/callback", **keys)
    printed = product.manage(
        "add_source", "--name", name, "--fhir-base-url", portal.fhir_base_url, "--client-id", client_id, *options
    )
    product.wait_until_found(name)
    return printed.splitlines()[-1]


def connect(product, app: ReturnApp, person, name: str) -> dict:
    flow = product.post("/patient-flows", {"patient_id": name, "return_url": app.url("/back")})
    person.open(flow["url"]).search(name).reads("match")
    person.follow(name).press("Continue to sign in")
    person.page.get_by_label("User name").fill("patient")
    person.page.get_by_label("Password").fill("portal-password")
    person.page.locator("button[value=allow]").click()
    person.reads("You are connected").press("Return to Bluebird Health")
    person.page.wait_for_url(f"{app.origin}/**")
    return product.get(f"/patient-flows/{flow['id']}")


def test_a_portal_that_chose_everything_differently_connects_through_add_source(product, app, person):
    with Portal(DIFFERENT) as portal:
        source = register(
            product, portal, "Hilltop Medical", "hilltop-client", "--auth-method", "private_key_jwt",
            jwks_url=f"{product.base_url}/.well-known/jwks.json",
        )  # fmt: skip

        flow = connect(product, app, person, "Hilltop Medical")

        assert portal.violations == []
        assert [(entry["connection_id"], entry["status"]) for entry in flow["connections"]] == [(source, "active")]
        [connection] = product.get("/patients/Hilltop%20Medical")["connections"]
        assert connection["scopes"] == list(DIFFERENT.scopes_answered)


@pytest.mark.parametrize("method", ["basic", "post", "none"])
def test_nothing_secret_is_in_the_logs_or_the_database_after_a_journey(product, app, person, method):
    secret = None if method == "none" else SECRET
    with Portal(Choices(client_auth=method)) as portal:
        options = ["--auth-method", method] + (["--client-secret", secret] if secret else [])
        name = f"Greenfield {method}"
        register(product, portal, name, "green", *options, **({"client_secret": secret} if secret else {}))

        flow = connect(product, app, person, name)

        assert len(portal.issued) >= 3, "a code, an access token and a refresh token were issued"
        [exchange] = portal.received("/token")
        verifier = exchange.form["code_verifier"]
        [asked] = [request for request in portal.received("/authorize") if "state" in request.query]
        link_token = urlsplit(flow["url"]).path.rpartition("/")[2]
        secrets = [verifier, asked.query["state"], link_token, product.demo["api_key"], *([secret] if secret else [])]
        for where, text in (("logs", product.logs()), ("database", product.database_dump())):
            assert "Bluebird Health" in text or where == "logs", "the dump is not the product's"
            assert portal.leaks_in(text) == [], f"in the {where}"
            assert [value for value in secrets if value in text] == [], f"in the {where}"


def test_the_browser_history_of_our_pages_holds_no_portal_answer(product, app, person):
    """The callback's address, with its code, is left at once by a redirect."""
    visited: list[str] = []
    person.page.on("framenavigated", lambda frame: visited.append(frame.url))
    with Portal(Choices()) as portal:
        register(product, portal, "Meadow Clinic", "meadow")
        connect(product, app, person, "Meadow Clinic")

    ours = [url for url in visited if url.startswith(product.base_url)]
    assert ours
    assert not [url for url in ours if "code" in parse_qs(urlsplit(url).query)]
    assert all(re.search(r"/c/[0-9a-f]{32}", url) for url in ours)


def test_the_sandbox_keeps_no_secret_in_clear_either(product, app, person):
    """It shares the demo's database: a dump must not hold what the portals gave out."""
    flow = product.post("/patient-flows", {"patient_id": "sandbox secrets", "return_url": app.url("/back")})
    codes: list[str] = []
    person.page.on("request", lambda request: codes.extend(parse_qs(urlsplit(request.url).query).get("code", [])))
    person.open(f"{flow['url']}?q=riverside+general").follow("Riverside General Hospital").press("Continue to sign in")
    person.sign_in_to_sandbox("noah").reads("You are connected")
    stored = product.manage("shell", "-v0", "-c", PRINT_SECRETS).split()

    assert len(codes) == 1
    assert len(stored) >= 4  # an access and a refresh token, and the client secrets of two portals
    for where, text in (("logs", product.logs()), ("database", product.database_dump())):
        assert [value for value in [*codes, *stored] if value in text] == [], f"in the {where}"


PRINT_SECRETS = """
from patients.models import Connection
from sources.models import ClientRegistration
for connection in Connection.objects.filter(status="active", patient__reference="sandbox secrets"):
    print(connection.access_token, connection.refresh_token)
for registration in ClientRegistration.objects.exclude(client_secret=""):
    print(registration.client_secret)
"""
