"""Contract §6: what each link and page does in each state, and what it never does."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from flows.models import Authorization, AuthorizationEvent, PatientFlow
from organizations.models import Organization
from patients.models import Connection
from sources.models import Facility, Portal, Source
from sources.operations import NewClient, add_source
from tests.journey.patient import PatientBrowser

UNKNOWN = "0" * 32


def path_of(flow: dict) -> str:
    return urlsplit(flow["url"]).path


@pytest.mark.parametrize("page", ["", "/confirm", "/done"])
@pytest.mark.parametrize("token", [UNKNOWN, "x", "0" * 31, "0" * 33, "A" * 32, "<script>", "%00", "🙂", "..%2f"])
def test_an_unknown_link_is_a_kind_404(db, browser, token, page):
    browser.open(f"/c/{token}{page}")

    assert browser.status == 404
    assert "go back to" in browser.text.lower()


@pytest.mark.parametrize("page", ["connect", "return"])
def test_posting_to_an_unknown_link_is_refused(db, client, page):
    assert client.post(f"/c/{UNKNOWN}/{page}").status_code == 404


def test_an_expired_link_says_so_and_leads_back_to_the_app(browser, flow):
    PatientFlow.objects.update(expires_at=timezone.now())

    browser.open(flow["url"])
    assert browser.status == 410
    assert "This link has closed" in browser.text

    browser.submit(f"{path_of(flow)}/return")
    assert browser.location.startswith("https://app.example/back?patient_id=p-1&")
    assert PatientFlow.objects.get().status == "open"  # its time is over: it never completes


def test_a_used_link_says_so_and_leads_back_to_the_app(browser, flow):
    browser.open(flow["url"]).open(f"{path_of(flow)}/confirm?connection_id={Source.objects.get().id}")
    browser.submit(f"{path_of(flow)}/return")
    first = browser.location

    browser.open(flow["url"])

    assert browser.status == 200
    assert "You have finished here" in browser.text
    assert browser.submit(f"{path_of(flow)}/return").location == first


@pytest.mark.parametrize("status", ["complete", "expired"])
def test_a_closed_link_never_starts_an_authorization(browser, flow, riverside, status):
    browser.open(flow["url"]).open(f"{path_of(flow)}/confirm?connection_id={riverside.id}")
    PatientFlow.objects.update(status=status, completed_at=timezone.now() if status == "complete" else None)

    browser.submit(f"{path_of(flow)}/connect", connection_id=riverside.id)

    assert browser.status in (200, 410)
    assert not Authorization.objects.exists()


def test_closed_pages_show_nothing_of_the_patient(browser, api, riverside):
    flow = api.post(
        "/sessions",
        {"patient_id": "secret-ref", "patient_name": "Ana Secret", "return_url": "https://app.example/?deep=secret"},
    ).json
    PatientFlow.objects.update(expires_at=timezone.now())

    browser.open(flow["url"])

    assert "secret" not in browser.html.lower()


def test_recommended_sources_come_first_in_the_apps_order(browser, api, riverside):
    second = add_source(
        name="Lakeside", fhir_base_url="https://lakeside.example/", environment="sandbox", client=NewClient("us")
    )
    flow = api.post(
        "/sessions",
        {"patient_id": "p", "return_url": "https://a.example", "recommended_connection_ids": [second.id, riverside.id]},
    ).json

    browser.open(flow["url"])

    assert (
        browser.text.index("Lakeside") < browser.text.index("Riverside") < browser.text.index("Name of your hospital")
    )


def test_searching_finds_by_the_beginnings_of_words_and_says_how_many(browser, flow):
    browser.open(f"{flow['url']}?q=hos+riv")

    assert "1 match for “ hos riv ”" in browser.text
    assert "Riverside Hospital" in browser.text


def test_a_search_that_finds_nothing_helps_on(browser, flow):
    browser.open(f"{flow['url']}?q=zzzz")

    assert "No match for" in browser.text
    assert "Check the spelling" in browser.text


def test_the_fragment_is_only_the_results(browser, flow):
    browser.page = browser.client.get(f"{path_of(flow)}?q=river&fragment")

    assert "Riverside Hospital" in browser.html
    assert "<html" not in browser.html


@pytest.mark.parametrize(
    "query", ["<script>alert(1)</script>", "x" * 5000, "%00", "%F0%9F%99%82", "%E2%80%AE", "'\";--", " "]
)
def test_odd_searches_are_answered_calmly(browser, flow, query):
    browser.open(f"{flow['url']}?q={query}")

    assert browser.status == 200
    assert "<script>alert" not in browser.html


def test_a_hostile_name_is_shown_as_text(browser, api, organization):
    hostile = "<img src=x onerror=alert(1)> \u202eevil"
    Organization.objects.update(name=hostile)
    source = add_source(name=hostile, fhir_base_url="https://x.example/", environment="sandbox", client=NewClient("us"))
    flow = api.post(
        "/sessions",
        {
            "patient_id": "p",
            "return_url": "https://a.example",
            "return_button_label": "<b>Back</b>",
            "recommended_connection_ids": [source.id],
        },
    ).json

    for page in ("", f"/confirm?connection_id={source.id}", "?q=evil"):
        browser.open(flow["url"] + page)
        assert "<img src=x" not in browser.html
        assert "&lt;img src=x" in browser.html


@pytest.mark.parametrize("reference", ["", "nonsense", "fhirsrc_" + "a" * 24, "%00", "x" * 5000])
def test_a_source_that_is_not_offered_cannot_be_confirmed(browser, flow, reference):
    browser.open(f"{flow['url']}/confirm?connection_id={reference}")

    assert browser.status == 404
    assert "This place cannot be connected" in browser.text
    assert "from the list" not in browser.text
    assert f'href="{path_of(flow)}">Choose another place' in browser.html


def test_a_source_of_another_workspace_or_environment_cannot_be_connected(browser, flow, riverside, other_organization):
    hidden = [
        add_source(name="P", fhir_base_url="https://p.example/", environment="production", client=NewClient("us")),
        add_source(
            name="Q",
            fhir_base_url="https://q.example/",
            environment="sandbox",
            organization=other_organization,
            client=NewClient("us"),
        ),
        add_source(name="R", fhir_base_url="https://r.example/", environment="sandbox"),
    ]
    for source in hidden:
        browser.open(flow["url"]).open(f"{path_of(flow)}/confirm?connection_id={riverside.id}")
        assert browser.submit(f"{path_of(flow)}/connect", connection_id=source.id).status == 404
    assert not Authorization.objects.exists()


def test_posting_without_the_csrf_token_is_refused_kindly(browser, flow, riverside):
    browser.open(flow["url"])
    browser.page = browser.client.post(f"{path_of(flow)}/connect", {"connection_id": riverside.id})

    assert browser.status == 403
    assert "Your browser did not keep our cookie" in browser.text
    assert not Authorization.objects.exists()


@pytest.mark.parametrize("page", ["", "/confirm?connection_id={}", "/missing"])
def test_every_page_with_a_form_to_fill_in_says_when_it_closes(browser, flow, riverside, page):
    PatientFlow.objects.update(expires_at=timezone.now() + timedelta(minutes=5, seconds=30))

    browser.open(flow["url"] + page.format(riverside.id))

    assert "For your safety this page closes in 5 minutes." in browser.text
    assert 'data-module="closing-time" data-minutes="5"' in browser.html
    assert "mc/closing-time.js" in browser.html


@pytest.mark.parametrize("page", ["connect", "return"])
def test_reloading_a_form_that_was_sent_leads_to_the_first_page(browser, flow, page):
    assert browser.open(f"{flow['url']}/{page}").location == path_of(flow)


def test_a_closed_link_shows_its_results_only_to_who_was_at_the_portal_and_only_for_a_while(
    browser, flow, riverside, portal
):
    browser.open(portal.sign_in(browser.leave_for(flow, riverside.id)))
    PatientFlow.objects.update(expires_at=timezone.now())
    assert "You are connected" in browser.open(f"{flow['url']}/done").text

    assert PatientBrowser().open(f"{flow['url']}/done").status == 410
    Authorization.objects.update(redeemed_at=timezone.now() - timedelta(minutes=16))
    assert browser.open(f"{flow['url']}/done").status == 410


def test_a_place_found_by_its_own_name_is_called_so_on_every_page(browser, flow, riverside, portal):
    clinic = Facility.objects.create(name="Oak Street Clinic")
    clinic.sources.set([riverside])
    browser.open(flow["url"]).open(f"{flow['url']}/confirm?connection_id={riverside.id}&facility={clinic.pk}")
    assert "Connect to Oak Street Clinic" in browser.text
    assert "the website of Riverside Hospital" in browser.text

    browser.submit(f"{path_of(flow)}/connect", connection_id=riverside.id, facility=str(clinic.pk))
    browser.open(portal.sign_in(browser.location, decision="deny")).follow()

    assert "Oak Street Clinic through Riverside Hospital" in browser.text
    assert f"facility={clinic.pk}" in browser.html


def test_in_a_frame_the_way_back_is_a_link_out_of_it(browser, flow):
    browser.page = browser.client.get(path_of(flow), headers={"Sec-Fetch-Dest": "iframe"})

    assert f'href="{path_of(flow)}" target="_top"' in browser.html
    assert '<form method="post"' not in browser.html


def test_an_empty_search_says_what_to_type(browser, flow):
    browser.open(f"{flow['url']}?q=")

    assert "Error: Type the name of a hospital, clinic or health plan." in browser.text


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("", '<div class="mc-summary" id="{}" tabindex="-1"'),
        ("river&near=9", '<div class="mc-summary" id="{}" tabindex="-1"'),
        ("river", '<div id="{}">\n  <div id="results">'),
    ],
)
def test_a_sent_search_leads_to_what_is_wrong_or_to_what_was_found(browser, flow, query, target):
    browser.open(f"{flow['url']}?q={query}")

    action = re.search(r'<form class="mc-search" action="[^"]*#([^"]+)"', browser.html)
    assert target.format(action[1]) in browser.html


@pytest.mark.parametrize("method", ["put", "delete"])
@pytest.mark.parametrize("page", ["connect", "return"])
def test_pages_that_change_something_take_only_post(client, flow, method, page):
    assert getattr(client, method)(f"{path_of(flow)}/{page}").status_code == 405


def pages(browser, flow, riverside):
    for path in ("", "?q=river", f"/confirm?connection_id={riverside.id}", "/done"):
        yield browser.open(flow["url"] + path).page


def test_every_page_is_private_to_this_browser_and_this_site(browser, flow, riverside):
    for page in pages(browser, flow, riverside):
        assert "no-store" in page.headers["Cache-Control"]
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["X-Robots-Tag"] == "noindex"
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["X-Frame-Options"] == "DENY"


def form_action(page) -> str:
    [directive] = [part for part in page.headers["Content-Security-Policy"].split("; ") if "form-action" in part]
    return directive


def test_a_form_may_lead_through_any_chain_of_https_addresses_and_to_this_machine_only_in_a_sandbox(
    browser, flow, riverside, api
):
    confirm = browser.open(f"{flow['url']}/confirm?connection_id={riverside.id}").page
    assert form_action(confirm) == "form-action 'self' https: http://localhost:* http://127.0.0.1:*"

    assert form_action(browser.open(flow["url"]).page) == "form-action 'self' https:"
    local = api.post("/sessions", {"patient_id": "p", "return_url": "http://localhost:3000/"}).json
    assert form_action(browser.open(local["url"]).page) == (
        "form-action 'self' https: http://localhost:* http://127.0.0.1:*"
    )


def test_a_form_may_lead_to_the_apps_own_scheme(browser, api, organization, riverside):
    Organization.objects.update(allowed_return_origins=["myapp:"])
    flow = api.post("/sessions", {"patient_id": "p", "return_url": "myapp://back"}).json

    assert form_action(browser.open(flow["url"]).page) == "form-action 'self' https: myapp:"
    assert browser.submit(f"{path_of(flow)}/return").location.startswith("myapp://back?patient_id=p&")


def test_a_production_workspace_never_sends_a_form_to_this_machine(browser, production_organization):
    from tests.conftest import api_of

    source = add_source(name="X", fhir_base_url="https://x.example/", environment="production", client=NewClient("us"))
    flow = (
        api_of(production_organization).post("/sessions", {"patient_id": "p", "return_url": "https://a.example"}).json
    )

    confirm = browser.open(f"{flow['url']}/confirm?connection_id={source.id}").page

    assert form_action(confirm) == "form-action 'self' https:"


def test_a_workspace_may_name_who_frames_its_pages(browser, flow, riverside):
    Organization.objects.update(allowed_frame_ancestors=["https://app.example"])

    page = browser.open(flow["url"]).page

    assert "frame-ancestors https://app.example" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers


def test_cookies_are_out_of_reach_of_scripts(browser, flow):
    browser.open(flow["url"])

    for cookie in browser.client.cookies.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


def test_the_picker_asks_a_fixed_number_of_queries(browser, flow, django_assert_num_queries):
    browser.open(f"{flow['url']}?q=river")

    # The flow, the catalogue's version, the registrations, the places found, what was used before, the logo.
    with django_assert_num_queries(6):
        browser.open(f"{flow['url']}?q=river")


# --- direct mode


@pytest.fixture
def direct(api, riverside):
    body = {"patient_id": "p-1", "return_url": "https://app.example/back?x=1", "connection_id": riverside.id}
    return api.post("/sessions", body).json


def test_direct_mode_goes_straight_to_the_portal_and_straight_back(api, browser, direct, riverside, portal):
    browser.open(direct["url"])
    assert browser.location.startswith(portal.addresses.authorize)

    browser.open(portal.sign_in(browser.location))

    ulid = direct["id"].removeprefix("sess_")
    assert browser.location == (
        f"https://app.example/back?x=1&patient_id=p-1&patient_session_id=ps_{ulid}&session_id=sess_{ulid}"
        f"&success=true&connection_id={riverside.id}"
    )
    assert api.get(f"/sessions/{direct['id']}").json["status"] == "complete"


def test_direct_mode_tells_the_app_of_a_denial(api, browser, direct, portal):
    browser.open(direct["url"])

    browser.open(portal.sign_in(browser.location, decision="deny"))

    assert "&success=false&error=user_denied&error_description=You%20chose%20not" in browser.location
    assert "connection_id" not in browser.location
    assert api.get(f"/sessions/{direct['id']}").json["status"] == "complete"


def test_a_direct_callback_shown_twice_goes_to_the_same_place(browser, direct, portal):
    browser.open(direct["url"])
    back = portal.sign_in(browser.location)
    first = browser.open(back).location

    assert browser.open(back).location == first


def test_direct_mode_at_a_portal_that_is_down_offers_to_try_again_and_to_go_back(api, browser, direct, portal):
    portal.stop()

    browser.open(direct["url"]).follow()

    assert "not answering" in browser.text
    assert f'href="{path_of(direct)}"' in browser.html
    assert api.get(f"/sessions/{direct['id']}").json["status"] == "open"
    assert f"reference: {direct['id']}" in browser.text
    assert "&success=false&error=portal_unreachable&" in browser.submit(f"{path_of(direct)}/return").location
    assert api.get(f"/sessions/{direct['id']}").json["status"] == "complete"


def test_direct_mode_that_succeeded_once_is_a_success_whatever_another_tab_did(browser, direct, portal):
    browser.open(direct["url"])
    browser.open(direct["url"])
    browser.open(portal.sign_in(browser.location))
    Authorization.objects.filter(outcome="pending").update(
        outcome="abandoned", finished_at=timezone.now() + timedelta(hours=1), verifier=""
    )
    browser.open(direct["url"])

    assert "&success=true&" in browser.submit(f"{path_of(direct)}/return").location


def test_direct_mode_at_a_source_that_lost_its_registration_blames_nobody_and_sends_nobody_to_a_list(
    api, browser, direct, riverside
):
    riverside.client_registrations.all().delete()

    browser.open(direct["url"])

    assert browser.status == 404
    assert "Signing in is not possible there at the moment" in browser.text
    assert api.get(f"/sessions/{direct['id']}").json["connections"][0]["failure_code"] == "discovery_failed"
    assert "no client registration" in AuthorizationEvent.objects.latest("id").portal_description
    to_app = browser.submit(f"{path_of(direct)}/return").location
    assert "&success=false&error=discovery_failed&error_description=Signing%20in%20is%20not%20possible" in to_app
    assert "patient%20did" not in to_app


def test_another_chart_at_the_same_source_is_another_connection(api, browser, organization):
    from tests.journey.conftest import registered
    from tests.portals import Choices, Portal

    flow = api.post("/sessions", {"patient_id": "carer", "return_url": "https://a.example"}).json
    with Portal(Choices()) as portal:
        source = registered(portal, name="X")
        browser.open(portal.sign_in(browser.leave_for(flow, source.id)))
        object.__setattr__(portal.choices, "patient_id", "child")
        browser.open(portal.sign_in(browser.leave_for(flow, source.id)))

    charts = [entry.fhir_patient_id for entry in Connection.objects.filter(status="active")]
    assert sorted(charts) == ["child", "patient-1"]


def test_a_retired_place_is_not_chosen_by_its_number(browser, flow, riverside):
    gone = Facility.objects.create(name="Gone Clinic", retired_at=timezone.now())
    gone.sources.set([riverside])

    browser.open(flow["url"]).open(f"{path_of(flow)}/confirm?connection_id={riverside.id}&facility={gone.pk}")

    assert browser.status == 200
    assert "Gone Clinic" not in browser.text


@pytest.mark.parametrize(
    ("portal_name", "lead", "destination"),
    [
        (
            "MyRiverside at Riverside Hospital",
            "Next, you sign in to MyRiverside at Riverside Hospital , where patients see their records",
            "Where you are going MyRiverside at Riverside Hospital Who",
        ),
        (
            "MyChart",
            "Next, you sign in to MyChart , where Riverside Hospital shows patients their records",
            "Where you are going MyChart of Riverside Hospital Who",
        ),
    ],
)
def test_a_name_that_the_portals_name_has_in_it_is_not_said_again(
    browser, flow, riverside, portal_name, lead, destination
):
    place = Facility.objects.create(name="Riverside Hospital")
    Portal.objects.create(facility=place, source=riverside, name=portal_name)

    browser.open(f"{flow['url']}/confirm?connection_id={riverside.id}&facility={place.pk}")

    assert lead in browser.text
    assert destination in browser.text
