"""What the standards leave open, and what portals do wrong: one field each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints

ClientAuth = Literal["none", "basic", "post", "private_key_jwt"]

# Faults that any endpoint may show. The last four spoil a good answer on its way: at the token endpoint the code is
# then used up and the tokens exist. All others are given instead of the good answer: the code stays good.
CommonFault = Literal[
    "not_found",
    "server_error",
    "unavailable",
    "html",
    "malformed",
    "array",
    "redirect",
    "huge",
    "drip",
    "hang",
    "close",
]
DiscoveryFault = Literal[
    CommonFault,
    "empty",
    "no_authorization_endpoint",
    "no_token_endpoint",
    "http_endpoints",
    "javascript_endpoints",
    "no_s256",
    "no_pkce_methods",
]
TokenFault = Literal[
    CommonFault,
    "error_400",
    "error_401",
    "error_403",
    "error_200",
    "null_description",
    "text_plain",
    "null_token",
    "no_token",
]
AuthorizeFault = Literal["error_page", "empty_code", "no_code", "code_twice", "two_codes"]
PatientContext = Literal["present", "absent", "null", "empty", "number", "list", "very_long"]

LONG_ID = "p" * 10_000
NASTY_DESCRIPTION = "<script>alert('x')</script>\r\nSet-Cookie: a=b\x00\x1b[31m\u202e & \"quoted\" <b>bold</b>"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How one portal behaves. The defaults are a well-behaved portal for a public client."""

    # Where it is.
    host: Literal["127.0.0.1", "localhost"] = "127.0.0.1"
    base_path: str = "/fhir/r4"
    issuer: str | None = None  # None: the FHIR base URL
    token_endpoint_elsewhere: bool = False  # on an origin of its own

    # What it announces.
    client_auth: ClientAuth = "none"
    advertised_auth_methods: Literal["as_chosen"] | tuple[str, ...] | None = "as_chosen"  # None: left out
    advertises_iss: bool | None = None  # None: as sends_iss says
    scopes_supported: tuple[str, ...] | None = ("openid", "offline_access", "launch/patient", "patient/*.rs")
    revocation: bool = True

    # How the patient signs in.
    auto_approve: bool = False  # no page at all
    identity_provider: bool = False  # the sign-in page is on a second origin, which redirects back here
    username: str = "patient"
    password: str = "portal-password"
    denial_comes_back: bool = True  # False: "Deny" ends on a page of the portal

    # What the callback carries.
    sends_iss: bool | str = False  # True: the issuer; a text: that text
    callback_state: Literal["right", "wrong", "absent"] = "right"
    refuses_scopes: str | None = None  # pattern; a scope that matches is answered with invalid_scope
    authorize_error: str | None = None  # any OAuth error code, sent at once, whatever was asked
    authorize_error_description: str | None = None
    authorize_fault: AuthorizeFault | None = None
    code_lifetime: int = 60

    # What the token answer says.
    scopes_answered: Literal["as_asked"] | tuple[str, ...] | None = "as_asked"  # None: left out, which means as asked
    drops_offline_access: bool = False  # from the scopes answered; the refresh token is given all the same
    expires_in: int | str | None = 3600  # as written in the answer; None: left out
    lifetime: int | None = None  # how long a token really works; None: what expires_in says, or an hour
    token_type: str | None = "Bearer"
    refresh_token: bool | Literal["if_asked"] = "if_asked"
    refresh_answer: Literal["kept", "repeated", "rotated"] = "kept"  # no new one, the same again, or a new one
    id_token: bool | Literal["if_asked"] = "if_asked"
    patient_id: str = "patient-1"
    patient_context: PatientContext = "present"
    access_grant_expiration: str | None = None
    extra_fields: Mapping[str, Any] = field(default_factory=dict)  # added last, so they may also replace

    # Faults of single endpoints.
    discovery_fault: DiscoveryFault | None = None
    metadata_fault: CommonFault | None = None
    token_fault: TokenFault | None = None
    token_fault_on: Literal["code", "refresh", "both"] = "both"
    token_fault_times: int | None = None  # after so many the answers are good; None: for ever
    token_error: str = "invalid_grant"
    token_error_description: str | None = "The grant is not good any more."
    revoke_fault: CommonFault | None = None
    resource_fault: CommonFault | None = None
    retry_after: str = "2"

    def __post_init__(self) -> None:
        """Refuse a misspelt choice; a test would otherwise pass for the wrong reason."""
        hints = get_type_hints(type(self))
        for one in fields(self):
            value, words = getattr(self, one.name), _words(hints[one.name])
            if words and isinstance(value, str) and value not in words and str not in get_args(hints[one.name]):
                raise ValueError(f"{one.name} is {value!r}, but may be one of: {', '.join(sorted(words))}.")

    @property
    def real_lifetime(self) -> int:
        """Seconds for which an access token works."""
        if self.lifetime is not None:
            return self.lifetime
        written = str(self.expires_in)
        return int(written) if written.isdecimal() else 3600

    @property
    def answers_without_page(self) -> bool:
        """Whether the authorize request ends before anybody signs in."""
        return self.authorize_error is not None or self.authorize_fault == "error_page"


def _words(hint: Any) -> set[str]:
    """The texts a type allows, from any depth of Literal and |."""
    if isinstance(hint, str):
        return {hint}
    return {word for part in get_args(hint) for word in _words(part)}
