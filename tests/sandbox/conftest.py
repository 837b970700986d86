"""A client app that walks through the portals the way a real one does, with a browser in the other hand."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import pytest
from django.test import Client

from sandbox.operations import SandboxSource, prepare_sandbox
from sandbox.people import PASSWORD

REDIRECT_URI = "https://app.example/callback"
VERIFIER = "a-verifier-that-is-long-enough-for-rfc-7636-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def query_of(url):
    return dict(parse_qsl(urlsplit(url).query))


class ClientApp:
    """How one source knows its client, and a patient's browser. Keyword arguments change what is sent; None omits."""

    def __init__(self, source: SandboxSource) -> None:
        self.source = source
        self.browser = Client()
        self.configuration = Client().get(f"{source.fhir_base_url}/.well-known/smart-configuration").json()
        self.asked = ""

    def authorization_url(self, **changes):
        parameters = {
            "response_type": "code",
            "client_id": self.source.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": self.source.scopes,
            "state": "a-state",
            "aud": self.source.fhir_base_url,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | changes
        sent = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.configuration['authorization_endpoint']}?{urlencode(sent, doseq=True)}"

    def ask(self, **changes):
        self.asked = self.authorization_url(**changes)
        return self.browser.get(self.asked)

    def sign_in(self, username, password=PASSWORD, **changes):
        """From the app to the consent page, or to the sign-in page again."""
        sign_in_page = self.ask(**changes)
        form = {"username": username, "password": password, "next": query_of(sign_in_page["Location"])["next"]}
        return self.browser.post(urlsplit(sign_in_page["Location"]).path, form, follow=True)

    def decide(self, decision="allow", chart=None):
        return self.browser.post(self.asked, {"decision": decision} | ({"chart": chart} if chart else {}))

    def come_back(self, username, *, decision="allow", chart=None, **changes):
        """The query with which the patient's browser comes back."""
        self.sign_in(username, **changes)
        return query_of(self.decide(decision, chart)["Location"])

    def call(self, endpoint, **parameters):
        """Post to the token or revocation endpoint, authenticated the way this client is registered for."""
        headers = {}
        sent = {name: value for name, value in parameters.items() if value is not None}
        if self.source.auth_method == "basic":
            pair = f"{quote_plus(self.source.client_id)}:{quote_plus(self.source.client_secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            sent.setdefault("client_id", self.source.client_id)
        if self.source.auth_method == "post":
            sent.setdefault("client_secret", self.source.client_secret)
        return Client().post(self.configuration[endpoint], sent, headers=headers)

    def exchange(self, code, **changes):
        parameters = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        } | changes
        return self.call("token_endpoint", **parameters)

    def refresh(self, refresh_token, **changes):
        parameters = {"grant_type": "refresh_token", "refresh_token": refresh_token} | changes
        return self.call("token_endpoint", **parameters)

    def revoke(self, token, **changes):
        return self.call("revocation_endpoint", token=token, **changes)

    def tokens(self, username, *, chart=None, **changes):
        """The token answer for a patient with a browser of their own."""
        self.browser = Client()
        return self.exchange(self.come_back(username, chart=chart, **changes)["code"]).json()

    def read(self, path, token, **parameters):
        """GET below the FHIR base URL, or any absolute URL."""
        url = path if path.startswith("http") else f"{self.source.fhir_base_url}/{path}"
        return Client().get(url, parameters or None, headers={"Authorization": f"Bearer {token}"})

    def pages(self, path, token, **parameters):
        """All bundles of a search, following the next links."""
        bundle = self.read(path, token, **parameters).json()
        yield bundle
        while following := [link["url"] for link in bundle["link"] if link["relation"] == "next"]:
            bundle = self.read(following[0], token).json()
            yield bundle


def text_of(response):
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


@pytest.fixture
def wait(time_machine):
    """Let so many seconds pass."""
    return lambda seconds: time_machine.move_to(datetime.now(UTC) + timedelta(seconds=seconds))


@pytest.fixture
def sources(db):
    return {
        urlsplit(source.fhir_base_url).path.split("/")[2]: source
        for source in prepare_sandbox(redirect_uri=REDIRECT_URI)
    }


@pytest.fixture
def riverside(sources):
    return ClientApp(sources["riverside"])


@pytest.fixture
def lakeshore(sources):
    return ClientApp(sources["lakeshore"])


@pytest.fixture
def evergreen(sources):
    return ClientApp(sources["evergreen"])
