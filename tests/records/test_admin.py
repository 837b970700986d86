"""Pulls, as staff see them, and the button that asks for one."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape
from procrastinate.contrib.django.models import ProcrastinateJob

from patients.models import Connection
from patients.operations import disconnect
from records.admin_advice import ADVICE
from records.models import Pull, PullKind, PullStatus, Record, StepStatus
from records.operations import TASK, request_pull
from records.verdicts import Verdict
from tests.admin.conftest import address, staff, world  # noqa: F401  fixtures
from tests.admin.world import HOSTILE, new_pull

OPEN = {"status": PullStatus.WAITING, "ended_at": None, "faults": 0}


def page(client: Client, row) -> str:
    return client.get(address(type(row), "change", row.pk)).content.decode()


def words(html: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def pull_now_path(connection: Connection) -> str:
    return f"/admin/records/pull/now/{connection.pk}/"


def member_with(*permissions: str) -> Client:
    member = User.objects.create_user("new", password="correct horse battery", is_staff=True)
    member.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(member)
    return client


def new_record(connection: Connection, resource_type: str, resource_id: str) -> Record:
    now = timezone.now()
    return Record.objects.create(
        patient=connection.patient,
        connection=connection,
        source=connection.source,
        resource_type=resource_type,
        resource_id=resource_id,
        body={"resourceType": resource_type, "note": "diagnosis-of-ada"},
        body_hash=b"1" * 32,
        created_at=now,
        updated_at=now,
    )


def test_the_list_says_whose_pull_it_was_and_what_came(staff, world):  # noqa: F811
    html = staff.get(address(Pull, "changelist")).content.decode()

    told = words(html)
    assert "completed in part patient-1 Riverside Hospital after connecting 1 min 15 s 7 3 2 1" in told
    assert f"conn_{world.connection.pk}" in html


def test_a_pull_has_a_bar_for_each_type_with_its_numbers_in_words(staff, world):  # noqa: F811
    html = page(staff, world.pull)

    assert "Observation 7 3 added , 2 changed , 2 unchanged" in words(html)
    bar = re.search(r'<div class="staff-bar" aria-hidden="true" style="width: (\d+)%">(.*?)</div>', html)
    assert bar[1] == "100"
    assert re.findall(r"--(\w+)\" style=\"flex-grow: (\d+)", bar[2]) == [
        ("added", "3"),
        ("changed", "2"),
        ("unchanged", "2"),
    ]
    assert "Nothing there: Goal" in words(html)


def test_the_longest_bar_is_the_type_of_which_most_came(staff, world):  # noqa: F811
    done = {"status": StepStatus.DONE, "pages": 1}
    world.pull.steps.create(position=10, resource_type="Encounter", received=3000, added=3000, **done)

    widths = dict(re.findall(r'name">(\w+) <.*?width: (\d+)%', page(staff, world.pull), re.DOTALL))

    assert widths == {"Encounter": "100", "Observation": "1"}


def test_what_was_refused_is_told_with_what_to_do_and_the_portals_words_escaped(staff, world):  # noqa: F811
    html = page(staff, world.pull)

    assert "The portal does not permit it" in words(html)
    assert "often the hospital has to switch that on" in html
    assert f"<q>{escape(HOSTILE)}</q>" in html
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_questions_with_the_same_fault_share_one_explanation(staff, world):  # noqa: F811
    for position, resource_type in enumerate(["Goal", "Device", "Specimen"], 10):
        world.pull.steps.create(
            position=position, resource_type=resource_type, status="failed", verdict=Verdict.ACCESS_ENDED
        )

    html = page(staff, world.pull)

    assert html.count(escape(ADVICE[Verdict.ACCESS_ENDED])) == 1


def test_what_the_access_never_covered_is_not_called_missing(staff, world):  # noqa: F811
    world.pull.steps.filter(verdict=Verdict.NOT_PERMITTED).update(
        verdict=Verdict.NOT_GRANTED, status=StepStatus.SKIPPED, portal_words=""
    )

    told = words(page(staff, world.pull))

    assert "What is missing" not in told
    assert "Not asked: the access does not cover it: Condition" in told


@pytest.mark.parametrize("verdict", Verdict)
def test_staff_are_told_what_to_do_about_every_verdict(verdict):
    assert ADVICE[verdict].endswith(".")


def test_an_open_pull_says_what_it_waits_for_and_until_when(staff, world):  # noqa: F811
    later = timezone.now() + timedelta(hours=1)
    pull = new_pull(world.connection, **OPEN, wake_at=later, problem=f"The portal asked us to wait. {HOSTILE}")
    pull.steps.filter(position=0).update(status=StepStatus.WAITING, failures=3, retry_at=later)

    html = page(staff, pull)

    told = words(html)
    assert "Not finished: 3 of 4 questions are answered" in told
    assert "It goes on by itself at the time below." in told
    assert "The portal asked us to wait." in told
    assert f"{later:%d %b %Y, %H:%M:%S} UTC" in told
    assert f"Tried 3 times, again at {later:%d %b %Y, %H:%M:%S} UTC" in told
    assert "<script>alert" not in html


def test_a_pull_that_nobody_goes_on_with_points_at_the_workers(staff, world):  # noqa: F811
    pull = new_pull(world.connection, **OPEN, wake_at=timezone.now() - timedelta(minutes=11))

    assert "check that a worker is running" in page(staff, pull)


def test_a_pull_that_ended_early_names_what_was_never_asked(staff, world):  # noqa: F811
    world.pull.steps.filter(resource_type="Goal").update(status=StepStatus.WAITING)

    assert "The pull ended before this was asked to the end" in words(page(staff, world.pull))


def test_a_question_about_changes_says_since_when(staff, world):  # noqa: F811
    world.pull.steps.filter(resource_type="Goal").update(changed_since="2026-03-01T10:00:00Z")

    told = words(page(staff, world.pull))

    assert "Only what changed since 01 Mar 2026, 10:00 UTC" in told
    assert "Nothing changed: Goal" in told


def test_a_portal_that_takes_no_dates_was_asked_for_everything(staff, world):  # noqa: F811
    world.pull.steps.filter(resource_type="Goal").update(changed_since="2026-03-01T10:00:00Z", retreat=2)

    told = words(page(staff, world.pull))

    assert "Only what changed since" not in told
    assert "Nothing there: Goal" in told


def test_a_pull_page_costs_the_same_however_many_questions(staff, world):  # noqa: F811
    def cost() -> int:
        with CaptureQueriesContext(database) as captured:
            page(staff, world.pull)
        return len(captured)

    page(staff, world.pull)
    few = cost()
    for position in range(10, 60):
        world.pull.steps.create(position=position, resource_type=f"Type{position}", status="failed", verdict="refused")

    assert cost() == few <= 6


def test_a_connection_shows_when_it_was_synced_and_its_last_ten_pulls(staff, world):  # noqa: F811
    Connection.objects.filter(pk=world.connection.pk).update(last_synced_at="2026-03-01T10:00:00Z", records_count=1234)
    pulls = [new_pull(world.connection).pk for _ in range(10)]

    html = page(staff, world.connection)

    assert "01 Mar 2026, 10:00:00" in html
    assert "1234" in html
    linked = re.findall(r'href="/admin/records/pull/(\w+)/change/"', html)
    assert linked == sorted(pulls, reverse=True)
    assert f"/admin/records/pull/?q=conn_{world.connection.pk}" in html


def test_a_connection_counts_its_records_by_type_and_shows_none_of_them(staff, world):  # noqa: F811
    for number in range(3):
        new_record(world.connection, "Observation", f"o-{number}")
    new_record(world.connection, "Condition", "c-1")

    html = page(staff, world.connection)

    assert "Observation 3 Condition 1" in words(html)
    assert "diagnosis-of-ada" not in html
    assert "o-1" not in words(html).split()


def test_the_bodies_of_records_are_not_loaded(staff, world):  # noqa: F811
    new_record(world.connection, "Observation", "o-1")

    with CaptureQueriesContext(database) as captured:
        page(staff, world.connection)
        page(staff, world.pull)

    assert not [query["sql"] for query in captured if '"body"' in query["sql"]]


def test_staff_ask_for_a_pull_and_it_is_noted(staff, world):  # noqa: F811
    assert pull_now_path(world.connection) in page(staff, world.connection)

    answer = staff.post(pull_now_path(world.connection), follow=True)

    pull = Pull.objects.get(kind=PullKind.MANUAL)
    assert (pull.connection, pull.status) == (world.connection, PullStatus.WAITING)
    assert [job.args["pull_id"] for job in ProcrastinateJob.objects.filter(task_name=TASK)] == [pull.pk]
    assert "The records are being brought here in the background." in answer.content.decode()
    assert pull.pk in answer.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == (
        f"conn_{world.connection.pk}",
        "Asked for its records now.",
    )


def test_a_pull_that_is_open_is_woken_up_and_there_is_no_second(staff, world):  # noqa: F811
    now = timezone.now()
    sleeping = request_pull(world.connection, PullKind.SCHEDULED, now - timedelta(hours=1))
    Pull.objects.filter(pk=sleeping.pk).update(wake_at=now + timedelta(hours=1))

    answer = staff.post(pull_now_path(world.connection), follow=True)

    woken = Pull.objects.get(status=PullStatus.WAITING)
    assert woken.pk == sleeping.pk
    assert now <= woken.wake_at <= timezone.now()
    assert "A pull is under way already and was woken up; there is no second." in answer.content.decode()


def test_there_is_nothing_to_pull_once_the_access_has_ended(staff, world):  # noqa: F811
    disconnect(patient=world.patient, connection_id=world.connection.pk, now=timezone.now())

    assert pull_now_path(world.connection) not in page(staff, world.connection)
    answer = staff.post(pull_now_path(world.connection), follow=True)

    assert "through an active connection only" in answer.content.decode()
    assert not Pull.objects.filter(kind=PullKind.MANUAL).exists()
    assert not LogEntry.objects.exists()


def test_following_a_link_to_the_button_asks_for_nothing(staff, world):  # noqa: F811
    answer = staff.get(pull_now_path(world.connection), follow=True)

    assert answer.redirect_chain == [(address(Connection, "change", world.connection.pk), 302)]
    assert "Nothing was done." in answer.content.decode()
    assert not Pull.objects.filter(kind=PullKind.MANUAL).exists()


def test_another_site_cannot_press_the_button(world):  # noqa: F811
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("boss", password="correct horse battery"))

    assert client.post(pull_now_path(world.connection)).status_code == 403
    assert not Pull.objects.filter(kind=PullKind.MANUAL).exists()


def test_a_connection_that_is_gone_cannot_be_pulled(staff, world):  # noqa: F811
    assert staff.post("/admin/records/pull/now/01M00000000000000000000000/").status_code == 404


def test_pulling_needs_the_right_to_change_connections(world):  # noqa: F811
    client = member_with("view_connection", "view_pull", "change_pull")

    assert pull_now_path(world.connection) not in page(client, world.connection)
    assert client.post(pull_now_path(world.connection)).status_code == 403
    assert not Pull.objects.filter(kind=PullKind.MANUAL).exists()


def test_staff_who_may_not_see_pulls_see_none_on_a_connection(world):  # noqa: F811
    new_record(world.connection, "Observation", "o-1")
    client = member_with("view_connection")

    html = page(client, world.connection)

    assert world.pull.pk not in html
    assert "Observation" not in html
    assert client.get(address(Pull, "change", world.pull.pk)).status_code == 403


def test_the_index_counts_pulls_and_leads_to_them(staff, world):  # noqa: F811
    new_pull(world.connection, status=PullStatus.FAILED)
    new_pull(world.connection, **OPEN | {"status": PullStatus.RUNNING}, wake_at=timezone.now())

    html = staff.get("/admin/").content.decode()

    links = re.findall(r'href="(/admin/records/pull/\?[^"]*)">(\d+)<', html)
    assert [number for _, number in links] == ["0", "0", "1", "1", "1", "1", "1", "1"]
    for link, number in links:
        listed = staff.get(link.replace("&amp;", "&"))
        assert len(listed.context["cl"].result_list) == int(number)


def test_staff_who_may_see_pulls_only_see_them_on_the_index(world):  # noqa: F811
    client = member_with("view_pull")

    html = client.get("/admin/").content.decode()

    assert "status__exact=failed" in html
    assert "Riverside" not in html
