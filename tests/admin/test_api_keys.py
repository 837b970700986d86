"""API keys in the admin: shown once, then only by their beginning."""

from organizations.models import ApiKey
from tests.admin.conftest import address
from tests.api_client import Api


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


def test_keys_are_revoked_from_the_list(staff, world):
    staff.post(address(ApiKey, "changelist"), {"action": "revoke", "_selected_action": [world.key.pk]})
    world.key.refresh_from_db()
    first = world.key.revoked_at

    staff.post(address(ApiKey, "changelist"), {"action": "revoke", "_selected_action": [world.key.pk]})
    world.key.refresh_from_db()

    assert first is not None
    assert world.key.revoked_at == first


def test_a_key_is_revoked_from_its_page(staff, world):
    fields = {"name": "backend", "scopes": ["fhir:read"], "api_version": world.key.api_version}
    fields |= {"organizations_apikey_revoke_this": "1"}
    staff.post(address(ApiKey, "change", world.key.pk), fields)

    world.key.refresh_from_db()
    assert world.key.revoked_at is not None


def test_keys_are_never_deleted(staff, world):
    assert staff.post(address(ApiKey, "delete", world.key.pk), {"post": "yes"}).status_code == 403
