"""What a guarded exchange can end in.

OutboundError               what went wrong, in words for staff
├── AddressRefused          the name resolves to an address outside the reach, or the URL is not allowed
├── Unreachable             no answer: refused, unknown name, TLS failure, cut off
├── TimedOut                the deadline passed
├── TooLarge                the answer is larger than the cap
└── Redirected              the answer is a redirect
"""

import requests


class OutboundError(requests.RequestException):
    """Base of what a guarded session raises. The message is for staff; it never holds a secret."""


class AddressRefused(OutboundError):
    pass


class Unreachable(OutboundError):
    pass


class TimedOut(OutboundError):
    """Whether it was the deadline or the socket's own that noticed is chance, and nothing to tell."""

    def __init__(self, host: str | None) -> None:
        super().__init__(f"{host} took too long to answer.")


class TooLarge(OutboundError):
    pass


class Redirected(OutboundError):
    def __init__(self, message: str, location: str = "") -> None:
        super().__init__(message)
        self.location = location
