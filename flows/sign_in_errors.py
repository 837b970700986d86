"""Why a sign-in, or a return from a portal, leads to no connection.

NotAccepted          it belongs to no sign-in of this browser: nothing is used up, and nobody is told
├── UnknownState
└── OtherBrowser
PlaceGone            it could not begin, and nothing is written down
PortalError          the outcome of a sign-in (sources/portal_errors.py)
├── UserDenied
├── StateExpired
├── CallbackFailed
└── NotRegistered        the patient could not even be sent there
"""

from flows.models import Outcome, PatientFlow
from sources.portal_errors import PortalError


class NotAccepted(Exception):
    """A return from a portal that belongs to no sign-in of this browser."""


class UnknownState(NotAccepted):
    """No sign-in has this state."""


class OtherBrowser(NotAccepted):
    """The sign-in was begun in another browser. `flow` is that of whoever began it."""

    def __init__(self, flow: PatientFlow) -> None:
        super().__init__()
        self.flow = flow


class PlaceGone(Exception):
    """The source or the facility left the catalogue at this moment."""


class UserDenied(PortalError):
    failure_code = Outcome.USER_DENIED


class StateExpired(PortalError):
    failure_code = Outcome.OAUTH_STATE_EXPIRED


class CallbackFailed(PortalError):
    failure_code = Outcome.OAUTH_CALLBACK_FAILED


class NotRegistered(PortalError):
    failure_code = Outcome.DISCOVERY_FAILED

    def __init__(self) -> None:
        super().__init__("There is no client registration for this source that may be used.")
