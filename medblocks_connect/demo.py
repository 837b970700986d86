"""What `make demo` puts into a fresh installation, so that a journey can be walked at once."""

import hashlib
import json
import secrets
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import transaction
from django.db.models import ProtectedError

from bench.catalogue import made_up_bundle
from flows.sign_in import redirect_uri
from organizations.models import ApiKey, Environment, Organization
from organizations.operations import create_api_key, create_organization
from sandbox.operations import SandboxSource, portal_users, prepare_sandbox
from sources.imports import import_file
from sources.models import Catalogue, ClientRegistration, Facility, Source
from sources.operations import NewClient, add_source

ORGANIZATION = "Bluebird Health"
ADMIN_USERNAME = "admin"
FACILITIES = 4000
SEED = 20260425
FLOW_LIFETIME_SECONDS = 86_400


@dataclass
class Demo:
    """What a person, or a script, needs to use the demo: the contents of `var/demo.json`."""

    base_url: str
    api_key: str
    organization: str
    admin_url: str
    admin_username: str
    admin_password: str
    portal_users: list[dict[str, str]]
    flow_id: str = ""
    flow_url: str = ""

    def save(self) -> None:
        path = demo_file()
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def demo_file() -> Path:
    path: Path = settings.VAR_DIR / "demo.json"
    return path


def prepare_demo() -> Demo:
    """Fill an empty database, or complete one that an earlier run filled."""
    known = _earlier_run()
    organization = Organization.objects.filter(name=ORGANIZATION).first() or create_organization(
        name=ORGANIZATION, environment=Environment.SANDBOX, contact_email="developers@app.example"
    )
    sources = prepare_sandbox(redirect_uri=redirect_uri())
    if Facility.objects.count() < FACILITIES:
        _import_catalogue(sources)
    for source in sources:
        _add(source)
    return Demo(
        base_url=settings.BASE_URL,
        api_key=_api_key(organization, known.get("api_key", "")),
        organization=organization.id,
        admin_url=f"{settings.BASE_URL}/admin/",
        admin_username=ADMIN_USERNAME,
        admin_password=_admin_password(known.get("admin_password", "")),
        portal_users=[
            {"username": user.username, "password": user.password, "what_happens": user.what_happens}
            for user in portal_users()
        ],
    )


def start_flow(demo: Demo) -> None:
    """Create a flow the way an app's server would: by the API."""
    recommended = list(Source.objects.filter(environment=Environment.SANDBOX).order_by("name").values_list("id"))[:1]
    answer = requests.post(
        f"{demo.base_url}/patient-flows",
        headers={"Authorization": f"Bearer {demo.api_key}"},
        json={
            "patient_id": "demo-patient",
            "patient_name": "Maria Example",
            "return_url": f"{demo.base_url}/demo/returned",
            "recommended_connection_ids": [identifier for (identifier,) in recommended],
            "expires_in": FLOW_LIFETIME_SECONDS,
        },
        timeout=30,
    )
    answer.raise_for_status()
    demo.flow_id, demo.flow_url = answer.json()["id"], answer.json()["url"]


def _earlier_run() -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(demo_file().read_text())
    except (OSError, ValueError):
        return {}
    return known


def _add(source: SandboxSource) -> None:
    known = ClientRegistration.objects.filter(
        source__fhir_base_url=source.fhir_base_url, source__portal_url=source.portal_url
    ).first()
    if known is not None and known.client_secret == source.client_secret:
        return
    added = add_source(
        name=source.name,
        fhir_base_url=source.fhir_base_url,
        environment=Environment.SANDBOX,
        type=source.type,
        portal_url=source.portal_url,
        client=NewClient(
            client_id=source.client_id,
            auth_method=source.auth_method,
            secret=source.client_secret,
            scopes=source.scopes,
        ),
    )
    _move_from_other_ports(added)


def _move_from_other_ports(source: Source) -> None:
    """Bring along what an earlier run on another port knows of the same portal; nobody answers there any more."""
    path = urlsplit(source.fhir_base_url).path
    gone = Source.objects.filter(fhir_base_url__startswith="http://localhost", fhir_base_url__endswith=path)
    with transaction.atomic():
        for earlier in gone.exclude(pk=source.pk):
            links = Facility.sources.through.objects.filter(source=earlier)
            links.filter(facility__in=source.facilities.all()).delete()
            links.update(source=source)
            earlier.client_registrations.all().delete()
            with suppress(ProtectedError):  # somebody was connected there: it stays, without being offered
                earlier.delete()
        Catalogue.changed()


def _import_catalogue(sources: list[SandboxSource]) -> None:
    bundle = made_up_bundle([(source.name, source.fhir_base_url) for source in sources], FACILITIES, SEED)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made-up-places.json"
        file.write_text(json.dumps(bundle))
        import_file(file, environment=Environment.SANDBOX, by="demo")


def _api_key(organization: Organization, earlier: str) -> str:
    key = ApiKey.objects.with_secret(earlier)
    if key is not None and key.organization == organization and key.revoked_at is None:
        return earlier
    return create_api_key(organization=organization, name="demo")[1]


def _admin_password(earlier: str) -> str:
    users = get_user_model().objects
    password = earlier or secrets.token_urlsafe(12)
    admin = users.filter(username=ADMIN_USERNAME).first() or users.create_superuser(ADMIN_USERNAME, password=password)
    if not admin.check_password(password):
        admin.set_password(password)
        admin.save(update_fields=["password"])
    return password


def prepare_database() -> None:
    """Bring the tables up to date."""
    call_command("migrate", verbosity=0)


def prepare_static_files() -> None:
    """Collect and compress the static files, unless none has changed since the last time."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    fingerprint = _static_fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(fingerprint)


def _static_fingerprint() -> str:
    found = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            file = Path(storage.path(path)).stat()
            found.update(f"{path}:{file.st_size}:{file.st_mtime_ns}\n".encode())
    return found.hexdigest()
