"""API keys in the admin: shown once, then only by their beginning."""

from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.utils import timezone

from organizations.models import ApiKey
from organizations.operations import EXPIRY, create_api_key
from tests.admin.conftest import address
from tests.api_client import Api
from tests.webhooks.staffing import member_with


def add(staff, organization, **fields):
    form = {"organization": organization.pk, "name": "mobile", "scopes": ["patients:read"], **fields}
    return staff.post(address(ApiKey, "add"), form)


def test_a_new_key_is_shown_once_and_works(staff, organization):
    answer = add(staff, organization)
    key = ApiKey.objects.get(name="mobile")
    secret = answer.context["secret"]

    assert answer.status_code == 200
    assert answer.content.decode().count(secret) == 1
    assert not [cookie for cookie in staff.cookies.values() if secret in cookie.value]
    assert key.scopes == ["patients:read"]
    assert Api(secret).get("/patients").status == 200
    for path in (address(ApiKey, "changelist"), address(ApiKey, "change", key.pk), "/admin/"):
        assert secret not in staff.get(path).content.decode()


def test_a_key_needs_scopes_that_exist(staff, organization):
    for scopes in ([], ["everything"]):
        answer = add(staff, organization, scopes=scopes)
        assert answer.status_code == 200
        assert "scopes" in answer.context["adminform"].form.errors
    assert not ApiKey.objects.exists()


def expiry(moment: datetime) -> dict[str, str]:
    return {"expires_at_0": f"{moment:%Y-%m-%d}", "expires_at_1": f"{moment:%H:%M:%S}"}


@pytest.mark.parametrize("days", [-1, 3654])
def test_a_key_expires_in_the_future_and_within_ten_years(staff, organization, days):
    answer = add(staff, organization, **expiry(timezone.now() + timedelta(days=days)))

    assert answer.context["adminform"].form.errors == {"expires_at": [EXPIRY]}
    assert not ApiKey.objects.exists()
    assert "secret" in add(staff, organization, **expiry(timezone.now() + timedelta(days=365))).context


@pytest.mark.parametrize("days", ["0", "-1", "3654", "3000000", "9999999999999"])
def test_the_command_refuses_such_an_expiry_too(organization, days):
    with pytest.raises(CommandError, match="at most ten years from now"):
        call_command("create_api_key", organization.pk, "--name=d0", f"--expires-in-days={days}")

    assert not ApiKey.objects.exists()


def test_an_expired_key_can_be_renamed_and_not_be_made_to_expire_in_the_past(staff, world):
    ApiKey.objects.update(expires_at="2026-01-02T03:04:05Z")
    form = {"name": "renamed", "scopes": ["fhir:read"], "api_version": world.key.api_version}
    past = datetime(2026, 1, 2, 3, 4, 5)

    assert staff.post(address(ApiKey, "change", world.key.pk), form | expiry(past)).status_code == 302
    answer = staff.post(address(ApiKey, "change", world.key.pk), form | expiry(past + timedelta(days=1)))

    assert answer.context["adminform"].form.errors == {"expires_at": [EXPIRY]}
    assert ApiKey.objects.get().name == "renamed"


def test_only_name_scopes_expiry_and_version_can_be_changed(staff, world, other_organization):
    before = ApiKey.objects.get(pk=world.key.pk)
    staff.post(
        address(ApiKey, "change", before.pk),
        {
            "name": "renamed",
            "api_version": before.api_version,
            "scopes": ["fhir:read"],
            "organization": other_organization.pk,
            "prefix": "mb_sk_live_000",
            "digest": "0" * 64,
        },
    )
    after = ApiKey.objects.get(pk=before.pk)

    assert (after.name, after.scopes) == ("renamed", ["fhir:read"])
    assert (after.organization_id, after.prefix, after.digest) == (before.organization_id, before.prefix, before.digest)


def test_a_key_is_moved_to_a_published_version_and_to_no_other(staff, world):
    ApiKey.objects.update(api_version="2020-01-01")
    form = {"name": "backend", "scopes": ["fhir:read"]}
    for version, expected in (("tomorrow", "2020-01-01"), ("2026-04-25", "2026-04-25")):
        staff.post(address(ApiKey, "change", world.key.pk), form | {"api_version": version})
        assert ApiKey.objects.get(pk=world.key.pk).api_version == expected


def revoke_path(key) -> str:
    return f"/admin/organizations/apikey/{key.pk}/revoke/"


def test_keys_are_revoked_from_the_list_after_being_asked(staff, world):
    other, _ = create_api_key(organization=world.organization, name="mobile")
    chosen = {"action": "revoke", "_selected_action": [world.key.pk, other.pk]}

    asked = staff.post(address(ApiKey, "changelist"), chosen)
    assert "Revoke these 2 keys for good?" in asked.content.decode()
    assert not ApiKey.objects.exclude(revoked_at=None).exists()

    answered = staff.post(address(ApiKey, "changelist"), chosen | {"confirmed": "yes"}, follow=True)
    assert "2 keys were revoked." in answered.content.decode()
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    assert LogEntry.objects.filter(change_message="Revoked.").count() == 2


def test_a_key_is_revoked_from_its_page_after_being_asked(staff, world):
    page = staff.get(address(ApiKey, "change", world.key.pk)).content.decode()
    assert revoke_path(world.key) in page
    assert "Save and revoke" not in page
    asked = staff.get(revoke_path(world.key)).content.decode()
    assert "Revoke this key for good?" in asked
    assert world.key.prefix in asked
    assert ApiKey.objects.get().revoked_at is None

    answer = staff.post(revoke_path(world.key), follow=True).content.decode()

    assert "The key was revoked." in answer
    assert revoke_path(world.key) not in answer
    assert ApiKey.objects.get().revoked_at is not None
    assert LogEntry.objects.get().change_message == "Revoked."


def test_a_revoked_key_is_not_revoked_again(staff, world):
    staff.post(revoke_path(world.key))
    first = ApiKey.objects.get().revoked_at
    from_list = {"action": "revoke", "_selected_action": [world.key.pk]}

    for answer in (
        staff.get(revoke_path(world.key), follow=True),
        staff.post(revoke_path(world.key), follow=True),
        staff.post(address(ApiKey, "changelist"), from_list, follow=True),
    ):
        assert "is revoked already" in answer.content.decode()
    assert ApiKey.objects.get().revoked_at == first
    assert LogEntry.objects.count() == 1


def test_revoking_needs_the_right_to_change_keys(world):
    client = member_with("view_apikey")

    assert revoke_path(world.key) not in client.get(address(ApiKey, "change", world.key.pk)).content.decode()
    assert client.post(revoke_path(world.key)).status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_keys_are_never_deleted(staff, world):
    assert staff.post(address(ApiKey, "delete", world.key.pk), {"post": "yes"}).status_code == 403
