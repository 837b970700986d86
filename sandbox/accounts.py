"""Portal sign-in, kept apart from Django's own: a developer is signed in as staff in the same browser.

The signed cookie lives under the system's own path and is good for one authorization request only, so
that every trip asks again and a developer can be somebody else each time.
"""

import hashlib
import json
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict

from sandbox.people import PortalUser, find_user
from sandbox.systems import HealthSystem

COOKIE_NAME = "sandbox_sign_in"
SIGN_IN_LIFETIME = timedelta(minutes=15)


def account_for(system: HealthSystem, user: PortalUser) -> AbstractBaseUser:
    """The row that codes and tokens belong to. It has no usable password: nobody gets into the admin with it."""
    model = get_user_model()
    account, is_new = model.objects.get_or_create(
        username=f"sandbox.{system.slug}.{user.username}",
        defaults={"is_staff": False, "first_name": user.charts[0].given, "last_name": user.charts[0].family},
    )
    if is_new:
        account.set_unusable_password()
        account.save(update_fields=["password"])
    return account


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
