"""The portal as a whole: its origins, its addresses and what it remembers."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

from .authorization import Authorization
from .choices import Choices
from .clients import Client, Clients
from .discovery import Addresses, capability_statement, smart_configuration
from .faults import spoil, spoil_configuration
from .grants import Grants, random_part
from .listener import Answer, Listener, Request
from .resources import Chart, Resources, fhir
from .tokens import Tokens, published_keys
from .visitor import visit

CONFIGURATION = ".well-known/smart-configuration"


class Portal:
    """One patient portal on loopback ports.

    `requests` holds everything received, at every origin; `violations` a sentence for every rule a client broke.
    """

    def __init__(self, choices: Choices | None = None) -> None:
        self.choices = choices or Choices()
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self._clients = Clients()
        self._grants = Grants()
        self._listeners = {name: Listener(name, self._answer, self.choices.host) for name in self._origins_needed()}

    def start(self) -> Self:
        """Open the ports."""
        for listener in self._listeners.values():
            listener.start()
        self.addresses = self._addresses()
        shared = (self.choices, self._clients, self._grants, self.violations, self.addresses)
        self._authorization = Authorization(*shared)
        self._tokens = Tokens(*shared)
        self._resources = Resources(
            self.choices, self._grants, self.violations, self._base.rstrip("/"), self.addresses.elsewhere
        )
        return self

    def stop(self) -> None:
        """Close the ports and end whatever hangs."""
        with ExitStack() as stack:  # each is stopped, even if another one reports a failure
            for listener in self._listeners.values():
                stack.callback(listener.stop)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def register(
        self,
        *,
        client_id: str,
        redirect_uri: str,
        client_secret: str | None = None,
        jwks: dict[str, Any] | None = None,
        jwks_url: str | None = None,
    ) -> Client:
        """Make an app known; registering it again replaces it."""
        client = Client(client_id, redirect_uri, client_secret, jwks, jwks_url)
        self._clients.by_id[client_id] = client
        return client

    @property
    def fhir_base_url(self) -> str:
        """The base URL, exactly as `aud` has to name it."""
        return self.addresses.fhir_base

    @property
    def origins(self) -> dict[str, str]:
        """All origins by name: portal, and as chosen identity, tokens, elsewhere."""
        return {name: listener.origin for name, listener in self._listeners.items()}

    @property
    def issued(self) -> list[str]:
        """Every code and token ever given out, for tests that search logs."""
        return list(self._grants.secrets)

    def leaks_in(self, text: str) -> list[str]:
        """The issued secrets that this text gives away, be they written plainly or as part of an address."""
        return [secret for secret in self.issued if random_part(secret) in text]

    def received(self, path: str) -> list[Request]:
        """The requests to one path, whichever origin, oldest first."""
        return [request for request in self.requests if request.path == path]

    def sign_in(self, authorize_url: str, decision: str = "allow") -> str:
        """Sign in as the patient and return the callback address, without opening it."""
        answers = {"username": self.choices.username, "password": self.choices.password, "decision": decision}
        return visit(authorize_url, self.origins.values(), answers)

    def serve(self, chart: Chart) -> None:
        """Let `chart` answer for the patient's resources, behind the check of the token."""
        self._resources.chart = chart

    def revoke_everything(self) -> None:
        """The patient takes back every permission."""
        self._grants.revoke_all()

    def expire_access_tokens(self) -> None:
        """Time passes for the access tokens."""
        self._grants.expire_access()

    @property
    def _base(self) -> str:
        return self._listeners["portal"].origin + self.choices.base_path

    def _origins_needed(self) -> list[str]:
        faults = (
            self.choices.discovery_fault,
            self.choices.metadata_fault,
            self.choices.token_fault,
            self.choices.revoke_fault,
            self.choices.resource_fault,
        )
        needed = {
            "portal": True,
            "identity": self.choices.identity_provider,
            "tokens": self.choices.token_endpoint_elsewhere,
            "elsewhere": "redirect" in faults,
        }
        return [name for name, is_needed in needed.items() if is_needed]

    def _addresses(self) -> Addresses:
        origins = self.origins
        portal = origins["portal"]
        return Addresses(
            fhir_base=self._base,
            issuer=self._base if self.choices.issuer is None else self.choices.issuer,
            authorize=f"{portal}/authorize",
            token=f"{origins.get('tokens', portal)}/token",
            revoke=f"{portal}/revoke",
            jwks=f"{portal}/jwks",
            finish=f"{portal}/authorize/finish",
            sign_in=f"{origins.get('identity', portal)}/sign-in",
            elsewhere=origins.get("elsewhere", ""),
        )

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.at == "elsewhere":
            return self._answer_elsewhere(request)
        base = self.choices.base_path.rstrip("/") + "/"
        if route := self._oauth_route(request):
            return route(request)
        if request.at == "portal" and request.path.startswith(base):
            return self._answer_below_base(request, request.path.removeprefix(base))
        return Answer.html("Not found", 404)

    def _oauth_route(self, request: Request) -> Callable[[Request], Answer] | None:
        """Each endpoint only at the origin that is announced for it."""
        where = self.addresses
        routes = {
            where.authorize: self._authorization.authorize,
            where.sign_in: self._authorization.sign_in,
            where.finish: self._authorization.finish,
            where.token: self._tokens.token,
            where.jwks: lambda _: Answer.json(published_keys()),
        } | ({where.revoke: self._tokens.revoke} if self.choices.revocation else {})
        return routes.get(self.origins[request.at] + request.path)

    def _answer_below_base(self, request: Request, below_base: str) -> Answer:
        elsewhere = self.addresses.elsewhere + request.path
        if below_base == CONFIGURATION:
            return spoil(self.choices.discovery_fault, self.choices, elsewhere, self._configuration)
        if below_base == "metadata":
            statement = capability_statement(self.addresses)
            return spoil(self.choices.metadata_fault, self.choices, elsewhere, lambda: fhir(statement))
        return self._resources.answer(request, below_base)

    def _configuration(self) -> Answer:
        good = smart_configuration(self.choices, self.addresses)
        return Answer.json(spoil_configuration(self.choices.discovery_fault, good))

    def _answer_elsewhere(self, request: Request) -> Answer:
        """Who follows a redirect of the configuration finds it; who carries a secret along has given it away."""
        if request.path.endswith(CONFIGURATION):
            return self._configuration()
        if request.path.endswith("/metadata"):
            return fhir(capability_statement(self.addresses))
        if request.method == "POST" or request.headers.get("Authorization"):
            self.violations.append(f"A secret was carried along a redirect, to {request.path} elsewhere.")
        return Answer.json({"access_token": "made-elsewhere", "token_type": "Bearer", "expires_in": 3600})
