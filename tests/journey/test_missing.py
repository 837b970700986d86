""" "My hospital is not listed": what is noted, how often, and what the patient reads."""

from urllib.parse import urlsplit

import pytest
from django.db import IntegrityError
from django.utils import timezone

from flows.models import PatientFlow, SourceRequest
from flows.source_requests import MAX_IN_A_FLOW
from organizations.models import Organization
from sources.models import Source
from tests.sources.catalogue import facility, source


@pytest.fixture
def flow(api) -> dict:
    """A flow in picker mode; this page needs no portal."""
    return api.post("/patient-flows", {"patient_id": "p-1", "return_url": "https://app.example/back"}).json


@pytest.fixture
def missing(flow) -> str:
    return f"{urlsplit(flow['url']).path}/missing"


def noted() -> list[tuple]:
    return list(SourceRequest.objects.order_by("id").values_list("name", "place", "portal_address", "query"))


def test_a_patient_tells_what_is_missing_and_reads_what_happens_next(browser, flow, missing, organization):
    browser.open(f"{flow['url']}?q=granit+vally&near=95678")
    assert "My hospital is not listed" in browser.text
    browser.open(f"{missing}?q=granit+vally&near=95678")
    assert 'value="granit vally"' in browser.html
    assert 'value="95678"' in browser.html

    browser.submit(
        f"{missing}?q=granit+vally&near=95678", name="Granite  Valley ", place="Roseville", portal_address="g.example"
    )
    assert browser.status == 303
    browser.follow()

    assert "We have noted that you look for “ Granite Valley ”" in browser.text
    assert "We cannot promise that" in browser.text
    assert "Return to Bluebird Health" in browser.text
    assert noted() == [("Granite Valley", "Roseville", "g.example", "granit vally")]
    row = SourceRequest.objects.get()
    assert (row.status, row.organization, row.source, row.flow.public_id) == ("new", organization, None, flow["id"])


def test_a_list_of_results_leads_there_too(browser, flow, missing):
    facility("River Clinic")

    browser.open(f"{flow['url']}?q=river")

    assert f'None of these? <a class="mc-inline" href="{missing}?q=river"' in browser.html


def test_a_pasted_address_is_taken_as_the_portals(browser, missing):
    browser.open(f"{missing}?q=https://mychart.granite.example/login")

    assert 'name="portal_address" value="https://mychart.granite.example/login"' in browser.html
    assert 'name="name" value=' not in browser.html, "no name is known"


@pytest.mark.parametrize("name", ["  ", "\u200b", "\u202e", "?!"])
def test_a_name_is_needed(browser, missing, name):
    browser.open(missing).submit(missing, name=name, place="Roseville")

    assert browser.status == 200
    assert "Error: Type the name of a hospital, clinic or health plan." in browser.text
    assert 'value="Roseville"' in browser.html
    assert noted() == []


@pytest.mark.parametrize("field", ["name", "place", "portal_address"])
@pytest.mark.parametrize("typed", ["x" * 5000, "a\x00b"])
def test_what_cannot_be_kept_is_said_at_its_field(browser, missing, field, typed):
    browser.open(missing).submit(missing, **({"name": "Granite"} | {field: typed}))

    assert browser.status == 200
    assert f'id="id_{field}_error"' in browser.html
    assert noted() == []


@pytest.mark.parametrize("query", ["x" * 5000, "a%00b", "%F0%9F%99%82", "<script>alert(1)</script>"])
def test_odd_searches_lead_there_calmly(browser, missing, query):
    browser.open(f"{missing}?q={query}&near={query}&name={query}").submit(f"{missing}?q={query}", name="Granite")

    assert browser.status == 303
    assert "<script>alert" not in browser.follow().html
    assert len(SourceRequest.objects.get().query) <= 200


def test_the_same_wish_is_noted_once(browser, missing):
    for name in ("Granite Valley", "granite  VALLEY", "Granite Valley"):
        browser.open(missing).submit(missing, name=name, place="Roseville")
    browser.open(missing).submit(missing, name="Granite Valley", place="Davis")

    assert [row[:2] for row in noted()] == [("Granite Valley", "Roseville"), ("Granite Valley", "Davis")]


def test_the_database_holds_that_rule_too(browser, missing):
    browser.open(missing).submit(missing, name="Granite")
    row = SourceRequest.objects.get()

    with pytest.raises(IntegrityError, match="flows_source_request_once_in_a_flow"):
        SourceRequest.objects.create(flow=row.flow, organization=row.organization, name="GRANITE")


def test_one_link_takes_no_more_than_ten(browser, missing):
    for number in range(MAX_IN_A_FLOW):
        browser.open(missing).submit(missing, name=f"Clinic {number}")

    browser.open(missing).submit(missing, name="One more")

    assert browser.status == 200
    assert "You have told us about many places already" in browser.text
    assert len(noted()) == MAX_IN_A_FLOW
    assert browser.open(missing).submit(missing, name="clinic 3").status == 303, "what is noted stays noted"


def test_what_is_known_but_not_ready_is_noted_with_its_source(browser, missing):
    Organization.objects.update(unavailable_sources="shown")
    closed = source("Granite", offered=False)
    address = f"{missing}?q=gran&name=Granite+Valley&connection_id={closed.id}"

    browser.open(address)
    assert "It is known to us, but nobody can sign in there yet" in browser.text
    assert 'value="Granite Valley"' in browser.html
    browser.submit(address, name="Granite Valley")

    assert SourceRequest.objects.get().source == closed
    Source.objects.filter(pk=closed.pk).delete()
    assert SourceRequest.objects.get().source is None


def test_a_source_that_the_workspace_may_not_see_is_not_told(browser, missing, other_organization):
    Organization.objects.update(unavailable_sources="shown")
    hidden = source("Hidden", offered=False, organization=other_organization)

    browser.open(f"{missing}?connection_id={hidden.id}")
    assert "known to us" not in browser.text
    browser.submit(f"{missing}?connection_id={hidden.id}", name="Hidden")

    assert SourceRequest.objects.get().source is None


def test_a_closed_link_notes_nothing(browser, missing):
    browser.open(missing)
    PatientFlow.objects.update(expires_at=timezone.now())

    assert browser.submit(missing, name="Granite").status == 410
    assert noted() == []


def test_nobody_is_thanked_who_asked_for_nothing(browser, flow, missing):
    assert browser.open(f"{missing}/thanks").location == urlsplit(flow["url"]).path


def test_direct_mode_has_no_such_page(browser, api):
    target = source("Granite")
    body = {"patient_id": "p", "return_url": "https://a.example", "connection_id": target.id}
    direct = urlsplit(api.post("/sessions", body).json["url"]).path

    assert browser.open(f"{direct}/missing").location == direct


def test_requests_end_with_their_flow(browser, missing):
    browser.open(missing).submit(missing, name="Granite")

    PatientFlow.objects.all().delete()

    assert noted() == []
