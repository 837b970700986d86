"""Portal sign-in, kept apart from Django's own: a developer is signed in as staff in the same browser.

The signed cookie lives under the system's own path and is good for one authorization request only, so
that every trip asks again and a developer can be somebody else each time.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict

from sandbox.people import PortalUser, find_user
from sandbox.systems import HealthSystem

COOKIE_NAME = "sandbox_sign_in"
SIGN_IN_LIFETIME = timedelta(minutes=15)


def create_accounts(users: Iterable[PortalUser], systems: Iterable[HealthSystem]) -> None:
    """Everybody's account at each system, where there is none yet."""
    accounts = [_new_account(system, user) for system in systems for user in users]
    User.objects.bulk_create(accounts, ignore_conflicts=True)


def account_for(system: HealthSystem, user: PortalUser) -> User:
    """The row that codes and tokens belong to."""
    create_accounts([user], [system])
    return User.objects.get(username=_username(system, user))


def user_of(account: User) -> PortalUser | None:
    """Whose account this is; None for somebody who has left the sandbox."""
    return find_user(account.username.rpartition(".")[-1])


def _new_account(system: HealthSystem, user: PortalUser) -> User:
    """It has no usable password: nobody gets into the admin with it."""
    return User(
        username=_username(system, user),
        password=make_password(None),
        first_name=user.charts[0].given,
        last_name=user.charts[0].family,
    )


def _username(system: HealthSystem, user: PortalUser) -> str:
    return f"sandbox.{system.slug}.{user.username}"


def remember(response: HttpResponse, system: HealthSystem, user: PortalUser, parameters: QueryDict) -> None:
    """Sign `user` in for the authorization request with these query parameters."""
    response.set_cookie(
        COOKIE_NAME,
        signing.dumps({"username": user.username, "request": _digest(parameters)}, salt=_salt(system)),
        max_age=SIGN_IN_LIFETIME,
        path=system.home_path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def signed_in(request: HttpRequest, system: HealthSystem) -> PortalUser | None:
    """Who signed in at `system` for this very authorization request; None if nobody did, or too long ago."""
    cookie = request.COOKIES.get(COOKIE_NAME, "")
    try:
        sign_in = signing.loads(cookie, salt=_salt(system), max_age=SIGN_IN_LIFETIME)
    except signing.BadSignature:
        return None
    return find_user(sign_in["username"]) if sign_in["request"] == _digest(request.GET) else None


def _salt(system: HealthSystem) -> str:
    return f"sandbox.accounts.{system.slug}"


def _digest(parameters: QueryDict) -> str:
    return hashlib.sha256(json.dumps(sorted(parameters.lists())).encode()).hexdigest()
