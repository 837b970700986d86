"""From the authorize request to the callback: checks, sign-in, consent."""

import re
import secrets
import threading
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from .choices import Choices
from .clients import Clients
from .discovery import Addresses
from .grants import Asked, Grants, RefusalError
from .listener import Answer, Request, repeated
from .pages import message_page, sign_in_page

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of a SHA-256, without padding
SHORTEST_STATE = 20  # characters; SMART asks for 122 bits that nobody can guess


@dataclass
class Authorization:
    """The authorize endpoint and the sign-in page behind it."""

    choices: Choices
    clients: Clients
    grants: Grants
    violations: list[str]
    addresses: Addresses
    tickets: dict[str, Asked] = field(default_factory=dict)
    decisions: dict[str, tuple[Asked, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def authorize(self, request: Request) -> Answer:
        """Check the request, then let the patient sign in."""
        pairs = request.form_pairs if request.method == "POST" else request.query_pairs
        given = dict(pairs)
        try:
            self._check_return_address(given)
        except RefusalError as refusal:
            return self._refused_here(refusal)
        try:
            asked = self._checked(given, repeated(pairs))
        except RefusalError as refusal:
            self._note(refusal)
            return self._send_back(
                given["redirect_uri"], given.get("state"), error=refusal.error, error_description=refusal.sentence
            )
        return self._unwanted(asked) if self.choices.answers_without_page else self._begin_sign_in(asked)

    def sign_in(self, request: Request) -> Answer:
        """The page with the form, and what becomes of it."""
        given = request.form if request.method == "POST" else request.query
        asked = self.tickets.get(given.get("ticket", ""))
        if asked is None:
            return Answer.html(message_page("This page has expired", "Start again in your app."), 400)
        if self.choices.auto_approve:
            return self._decide(given["ticket"], "allow")
        if request.method != "POST":
            return self._page(asked, given["ticket"])
        if given.get("decision") == "deny":
            return self._decide(given["ticket"], "deny")
        is_known = (given.get("username"), given.get("password")) == (self.choices.username, self.choices.password)
        if not is_known or given.get("decision") != "allow":
            return self._page(asked, given["ticket"], "The user name or the password is wrong.")
        return self._decide(given["ticket"], "allow")

    def finish(self, request: Request) -> Answer:
        """The way back from the identity provider."""
        with self.lock:
            decided = self.decisions.pop(request.query.get("proof", ""), None)
        if decided is None:
            return Answer.html(message_page("This link was already used", "Start again in your app."), 400)
        return self._conclude(*decided)

    def _check_return_address(self, given: dict[str, str]) -> None:
        """Whoever fails here is not redirected: the address may be an attacker's."""
        client = self.clients.by_id.get(given.get("client_id", ""))
        if client is None:
            raise RefusalError("invalid_client", f"No client is registered as {given.get('client_id')!r}.")
        if given.get("redirect_uri") != client.redirect_uri:
            raise RefusalError("invalid_request", f"The redirect_uri {given.get('redirect_uri')!r} is not registered.")

    def _checked(self, given: dict[str, str], doubled: list[str]) -> Asked:
        """The request, if it is as SMART App Launch wants it."""
        if doubled:
            raise RefusalError("invalid_request", f"Given more than once: {', '.join(doubled)}.")
        if given.get("response_type") != "code":
            raise RefusalError("unsupported_response_type", "The response_type is not code.")
        if len(given.get("state", "")) < SHORTEST_STATE:
            raise RefusalError("invalid_request", "The state is missing or easy to guess.")
        if given.get("aud") != self.addresses.fhir_base:
            raise RefusalError("invalid_request", f"The aud is {given.get('aud')!r}, not {self.addresses.fhir_base}.")
        self._check_challenge(given)
        scope = self._checked_scope(given.get("scope", ""))
        client_id, address = given["client_id"], given["redirect_uri"]
        return Asked(client_id, address, given["state"], scope, given["code_challenge"], given.get("nonce"))

    def _check_challenge(self, given: dict[str, str]) -> None:
        if given.get("code_challenge_method") != "S256":
            raise RefusalError("invalid_request", "The code_challenge_method is not S256.")
        if not CHALLENGE.fullmatch(given.get("code_challenge", "")):
            raise RefusalError("invalid_request", "The code_challenge is not 43 characters of base64url.")

    def _checked_scope(self, scope: str) -> str:
        words = scope.split(" ")
        if "" in words or len(set(words)) < len(words):
            raise RefusalError("invalid_scope", "The scope is missing, or its words are not single and once each.")
        pattern = self.choices.refuses_scopes
        unwanted = [word for word in words if pattern and re.search(pattern, word)]
        if unwanted:
            raise RefusalError("invalid_scope", f"This portal does not know {unwanted[0]}.", is_violation=False)
        return scope

    def _unwanted(self, asked: Asked) -> Answer:
        """The request was good, and the portal still wants none of it."""
        if self.choices.authorize_fault == "error_page":
            return Answer.html(message_page("Request is invalid", "The request is invalid."), 400)
        error = {"error": self.choices.authorize_error or ""}
        if (description := self.choices.authorize_error_description) is not None:
            error["error_description"] = description
        return self._send_back(asked.redirect_uri, asked.state, **error)

    def _begin_sign_in(self, asked: Asked) -> Answer:
        if self.choices.auto_approve and not self.choices.identity_provider:
            return self._conclude(asked, "allow")
        ticket = secrets.token_urlsafe(16)
        self.tickets[ticket] = asked
        if self.choices.identity_provider:
            return Answer.redirect(f"{self.addresses.sign_in}?{urlencode({'ticket': ticket})}")
        return self._page(asked, ticket)

    def _page(self, asked: Asked, ticket: str, problem: str = "") -> Answer:
        return Answer.html(sign_in_page(asked.client_id, asked.scope, ticket, problem))

    def _decide(self, ticket: str, decision: str) -> Answer:
        """A ticket is good for one decision."""
        with self.lock:
            asked = self.tickets.pop(ticket, None)
        if asked is None:
            return Answer.html(message_page("This page has expired", "Start again in your app."), 400)
        if not self.choices.identity_provider:
            return self._conclude(asked, decision)
        proof = secrets.token_urlsafe(16)
        self.decisions[proof] = (asked, decision)
        return Answer.redirect(f"{self.addresses.finish}?{urlencode({'proof': proof})}", 303)

    def _conclude(self, asked: Asked, decision: str) -> Answer:
        """Back to the app with a code or with a denial."""
        if decision == "allow":
            return self._send_back(asked.redirect_uri, asked.state, *self._codes(asked))
        if not self.choices.denial_comes_back:
            return Answer.html(message_page("Access denied", "You have denied access. You may close this page."))
        return self._send_back(
            asked.redirect_uri, asked.state, error="access_denied", error_description="The patient said no."
        )

    def _codes(self, asked: Asked) -> list[str]:
        """The codes of the callback: one, unless that is the fault."""
        fault = self.choices.authorize_fault
        if fault in {"empty_code", "no_code"}:
            return [""] if fault == "empty_code" else []
        code = self.grants.new_code(asked, self.choices.code_lifetime)
        if fault == "two_codes":
            return [code, self.grants.new_code(asked, self.choices.code_lifetime)]
        return [code, code] if fault == "code_twice" else [code]

    def _send_back(self, redirect_uri: str, state: str | None, *codes: str, **error: str) -> Answer:
        pairs = [*(("code", code) for code in codes), *error.items()]
        if state is not None and self.choices.callback_state != "absent":
            pairs.append(("state", "not-the-state" if self.choices.callback_state == "wrong" else state))
        if self.choices.sends_iss:
            pairs.append(("iss", self.addresses.issuer if self.choices.sends_iss is True else self.choices.sends_iss))
        joint = "&" if urlsplit(redirect_uri).query else "?"
        return Answer.redirect(redirect_uri + joint + urlencode(pairs), 303)

    def _refused_here(self, refusal: RefusalError) -> Answer:
        self._note(refusal)
        return Answer.html(message_page("Request is invalid", refusal.sentence), 400)

    def _note(self, refusal: RefusalError) -> None:
        if refusal.is_violation:
            self.violations.append(refusal.sentence)
