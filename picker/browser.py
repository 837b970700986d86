"""Telling one browser from another, so that a sign-in ends where it began.

A random cookie, readable by no script; only its digest is stored with a sign-in. `Lax`, because a
patient comes back from a portal by a link from another site.
"""

import secrets
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse

LIFETIME = timedelta(days=1)


def cookie_name() -> str:
    # The prefix makes browsers refuse a cookie that another host, or plain http, has planted.
    return "__Host-mc_browser" if settings.SERVED_OVER_TLS else "mc_browser"


def browser_of(request: HttpRequest) -> str:
    """The browser's secret, "" for one that has none."""
    return request.COOKIES.get(cookie_name(), "")


def remember_browser(request: HttpRequest, response: HttpResponse, secret: str | None = None) -> None:
    """Give the browser a secret (a new one unless `secret` is given). Keeps the one it has."""
    known = browser_of(request)
    response.set_cookie(
        cookie_name(),
        secret or known or new_secret(),
        max_age=LIFETIME,
        path="/",
        secure=settings.SERVED_OVER_TLS,
        httponly=True,
        samesite="Lax",
    )


def new_secret() -> str:
    return secrets.token_urlsafe(32)
