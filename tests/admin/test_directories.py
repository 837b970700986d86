"""Directories, their imports and what staff edited over them, in the admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from sources.models import Catalogue, Directory, DirectoryImport, Facility, Source, Status
from sources.reading.listing import ListedPortal
from tests.admin.conftest import address
from tests.admin.test_catalogue import portals_form
from tests.sources.catalogue import ClientRegistration
from tests.sources.imports.listings import HILL, LAKE, RIVER, brought, place

pytestmark = pytest.mark.django_db


def page(staff, row) -> str:
    answer = staff.get(address(type(row), "change", row.pk))
    assert answer.status_code == 200
    return answer.content.decode()


def rollback(run_id: str) -> str:
    return reverse("admin:sources_directoryimport_rollback", args=[run_id])


def test_an_import_shows_what_it_did_and_to_whom(staff):
    brought(place("a", "River"), place("b", "Lake", LAKE))
    report = brought(place("a", "River <b>Health</b>"), place("c", "Hill", HILL))

    shown = page(staff, DirectoryImport.objects.get(pk=report.import_id))

    for words in (
        "Facilities renamed (1)",
        "River → River &lt;b&gt;Health&lt;/b&gt;",
        "Facilities retired (1)",
        "Hill",
    ):
        assert words in shown
    listed = staff.get(address(DirectoryImport, "changelist")).content.decode()
    assert "Facilities: 1 added, 1 renamed, 1 retired" in listed


def test_a_refused_import_shows_why(staff):
    places = [place(str(number), f"Place {number}") for number in range(30)]
    brought(*places)
    directory = Directory.objects.get()
    DirectoryImport.objects.create(
        directory=directory, environment="production", status=Status.REFUSED, reason="It would retire 20 places."
    )

    assert "It would retire 20 places." in staff.get(address(DirectoryImport, "changelist")).text


def test_an_import_is_taken_back_after_a_question(staff):
    report = brought(place("a", "River"))
    run = DirectoryImport.objects.get(pk=report.import_id)
    assert rollback(run.pk) in page(staff, run)

    assert "Roll back the import of here" in staff.get(rollback(run.pk)).text
    assert Facility.objects.count() == 1

    answer = staff.post(rollback(run.pk), follow=True)
    assert "Everything is as it was before." in answer.text
    assert not Facility.objects.exists()
    assert rollback(run.pk) not in page(staff, run)
    assert "rolled back already" in staff.post(rollback(run.pk), follow=True).text


def test_who_may_only_look_cannot_take_an_import_back():
    report = brought(place("a", "River"))
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_directoryimport"))
    client = Client()
    client.force_login(looker)

    assert rollback(report.import_id) not in page(client, DirectoryImport.objects.get())
    assert client.get(rollback(report.import_id)).status_code == 403
    assert client.post(rollback(report.import_id)).status_code == 403
    assert Facility.objects.count() == 1


def test_import_now_enqueues_one_job_for_each_directory_with_a_url(staff):
    one = Directory.objects.create(name="one", environment="production", url="https://one.example/brands")
    other = Directory.objects.create(name="file", environment="production")
    action = {"action": "import_now", "_selected_action": [one.pk, other.pk]}

    answer = staff.post(address(Directory, "changelist"), action, follow=True)
    staff.post(address(Directory, "changelist"), action)

    assert "1 imports begin" in answer.text
    assert "import the file: file" in answer.text
    [job] = ProcrastinateJob.objects.filter(task_name="sources.tasks.import_directory")
    assert job.args == {"directory_id": one.pk, "by": "boss"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"is_watched": "on", "url": ""}, "url"),
        ({"url": "http://plain.example/brands"}, "url"),
        ({"url": "https://127.0.0.1/brands"}, "url"),
    ],
)
def test_a_directory_that_cannot_be_fetched_is_refused(staff, fields, field):
    form = {"name": "Brands", "environment": "production", "url": "https://brands.example/b.json"} | fields

    answer = staff.post(address(Directory, "add"), form)

    assert list(answer.context["adminform"].form.errors) == [field]


def test_a_directory_is_configured_by_hand(staff):
    form = {"name": "Brands", "environment": "production", "url": "https://brands.example/b.json", "is_watched": "on"}

    assert staff.post(address(Directory, "add"), form | {"vendor": " Epic "}).status_code == 302

    directory = Directory.objects.get()
    assert (directory.vendor, directory.is_watched) == ("epic", True)
    assert staff.post(address(Directory, "delete", directory.pk), {"post": "yes"}).status_code == 403


def test_an_edited_field_stays_through_the_next_import_and_can_be_given_back(staff):
    brought(place("a", "River", city="Ulm"))
    facility = Facility.objects.get()
    form = {"name": "River Hospital", "city": "Ulm", **portals_form(Source.objects.get(), facility)}
    assert staff.post(address(Facility, "change", facility.pk), form).status_code == 302
    brought(place("a", "RIVER", city="Bonn"))

    facility.refresh_from_db()
    assert (facility.name, facility.city) == ("River Hospital", "Bonn")
    assert "Name: the directory says “RIVER”" in page(staff, facility)

    version = Catalogue.current_version()
    staff.post(address(Facility, "change", facility.pk), form | {"city": "Bonn", "give_back": ["name"]})
    facility.refresh_from_db()
    assert (facility.name, facility.directory_values) == ("RIVER", {})
    assert Catalogue.current_version() != version
    assert "the directory says" not in page(staff, facility)


def test_edited_portals_are_pinned_too(staff):
    brought(place("a", "River", ListedPortal(RIVER, "MyRiver")))
    facility = Facility.objects.get()
    form = {"name": "River", **portals_form(Source.objects.get(), facility, name="River for patients")}

    assert staff.post(address(Facility, "change", facility.pk), form).status_code == 302

    facility.refresh_from_db()
    assert facility.portals.get().name == "River for patients"
    assert list(facility.directory_values) == ["portals"]
    assert "Portals: the directory says" in page(staff, facility)


def test_lists_tell_what_is_retired_and_what_patients_are_offered(staff):
    brought(place("a", "River"), place("b", "Lake", LAKE))
    brought(place("a", "River"))
    ClientRegistration.objects.create(
        source=Source.objects.get(fhir_base_url=RIVER), environment="production", client_id="us"
    )

    def listed(model, **query) -> set[str]:
        return {row.name for row in staff.get(address(model, "changelist"), query).context["cl"].result_list}

    assert listed(Facility, retired="yes") == {"Lake"}
    assert listed(Facility, retired="no") == {"River"}
    rows = {row.fhir_base_url: row for row in staff.get(address(Source, "changelist")).context["cl"].result_list}
    assert {url: row.is_offered for url, row in rows.items()} == {RIVER: True, LAKE: False}


def test_what_goes_with_a_facility_is_named_before_it_is_deleted(staff):
    brought(place("a", "River"))

    html = staff.get(address(Facility, "delete", Facility.objects.get(name="River").pk)).content.decode()

    assert "Directory entries" in html
    assert f"River in {Directory.objects.get()}" in html
