"""No page of the admin has a secret in it, in any form."""

import re

from django.contrib.admin.models import LogEntry

from tests.admin.conftest import address, models
from tests.admin.world import grow


def pages(staff) -> dict[str, str]:
    """Every page that links lead to from the index, as a crawler sees them."""
    waiting, seen = ["/admin/"], {}
    while waiting:
        path = waiting.pop()
        if path in seen or "logout" in path or len(seen) > 400:
            continue
        response = staff.get(path)
        seen[path] = response.content.decode() if "text" in response.get("Content-Type", "") else ""
        links = re.findall(r'href="(/admin/[^"#]*)', seen[path])
        waiting += [link.replace("&amp;", "&") for link in links]
    return seen


def test_no_page_has_a_secret(staff, world):
    grow(world, 1)
    crawled = pages(staff)
    for model in models():
        for row in model._default_manager.all():
            for page in ("change", "history"):
                crawled[path] = staff.get(path := address(model, page, row.pk)).content.decode()

    assert len(crawled) > 60
    shown = {
        (path, secret) for path, html in crawled.items() for secret in world.secrets if secret.lower() in html.lower()
    }
    assert not shown


def test_secrets_are_told_as_facts(staff, world):
    connection = staff.get(address(type(world.connection), "change", world.connection.pk)).content.decode()
    registration = staff.get(address(type(world.registration), "change", world.registration.pk)).content.decode()

    assert "Has refresh token" in connection
    assert "Access until" in connection
    assert world.registration.key_id in registration
    assert "/.well-known/jwks.json" in registration


def test_names_and_log_entries_have_no_secret(staff, world):
    staff.post(
        address(type(world.registration), "change", world.registration.pk),
        {
            "environment": "sandbox",
            "source": world.source.pk,
            "client_id": "app-2",
            "auth_method": "basic",
            "new_secret": "fresh-secret-88",
            "is_ready": "on",
        },
    )
    world.registration.refresh_from_db()
    assert world.registration.client_secret == "fresh-secret-88"

    told = [f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all()]
    rows = [world.key, world.registration, world.connection, world.authorization, world.flow]
    told += [text for row in rows for text in (str(row), repr(row))]
    assert told
    assert not [text for text in told for secret in [*world.secrets, "fresh-secret-88"] if secret in text]


def test_a_refused_form_does_not_repeat_a_secret(staff, world):
    answer = staff.post(
        address(type(world.registration), "add"),
        {"client_id": "", "new_secret": "typed-secret-1", "new_key": "-----BEGIN PRIVATE KEY-----\ntyped-key-2"},
    )

    assert answer.status_code == 200
    assert answer.context["errors"]
    assert "typed-secret-1" not in answer.content.decode()
    assert "typed-key-2" not in answer.content.decode()
