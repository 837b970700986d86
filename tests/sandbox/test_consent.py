import re

import pytest

from tests.sandbox.conftest import text_of


def test_the_page_says_who_asks_for_what_and_whose(riverside):
    page = text_of(riverside.sign_in("maria"))

    assert "Share records with Medblocks Connect?" in page
    assert "Whose records: Maria Alvarez (you)" in page
    assert "Test results and vital signs" in page
    assert "Sandbox: pretend data" in page


def test_only_the_kinds_of_records_asked_for_are_named(riverside):
    page = text_of(riverside.sign_in("maria", scope="launch/patient patient/Immunization.rs"))

    assert "Immunizations" in page
    assert "Medicines" not in page


def test_a_client_without_offline_access_is_said_to_look_once(riverside):
    once = text_of(riverside.sign_in("maria", scope="patient/*.rs"))
    longer = text_of(riverside.sign_in("maria", scope="patient/*.rs offline_access"))

    assert "look at the records this once" in once
    assert "until you withdraw this" in longer


def test_a_parent_is_asked_whose_records(riverside):
    page = text_of(riverside.sign_in("grace"))

    assert "Grace Bennett (you)" in page
    assert "Leo Bennett" in page


@pytest.mark.parametrize("chart", [None, "maria", "walter\x00"])
def test_a_parent_who_has_not_chosen_is_asked_again(riverside, chart):
    riverside.sign_in("grace")

    page = riverside.decide("allow", chart)

    assert page.status_code == 200
    assert "Error: Share your records?" in text_of(page)
    assert "Choose whose records to share" in text_of(page)


def test_who_has_one_chart_shares_that_one_whatever_the_form_says(riverside):
    own, other = riverside.tokens("maria"), riverside.tokens("maria", chart="walter")

    assert other["patient"] == own["patient"]


@pytest.mark.parametrize("decision", ["", "maybe"])
def test_an_answer_that_is_neither_yes_nor_no_is_asked_again(riverside, decision):
    riverside.sign_in("maria")

    page = riverside.decide(decision)

    assert page.status_code == 200
    assert "Choose Allow or Don" in text_of(page)


def test_the_form_may_lead_to_the_client_and_nowhere_else(riverside):
    page = riverside.sign_in("maria")

    assert "form-action 'self' https://app.example " in page["Content-Security-Policy"]
    assert "script-src 'self';" in page["Content-Security-Policy"]


@pytest.mark.parametrize("username", ["maria", "grace"])
def test_pages_have_no_inline_style_or_script(riverside, username):
    page = riverside.sign_in(username).content.decode()

    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("username", ["maria", "grace"])
def test_every_input_has_a_label_and_every_reference_its_target(riverside, username):
    pages = [riverside.sign_in(username, "wrong"), riverside.sign_in(username), riverside.decide("maybe", "nobody")]

    for page in (page.content.decode() for page in pages):
        ids = re.findall(r'\sid="([^"]+)"', page)
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        visible = re.findall(r'<input(?![^>]*type="hidden")[^>]* id="([^"]+)"', page)
        pointed_at = re.findall(r'(?:href="#|aria-describedby="|aria-labelledby=")([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert set(visible) <= labelled
        assert set(pointed_at) <= set(ids)
        assert page.count("<h1") == 1
        assert '<html lang="en">' in page
