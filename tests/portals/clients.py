"""Registered clients, and the proof that a request comes from one of them."""

import base64
import binascii
import hmac
import json
import re
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote_plus

import jwt

from .choices import ClientAuth
from .grants import RefusalError
from .listener import Request

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION = 300
FORM_ENCODED = re.compile(r"(?:[A-Za-z0-9*._~+-]|%[0-9A-Fa-f]{2})*")
CREDENTIALS = ("client_secret", "client_assertion", "client_assertion_type")


@dataclass(frozen=True)
class Client:
    """An app as it is registered with the portal."""

    client_id: str
    redirect_uri: str
    client_secret: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_url: str | None = None


@dataclass
class Clients:
    """All registered apps, and the assertions they have used."""

    by_id: dict[str, Client] = field(default_factory=dict)
    used_assertions: set[tuple[str, str]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def authenticate(self, request: Request, method: ClientAuth, audiences: tuple[str, ...]) -> Client:
        """The client that sent this request, proven in exactly the chosen way."""
        ways = {"none": self._public, "basic": self._basic, "post": self._post}
        client = self._assertion(request, audiences) if method == "private_key_jwt" else ways[method](request)
        named = request.form.get("client_id", client.client_id)
        _require(named == client.client_id, "The client_id in the body is not the one that was authenticated.")
        return client

    def _public(self, request: Request) -> Client:
        _require_only(request, body=())
        return self._named(request.form.get("client_id"))

    def _post(self, request: Request) -> Client:
        _require_only(request, body=("client_secret",))
        client = self._named(request.form.get("client_id"))
        _require_secret(client, request.form["client_secret"])
        return client

    def _basic(self, request: Request) -> Client:
        _require_only(request, body=(), header=True)
        client_id, secret = _basic_credentials(request.headers["Authorization"])
        client = self._named(client_id)
        _require_secret(client, secret)
        return client

    def _assertion(self, request: Request, audiences: tuple[str, ...]) -> Client:
        _require_only(request, body=("client_assertion", "client_assertion_type"))
        kind, assertion = request.form["client_assertion_type"], request.form["client_assertion"]
        _require(kind == ASSERTION_TYPE, f"The client_assertion_type is {kind!r}.")
        header, claims = _unverified(assertion)
        client = self._named(claims.get("iss"))
        _verify(assertion, header, client)
        _require_claims(claims, client, audiences)
        with self.lock:
            used = (client.client_id, claims["jti"])
            _require(used not in self.used_assertions, "The jti of the assertion was used before.")
            self.used_assertions.add(used)
        return client

    def _named(self, client_id: object) -> Client:
        client = self.by_id.get(client_id) if isinstance(client_id, str) else None
        if client is None:
            raise _no(f"No client is registered as {client_id!r}.")
        return client


def _no(sentence: str) -> RefusalError:
    return RefusalError("invalid_client", sentence, status=401)


def _require(is_so: bool, sentence: str) -> None:
    if not is_so:
        raise _no(sentence)


def _require_only(request: Request, *, body: tuple[str, ...], header: bool = False) -> None:
    """One way of authentication, and no trace of another."""
    sent = [name for name in CREDENTIALS if name in request.form]
    for name in sent:
        _require(name in body, f"{name} was sent, but this portal uses another client authentication.")
    for name in body:
        _require(name in sent, f"{name} is missing from the token request.")
    has_header = request.headers.get("Authorization") is not None
    _require(header or not has_header, "An Authorization header was sent, but this portal does not use one here.")
    _require(has_header or not header, "The Authorization header is missing.")


def _require_secret(client: Client, secret: str) -> None:
    is_right = client.client_secret is not None and hmac.compare_digest(client.client_secret.encode(), secret.encode())
    _require(is_right, "The client secret is wrong.")


def _basic_credentials(header: str) -> tuple[str, str]:
    """RFC 6749, 2.3.1: both parts are form-url-encoded before they are joined."""
    scheme, _, encoded = header.partition(" ")
    _require(scheme.lower() == "basic", "The Authorization header is not Basic.")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _no("The Basic header is not base64 of ASCII text.") from None
    is_encoded = FORM_ENCODED.fullmatch(client_id) and FORM_ENCODED.fullmatch(secret)
    _require(bool(is_encoded), "The parts of the Basic header are not form-url-encoded.")
    return unquote_plus(client_id), unquote_plus(secret)


def _unverified(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False, "verify_exp": False, "verify_aud": False})
    except jwt.PyJWTError as problem:
        raise _no(f"The client assertion is not a JWT: {problem}.") from None
    return header, claims


def _verify(assertion: str, header: dict[str, Any], client: Client) -> None:
    """A signature by the published key that the header names."""
    algorithm = str(header.get("alg"))
    _require(algorithm in {"RS384", "ES384"}, f"The assertion is signed with {algorithm}, not with RS384 or ES384.")
    _require(header.get("typ") == "JWT", "The typ of the assertion is not JWT.")
    _require("jku" not in header or header["jku"] == client.jwks_url, "The jku is not the registered address.")
    key = _published_key(client, header.get("kid"))
    is_p384 = key.get("crv") == "P-384"
    _require(algorithm != "ES384" or is_p384, "The assertion says ES384, but its key is not on P-384.")
    try:
        jwt.PyJWS().decode(assertion, jwt.PyJWK(key, algorithm=algorithm), algorithms=[algorithm])
    except jwt.PyJWTError as problem:
        raise _no(f"The signature of the assertion is not good: {problem}.") from None


def _published_key(client: Client, kid: object) -> dict[str, Any]:
    published = client.jwks or _fetched(client)
    keys: list[dict[str, Any]] = [key for key in published["keys"] if key.get("kid") == kid]
    _require(isinstance(kid, str) and bool(keys), f"No published key has the kid {kid!r}.")
    _require(not any("d" in key for key in published["keys"]), "The published keys contain a private one.")
    _require("verify" in keys[0].get("key_ops", ["verify"]), "The key is not published for verifying.")
    return keys[0]


def _fetched(client: Client) -> dict[str, Any]:
    """The keys at the client's own address, asked for anew each time."""
    if client.jwks_url is None:
        raise _no("The client has no registered keys.")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(client.jwks_url, timeout=5) as answer:
            published: dict[str, Any] = json.load(answer)
    except (OSError, HTTPException, ValueError) as problem:
        raise _no(f"The keys of the client cannot be fetched: {problem}.") from None
    _require(isinstance(published, dict) and isinstance(published.get("keys"), list), "The fetched keys are no JWKS.")
    return published


def _require_claims(claims: dict[str, Any], client: Client, audiences: tuple[str, ...]) -> None:
    now = time.time()
    expires, jti = claims.get("exp", 0), claims.get("jti")
    _require(claims.get("sub") == client.client_id, "The sub of the assertion is not the client_id.")
    _require(claims.get("aud") in audiences, f"The aud of the assertion is {claims.get('aud')!r}, not the token URL.")
    _require(isinstance(expires, int | float), "The exp of the assertion is not a number.")
    times = [claims.get("nbf", 0), claims.get("iat", 0)]
    is_begun = all(isinstance(one, int | float) and one <= now + 1 for one in times)
    _require(is_begun, "The assertion is not yet good.")
    _require(expires > now, "The assertion has expired, or has no exp.")
    _require(expires <= now + LONGEST_ASSERTION, "The assertion is good for more than five minutes.")
    _require(isinstance(jti, str) and bool(jti), "The assertion has no jti.")
