"""The token endpoint and its sister, the revocation endpoint."""

import base64
import functools
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from .choices import LONG_ID, Choices
from .clients import Client, Clients
from .discovery import Addresses
from .faults import spoil, token_error
from .grants import Grant, Grants, Issued, RefusalError
from .listener import Answer, Request, repeated

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
KEY_ID = "portal-key"


@dataclass
class Tokens:
    """Gives tokens for codes and refresh tokens, and takes them back."""

    choices: Choices
    clients: Clients
    grants: Grants
    violations: list[str]
    addresses: Addresses
    faults_shown: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self, request: Request) -> Answer:
        """Answer a token request."""
        return self._judged(request, self._exchange, audiences=(self.addresses.token,))

    def revoke(self, request: Request) -> Answer:
        """RFC 7009: an unknown token is no error."""
        return self._judged(request, self._take_back, audiences=(self.addresses.token, self.addresses.revoke))

    def _judged(
        self, request: Request, answer: Callable[[Request, Client], Answer], audiences: tuple[str, ...]
    ) -> Answer:
        try:
            self._check_shape(request)
            return answer(request, self.clients.authenticate(request, self.choices.client_auth, audiences))
        except RefusalError as refusal:
            if refusal.is_violation:
                self.violations.append(refusal.sentence)
            headers = {"WWW_Authenticate": 'Basic realm="portal"'} if refusal.status == 401 else {}
            error = {"error": refusal.error, "error_description": refusal.sentence}
            return Answer.json(error, refusal.status, **headers)

    def _check_shape(self, request: Request) -> None:
        if request.method != "POST":
            raise RefusalError("invalid_request", f"The request is a {request.method}, not a POST.", status=405)
        if request.content_type != "application/x-www-form-urlencoded":
            raise RefusalError("invalid_request", f"The body is {request.content_type!r}, not a form.")
        if request.query:
            raise RefusalError("invalid_request", "Parameters were sent in the address.")
        if doubled := repeated(request.form_pairs):
            raise RefusalError("invalid_request", f"Given more than once: {', '.join(doubled)}.")

    def _exchange(self, request: Request, client: Client) -> Answer:
        kinds = {"authorization_code": self._from_code, "refresh_token": self._from_refresh}
        kind = kinds.get(request.form.get("grant_type", ""))
        if kind is None:
            raise RefusalError("unsupported_grant_type", f"The grant_type is {request.form.get('grant_type')!r}.")
        return kind(request.form, client)

    def _from_code(self, form: dict[str, str], client: Client) -> Answer:
        with self.grants.lock:
            issued = self._unused_code(form, client)
            self._check_against_request(form, issued)

            def good() -> Answer:
                issued.is_used = True
                return Answer.json(self._first_answer(issued.grant, client))

            return self._perhaps_spoilt("code", good)

    def _unused_code(self, form: dict[str, str], client: Client) -> Issued:
        """The code, still good. A second use ends everything that came from the first."""
        issued = self.grants.codes.get(form.get("code", ""))
        if issued is None or issued.grant.asked.client_id != client.client_id:
            raise RefusalError("invalid_grant", "The code was not given to this client.")
        if issued.is_used:
            issued.grant.is_revoked = True
            raise RefusalError("invalid_grant", "The code was used before; the tokens made from it are revoked.")
        if not issued.is_good():
            raise RefusalError("invalid_grant", "The code has expired.", is_violation=False)
        return issued

    def _check_against_request(self, form: dict[str, str], issued: Issued) -> None:
        """A wrong guess costs the code."""
        asked, verifier = issued.grant.asked, form.get("code_verifier", "")
        try:
            if form.get("redirect_uri") != asked.redirect_uri:
                raise RefusalError("invalid_grant", "The redirect_uri is not the one of the authorize request.")
            if not VERIFIER.fullmatch(verifier):
                raise RefusalError("invalid_grant", "The code_verifier is missing or not well formed.")
            if challenge_of(verifier) != asked.challenge:
                raise RefusalError("invalid_grant", "The code_verifier does not match the challenge.")
        except RefusalError:
            issued.is_used = True
            raise

    def _from_refresh(self, form: dict[str, str], client: Client) -> Answer:
        with self.grants.lock:
            issued = self.grants.refresh.get(form.get("refresh_token", ""))
            if issued is None or issued.grant.asked.client_id != client.client_id:
                raise RefusalError("invalid_grant", "The refresh token was not given to this client.")
            if issued.is_used:
                issued.grant.is_revoked = True
                raise RefusalError(
                    "invalid_grant", "A rotated refresh token was used again; its whole family is revoked."
                )
            if not issued.is_good():
                raise RefusalError("invalid_grant", "The refresh token is not good any more.", is_violation=False)
            return self._perhaps_spoilt("refresh", lambda: self._refreshed(form, issued))

    def _refreshed(self, form: dict[str, str], issued: Issued) -> Answer:
        asked = set(issued.grant.asked.scope.split())
        if not set(form.get("scope", "").split()) <= asked:
            raise RefusalError("invalid_scope", "The refresh asks for more than the patient allowed.")
        answer = self._common_answer(issued.grant)
        if self.choices.refresh_answer == "repeated":
            answer["refresh_token"] = form["refresh_token"]
        if self.choices.refresh_answer == "rotated":
            issued.is_used = True
            answer["refresh_token"] = self.grants.new_refresh(issued.grant)
        return Answer.json(answer | dict(self.choices.extra_fields))

    def _first_answer(self, grant: Grant, client: Client) -> dict[str, Any]:
        """The answer to a code."""
        answer, scopes = self._common_answer(grant), grant.asked.scope.split()
        is_asked = bool({"offline_access", "online_access"} & set(scopes))
        if self.choices.refresh_token is True or (self.choices.refresh_token == "if_asked" and is_asked):
            answer["refresh_token"] = self.grants.new_refresh(grant)
        if self.choices.id_token is True or (self.choices.id_token == "if_asked" and "openid" in scopes):
            answer["id_token"] = self._id_token(grant, client)
        if self.choices.access_grant_expiration is not None:
            answer["access_grant_expiration"] = self.choices.access_grant_expiration
        return answer | dict(self.choices.extra_fields)

    def _common_answer(self, grant: Grant) -> dict[str, Any]:
        """What both kinds of answer hold; None means left out, except for a patient that is null on purpose."""
        fields = {
            "access_token": self.grants.new_access(grant, self.choices.real_lifetime),
            "token_type": self.choices.token_type,
            "expires_in": self.choices.expires_in,
            "scope": self._scope(grant),
        }
        answer = {name: value for name, value in fields.items() if value is not None}
        if self.choices.patient_context != "absent":
            answer["patient"] = self._patient()
        return answer

    def _patient(self) -> Any:
        odd = {"null": None, "empty": "", "number": 12345, "list": [self.choices.patient_id], "very_long": LONG_ID}
        return odd.get(self.choices.patient_context, self.choices.patient_id)

    def _scope(self, grant: Grant) -> str | None:
        if self.choices.scopes_answered is None:
            return None
        words = granted_scopes(self.choices, grant)
        return " ".join(word for word in words if word != "offline_access" or not self.choices.drops_offline_access)

    def _id_token(self, grant: Grant, client: Client) -> str:
        now = int(time.time())
        claims = {"iss": self.addresses.issuer, "sub": "user-1", "aud": client.client_id, "iat": now, "exp": now + 300}
        claims["fhirUser"] = f"{self.addresses.fhir_base}/Patient/{self.choices.patient_id}"
        claims |= {"nonce": grant.asked.nonce} if grant.asked.nonce else {}
        text = jwt.encode(claims, signing_key(), algorithm="RS256", headers={"kid": KEY_ID})
        self.grants.secrets.append(text)
        return text

    def _perhaps_spoilt(self, occasion: str, good: Callable[[], Answer]) -> Answer:
        fault = self._fault(occasion)
        special = token_error(fault, self.choices) if fault else None
        return special or spoil(fault, self.choices, f"{self.addresses.elsewhere}/token", good)

    def _fault(self, occasion: str) -> str | None:
        """The chosen fault, as often as chosen."""
        if self.choices.token_fault_on not in {occasion, "both"}:
            return None
        with self.lock:
            self.faults_shown += 1
            is_over = self.choices.token_fault_times is not None and self.faults_shown > self.choices.token_fault_times
        return None if is_over else self.choices.token_fault

    def _take_back(self, request: Request, client: Client) -> Answer:
        text = request.form.get("token", "")
        if not text:
            raise RefusalError("invalid_request", "The token to revoke is missing.")
        fault, where = self.choices.revoke_fault, f"{self.addresses.elsewhere}/revoke"
        return spoil(fault, self.choices, where, lambda: self._end(text, client))

    def _end(self, text: str, client: Client) -> Answer:
        """A refresh token takes its grant along, an access token only itself."""
        with self.grants.lock:
            for shelf in (self.grants.refresh, self.grants.access):
                issued = shelf.get(text)
                if issued is not None and issued.grant.asked.client_id == client.client_id:
                    issued.expires_at = 0
                    issued.grant.is_revoked |= shelf is self.grants.refresh
        return Answer(200, b"", {"Cache-Control": "no-store"})


def granted_scopes(choices: Choices, grant: Grant) -> list[str]:
    """The scopes that count, whether or not the answer lists them."""
    if choices.scopes_answered in ("as_asked", None):
        return grant.asked.scope.split()
    return list(choices.scopes_answered or ())


def challenge_of(verifier: str) -> str:
    """RFC 7636, 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@functools.cache
def signing_key() -> rsa.RSAPrivateKey:
    """The key for id tokens; one for all portals of a run, because making one is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published_keys() -> dict[str, Any]:
    """The portal's own JWKS."""
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key().public_key()))
    return {"keys": [key | {"kid": KEY_ID, "alg": "RS256", "use": "sig", "key_ops": ["verify"]}]}
