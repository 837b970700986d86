"""Django's middleware for people with browsers, past which the API's requests go: they have keys and no cookies.

Patients go past what is about signing in here: only staff do. Each search as they type would pay for it.
"""

from collections.abc import Callable

from django.contrib.auth import middleware as authentication
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import csrf

from common.handlers import is_for_staff, is_page


class _For:
    """Has the middleware mixed with it see only requests that it is for."""

    is_for: Callable[[HttpRequest], bool]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if type(self).is_for(request):
            return super().__call__(request)  # type: ignore[misc,no-any-return]  # of the middleware mixed with it
        return self.get_response(request)  # type: ignore[attr-defined,no-any-return]


class _ForPages(_For):
    is_for = staticmethod(is_page)


class _ForStaff(_For):
    is_for = staticmethod(is_for_staff)


class CsrfViewMiddleware(_ForPages, csrf.CsrfViewMiddleware):
    """Refuses forms from elsewhere. What is no page and no view of the API is refused as without a token."""


class SessionMiddleware(_ForStaff, sessions.SessionMiddleware):
    """The session of staff."""


class AuthenticationMiddleware(_ForStaff, authentication.AuthenticationMiddleware):
    """Who of staff it is."""


class MessageMiddleware(_ForStaff, messages.MessageMiddleware):
    """What the last page has to say on the next one."""
