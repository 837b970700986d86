"""Sources, facilities and registrations in the admin."""

import pytest

from patients.models import Connection
from sources.base_urls import source_id
from sources.models import Catalogue, ClientRegistration, Directory, Facility, Source
from sources.operations import add_source
from tests.admin.conftest import address


def new_source(staff, **fields):
    form = {"name": "Lakeside", "fhir_base_url": "https://fhir.lakeside.example/r4", "environment": "production"}
    return staff.post(address(Source, "add"), form | fields)


def errors(answer) -> list[str]:
    assert answer.status_code == 200
    return list(answer.context["adminform"].form.errors)


def test_a_new_source_has_the_id_of_its_normalised_url(staff, db):
    before = Catalogue.current_version()
    answer = new_source(staff, fhir_base_url="HTTPS://FHIR.lakeside.example:443/r4/", type="epic")
    source = Source.objects.get()

    assert answer.status_code == 302
    assert source.fhir_base_url == "https://fhir.lakeside.example/r4"
    assert source.pk == source_id(source.fhir_base_url)
    assert source.facilities.get().name == "Lakeside"
    assert Catalogue.current_version() != before


@pytest.mark.parametrize(
    "url",
    [
        "http://fhir.example/r4",
        "https://127.0.0.1/r4",
        "https://localhost/r4",
        "https://a:b@fhir.example",
        "https://[",
        "ftp://x",
        "https://x/?a=b",
    ],
)
def test_a_production_source_may_not_be_just_anywhere(staff, db, url):
    assert errors(new_source(staff, fhir_base_url=url)) == ["fhir_base_url"]


def test_a_sandbox_source_may_be_on_this_machine(staff, db):
    assert new_source(staff, fhir_base_url="http://localhost:9000/fhir", environment="sandbox").status_code == 302


def test_a_source_is_not_added_twice(staff, db):
    new_source(staff)

    assert errors(new_source(staff, name="Again", fhir_base_url="https://fhir.lakeside.example/r4/")) == [
        "fhir_base_url"
    ]
    assert Source.objects.get().name == "Lakeside"


def test_a_private_source_is_of_its_workspaces_environment(staff, organization):
    assert errors(new_source(staff, organization=organization.pk)) == ["organization"]


def test_saving_a_source_notes_the_change_and_keeps_the_url(staff, world):
    before = Catalogue.current_version()
    form = {"name": "River", "type": "epic", "fhir_base_url": "https://evil.example", "environment": "production"}
    answer = staff.post(address(Source, "change", world.source.pk), form)
    world.source.refresh_from_db()

    assert answer.status_code == 302
    assert world.source.name == "River"
    assert world.source.fhir_base_url == "https://fhir.riverside.example/r4"
    assert world.source.environment == "sandbox"
    assert Catalogue.current_version() != before


def test_a_source_is_deleted_only_before_anybody_used_it(staff, world):
    unused = add_source(name="Unused", fhir_base_url="https://unused.example/r4", environment="sandbox")
    before = Catalogue.current_version()

    assert staff.post(address(Source, "delete", world.source.pk), {"post": "yes"}).status_code == 403
    assert staff.post(address(Source, "delete", unused.pk), {"post": "yes"}).status_code == 302
    assert not Source.objects.filter(pk=unused.pk).exists()
    assert Catalogue.current_version() != before


def portals_form(source: Source, facility: Facility | None = None, **told) -> dict:
    """The portal of a facility as the page sends it: a new one, or the one that `facility` has."""
    known = facility.portals.get() if facility else None
    fields = {"source": source.pk, "facility": facility.pk if facility else "", "id": known.pk if known else ""} | told
    counts = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 1 if known else 0}
    return {f"portals-{name}": value for name, value in counts.items()} | {
        f"portals-0-{name}": value for name, value in fields.items()
    }


def test_facilities_are_added_changed_and_deleted_with_a_note(staff, world):
    versions = [Catalogue.current_version()]
    form = {"name": "Clinic", "aliases": "Klinik\nClinique", "city": "Ulm", **portals_form(world.source)}

    assert staff.post(address(Facility, "add"), form).status_code == 302
    facility = Facility.objects.get(name="Clinic")
    assert facility.aliases == ["Klinik", "Clinique"]
    versions.append(Catalogue.current_version())

    changed = form | {"name": "Praxis", **portals_form(world.source, facility)}
    assert staff.post(address(Facility, "change", facility.pk), changed).status_code == 302
    versions.append(Catalogue.current_version())

    delete = {"action": "delete_selected", "_selected_action": [facility.pk], "post": "yes"}
    assert staff.post(address(Facility, "changelist"), delete).status_code == 302
    versions.append(Catalogue.current_version())

    assert not Facility.objects.filter(pk=facility.pk).exists()
    assert len(set(versions)) == 4


def registration_form(at: Source, **fields) -> dict:
    return {"environment": "sandbox", "source": at.pk, "client_id": "app-9", "auth_method": "none"} | fields


def test_an_empty_secret_keeps_what_is_stored(staff, world):
    before = ClientRegistration.objects.get(pk=world.registration.pk)
    form = registration_form(world.source, client_id="renamed", auth_method="private_key_jwt")
    answer = staff.post(address(ClientRegistration, "change", before.pk), form)
    after = ClientRegistration.objects.get(pk=before.pk)

    assert answer.status_code == 302
    assert after.client_id == "renamed"
    assert (after.client_secret, after.private_key) == (before.client_secret, before.private_key)


def test_a_key_pair_is_made_where_the_method_needs_one(staff, db):
    source = add_source(name="New", fhir_base_url="https://new.example/r4", environment="sandbox")
    form = registration_form(source, auth_method="private_key_jwt")

    assert staff.post(address(ClientRegistration, "add"), form).status_code == 302
    made = ClientRegistration.objects.get()
    assert made.private_key.startswith("-----BEGIN PRIVATE KEY-----")
    assert made.key_id


def test_a_key_pair_is_replaced_on_demand(staff, world):
    form = registration_form(world.source, auth_method="private_key_jwt", make_key="on")
    staff.post(address(ClientRegistration, "change", world.registration.pk), form)

    replaced = ClientRegistration.objects.get(pk=world.registration.pk)
    assert replaced.key_id != world.registration.key_id
    assert replaced.private_key != world.registration.private_key


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"auth_method": "basic"}, "new_secret"),
        ({"new_key": "no PEM"}, "new_key"),
        ({"vendor": "epic"}, "source"),
        ({"source": ""}, "source"),
        ({"environment": "production"}, "source"),
    ],
)
def test_a_registration_that_cannot_work_is_refused(staff, db, fields, field):
    source = add_source(name="New", fhir_base_url="https://new.example/r4", environment="sandbox")

    assert errors(staff.post(address(ClientRegistration, "add"), registration_form(source, **fields))) == [field]
    assert not ClientRegistration.objects.exists()


def test_a_second_registration_for_the_same_is_refused(staff, world):
    answer = staff.post(address(ClientRegistration, "add"), registration_form(world.source))

    assert answer.status_code == 200
    assert ClientRegistration.objects.count() == 1


def test_a_registration_that_access_is_renewed_with_is_not_deleted(staff, world):
    Connection.objects.update(registration=world.registration)
    path = address(ClientRegistration, "delete", world.registration.pk)
    many = {"action": "delete_selected", "_selected_action": [world.registration.pk], "post": "yes"}

    for answer in (
        staff.get(path),
        staff.post(path, {"post": "yes"}),
        staff.post(address(ClientRegistration, "changelist"), many),
    ):
        html = answer.content.decode()
        assert "1 active connection could not be renewed any more" in html
        assert "Turn off “Is ready” instead" in html
    assert ClientRegistration.objects.exists()

    Connection.objects.exclude(status="failed").update(status="disconnected")
    assert staff.post(path, {"post": "yes"}).status_code == 302
    assert not ClientRegistration.objects.exists()


@pytest.mark.parametrize("vendor", ["epic !!", "epic, cerner", "épic"])
def test_a_vendor_that_is_no_slug_is_refused(staff, world, vendor):
    form = registration_form(world.source, source="", vendor=vendor)
    directory = {"name": "Epic", "environment": "sandbox", "vendor": vendor}

    assert "vendor" in errors(staff.post(address(ClientRegistration, "add"), form))
    assert "vendor" in errors(staff.post(address(Directory, "add"), directory))


@pytest.mark.parametrize("model", [ClientRegistration, Directory])
def test_a_vendor_that_no_source_has_is_kept_with_a_warning(staff, world, model):
    form = registration_form(world.source, source="") | {"name": "Epic"}

    known = staff.post(address(model, "add"), form | {"vendor": "EPIC"}, follow=True).content.decode()
    typo = {"vendor": "epci", "client_id": "app-10", "name": "Epci"}
    unknown = staff.post(address(model, "add"), form | typo, follow=True).content.decode()

    assert "No sandbox source has the vendor" not in known
    assert "No sandbox source has the vendor “epci” yet." in unknown
    assert set(model.objects.exclude(vendor=None).values_list("vendor", flat=True)) == {"epic", "epci"}
