"""Django's middleware for people with browsers, past which the API's requests go: they have keys and no cookies."""

from django.contrib.auth import middleware as authentication
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import csrf

from common.handlers import is_page


class _ForPages:
    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_page(request):
            return super().__call__(request)  # type: ignore[misc,no-any-return]  # of the middleware mixed with it
        return self.get_response(request)  # type: ignore[attr-defined,no-any-return]


class SessionMiddleware(_ForPages, sessions.SessionMiddleware):
    """The session of staff."""


class CsrfViewMiddleware(_ForPages, csrf.CsrfViewMiddleware):
    """Refuses forms from elsewhere. What is no page and no view of the API is refused as without a token."""


class AuthenticationMiddleware(_ForPages, authentication.AuthenticationMiddleware):
    """Who of staff it is."""


class MessageMiddleware(_ForPages, messages.MessageMiddleware):
    """What the last page has to say on the next one."""
