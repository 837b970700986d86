"""The index: how the last day and week went."""

import re
from datetime import timedelta

import time_machine
from django.core.cache import cache
from django.utils import timezone

from tests.admin.world import new_flow


def numbers(html: str, label: str) -> list[str]:
    row = re.search(rf"</span>{label}</th>(.*?)</tr>", html, re.DOTALL)
    return re.findall(r'">(\d+)</a>', row[1]) if row else []


def test_the_index_counts_flows_sign_ins_and_failures(staff, world):
    html = staff.get("/admin/").content.decode()

    assert numbers(html, "Open") == ["1", "1"]
    assert numbers(html, "The portal refused the code") == ["1", "1"]
    assert numbers(html, "Pending") == ["1", "1"]
    assert numbers(html, "Riverside Hospital") == ["1", "1"]


def test_what_is_older_than_a_day_counts_for_the_week_only(staff, world):
    with time_machine.travel(timezone.now() - timedelta(days=3)):
        new_flow(world.patient)
    with time_machine.travel(timezone.now() - timedelta(days=8)):
        new_flow(world.patient)

    html = staff.get("/admin/").content.decode()

    assert numbers(html, "Open") == ["1", "1"]
    assert numbers(html, "Expired") == ["0", "1"]


def test_each_number_leads_to_the_rows_it_counts(staff, world):
    html = staff.get("/admin/").content.decode()
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/flows/[^"]*created_at[^"]*)"', html)]

    assert links
    for number, link in zip(re.findall(r'created_at[^"]*">(\d+)</a>', html), links, strict=True):
        listed = staff.get(link)
        assert listed.status_code == 200
        assert len(listed.context["cl"].result_list) == int(number)


def test_the_index_of_an_empty_installation(staff, db):
    cache.clear()

    assert "No sign-in failed in the last 7 days." in staff.get("/admin/").content.decode()
