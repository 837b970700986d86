"""What can go wrong at a portal, in the three languages it is told in.

PortalError                  `failure_code` for the app, `portal_code` and `description` for staff
├── PortalUnreachable        no answer, too late an answer, or "come back later"
├── DiscoveryFailed          the SMART configuration is missing, broken or does not fit the source
├── ExchangeRefused          the token endpoint refused the code
├── InvalidTokenResponse     the token endpoint's answer cannot be understood
└── MissingPatientContext    tokens came, but not whose record they open

Patients read none of this: `picker/presenters.py` has their sentence for each failure code.
"""

from common.logs import scrub

MAX_DESCRIPTION = 500


class PortalError(Exception):
    failure_code = "oauth_callback_failed"

    def __init__(self, description: str, *, portal_code: str = "") -> None:
        super().__init__(description)
        self.description = portal_words(description)
        self.portal_code = portal_words(portal_code)[:100]


class PortalUnreachable(PortalError):
    failure_code = "portal_unreachable"


class DiscoveryFailed(PortalError):
    failure_code = "discovery_failed"


class ExchangeRefused(PortalError):
    failure_code = "token_exchange_failed"


class InvalidTokenResponse(PortalError):
    failure_code = "invalid_token_response"


class MissingPatientContext(PortalError):
    failure_code = "missing_patient_context"


def portal_words(text: str) -> str:
    """A portal's words, fit to be kept and shown to staff: bounded, printable, without secrets."""
    printable = "".join(character if character.isprintable() else " " for character in text[: 4 * MAX_DESCRIPTION])
    return scrub(printable).strip()[:MAX_DESCRIPTION]
