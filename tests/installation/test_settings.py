"""Settings: what an installation makes for itself, and what production refuses."""

import os
import re
import secrets
import stat
import subprocess
import sys

import pytest

from tests.browser.product import OWN, ROOT

PRODUCTION = {
    "BASE_URL": "https://connect.example",
    "SECRET_KEY": "x" * 60,
    "ENCRYPTION_KEYS": "2k1jH0tJr7l9mDn5aHfQm1uU0QJm9Vd6l0b8H6Gk3hY=",
    "DATABASE_URL": "postgresql://user:password@localhost/medblocks_connect",
}


def manage(tmp_path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=environment | {"VAR_DIR": str(tmp_path / "var")} | settings,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_production_installation_passes_the_deploy_check(tmp_path):
    checked = manage(tmp_path, "check", "--deploy", **PRODUCTION)

    assert checked.returncode == 0, checked.stderr
    # As README.md says, with the mail settings that it names.
    as_told = PRODUCTION | {"SECRET_KEY": secrets.token_urlsafe(50), "EMAIL_URL": "smtp+tls://mail.example"}
    printed = manage(tmp_path, "check", "--deploy", **as_told).stderr
    assert set(re.findall(r"\((\w+\.\w+)\)", printed)) == {"security.W005", "security.W021"}
    assert not (tmp_path / "var" / "settings.env").exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SANDBOX": "true"}, "medblocks.E001"),
        ({"BASE_URL": "http://connect.example"}, "medblocks.E002"),
        ({"SECRET_KEY": ""}, "medblocks.E003"),
        ({"ENCRYPTION_KEYS": ""}, "medblocks.E003"),
        ({"DATABASE_URL": ""}, "medblocks.E004"),
    ],
)
def test_the_deploy_check_refuses_what_production_must_not_be(tmp_path, change, code):
    checked = manage(tmp_path, "check", "--deploy", **(PRODUCTION | change))

    assert checked.returncode != 0
    assert code in checked.stderr


def test_generated_keys_are_made_once_and_for_their_owner_only(tmp_path):
    manage(tmp_path, "check")
    file = tmp_path / "var" / "settings.env"
    first = file.read_text()
    manage(tmp_path, "check")

    assert file.read_text() == first
    assert {line.split("=")[0] for line in first.splitlines()} == {"SECRET_KEY", "ENCRYPTION_KEYS"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


MAIL = """
from django.conf import settings
from django.core.mail import get_connection
mail = get_connection()
names = ("host", "port", "username", "password", "use_tls", "use_ssl", "timeout", "file_path")
told = [type(mail).__module__.split(".")[-1], *(getattr(mail, name, "-") for name in names)]
print(*told, settings.DEFAULT_FROM_EMAIL, sep="|")
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "console|-|-|-|-|-|-|-|-|no-reply@connect.example"),
        ({"EMAIL_URL": ""}, "console|-|-|-|-|-|-|-|-|no-reply@connect.example"),
        (
            {"EMAIL_URL": "smtp+tls://me%40x:a%2Fb%2B%40c@mail.example", "DEFAULT_FROM_EMAIL": "Me <me@x.example>"},
            "smtp|mail.example|587|me@x|a/b+@c|True|False|10|-|Me <me@x.example>",
        ),
        (
            {"EMAIL_URL": "smtp+ssl://me:secret@mail.example"},
            "smtp|mail.example|465|me|secret|False|True|10|-|no-reply@connect.example",
        ),
        ({"EMAIL_URL": "smtp://localhost:2525"}, "smtp|localhost|2525|||False|False|10|-|no-reply@connect.example"),
    ],
    ids=["unset", "empty", "STARTTLS", "TLS", "plain"],
)
def test_mails_go_where_one_address_says(tmp_path, given, expected):
    printed = manage(tmp_path, "shell", "-v0", "-c", MAIL, **(PRODUCTION | given))

    assert printed.stdout.strip() == expected


def test_mails_may_become_files(tmp_path):
    printed = manage(tmp_path, "shell", "-v0", "-c", MAIL, **PRODUCTION, EMAIL_URL=f"filemail:///{tmp_path}/mails")

    assert printed.stdout.startswith("filebased|")
    assert f"|{tmp_path}/mails|" in printed.stdout


def test_the_deploy_check_warns_where_mails_reach_nobody(tmp_path):
    printed = manage(tmp_path, "check", "--deploy", **PRODUCTION)
    sent = manage(tmp_path, "check", "--deploy", **PRODUCTION, EMAIL_URL="smtp+tls://mail.example")

    assert "medblocks.W001" in printed.stderr
    assert "medblocks.W001" not in sent.stderr


def test_without_the_sandbox_its_addresses_do_not_exist(tmp_path):
    printed = manage(
        tmp_path, "shell", "-v0", "-c",
        "from django.urls import resolve, Resolver404\n"
        "for path in ('/sandbox/riverside/', '/demo/returned'):\n"
        "    try: print(resolve(path))\n"
        "    except Resolver404: print('absent')",
        **PRODUCTION,
    )  # fmt: skip

    assert printed.stdout.split() == ["absent", "absent"]
