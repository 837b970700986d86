import pytest

from tests.sandbox.conftest import query_of


def ids(bundle):
    return [entry["resource"]["id"] for entry in bundle["entry"]]


def next_link(bundle):
    return next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


def test_the_pages_cover_everything_exactly_once(riverside):
    token = riverside.tokens("walter")["access_token"]

    bundles = list(riverside.pages("Observation", token))

    seen = [each for bundle in bundles for each in ids(bundle)]
    assert len(seen) == len(set(seen)) == 2560
    assert {bundle["total"] for bundle in bundles} == {2560}
    assert {len(ids(bundle)) for bundle in bundles[:-1]} == {50}


def test_a_filter_holds_on_every_page(riverside):
    token = riverside.tokens("walter")["access_token"]

    bundles = list(riverside.pages("Observation", token, category="laboratory", _count=150))

    seen = [each for bundle in bundles for each in ids(bundle)]
    assert len(seen) == len(set(seen)) == 1280
    assert len(bundles) == 9


def test_one_page_has_no_next_link(riverside):
    token = riverside.tokens("noah")["access_token"]

    bundle = riverside.read("Observation", token).json()

    assert next_link(bundle) is None


def test_a_last_page_that_is_just_full_has_no_next_link(riverside):
    token = riverside.tokens("maria")["access_token"]

    bundles = list(riverside.pages("Observation", token, _count=11))

    assert [len(ids(bundle)) for bundle in bundles] == [11, 11]


def test_pages_have_a_largest_size(riverside, lakeshore):
    hospital = riverside.read("Observation", riverside.tokens("walter")["access_token"], _count=5000).json()
    clinic = lakeshore.read("Observation", lakeshore.tokens("walter")["access_token"], _count=5000).json()

    assert (len(ids(hospital)), len(ids(clinic))) == (200, 100)


def test_a_count_of_zero_asks_for_the_total(riverside):
    token = riverside.tokens("walter")["access_token"]

    bundle = riverside.read("Observation", token, _count=0).json()

    assert (bundle["total"], bundle["entry"], next_link(bundle)) == (2560, [], None)


def test_next_links_are_opaque(riverside):
    token = riverside.tokens("walter")["access_token"]

    link = next_link(riverside.read("Observation", token, category="laboratory").json())

    assert list(query_of(link)) == ["_page"]
    assert "laboratory" not in link


def test_the_self_link_of_a_later_page_leads_to_it_again_whenever_it_is_followed(riverside, wait):
    token = riverside.tokens("walter")["access_token"]
    second = riverside.read(next_link(riverside.read("Observation", token).json()), token).json()

    wait(2)
    again = riverside.read(next(link["url"] for link in second["link"] if link["relation"] == "self"), token).json()

    assert again == second


def test_a_next_link_is_nothing_to_another_patient(riverside):
    link = next_link(riverside.read("Observation", riverside.tokens("walter")["access_token"]).json())

    answer = riverside.read(link, riverside.tokens("maria")["access_token"])

    assert answer.status_code == 404


def test_a_next_link_works_for_its_own_type_only(riverside):
    token = riverside.tokens("walter")["access_token"]
    link = next_link(riverside.read("Observation", token).json())

    answer = riverside.read(link.replace("/Observation?", "/Encounter?"), token)

    assert answer.status_code == 404


@pytest.mark.parametrize("page", ["", "2", "forged:token:here"])
def test_a_made_up_page_is_not_found(riverside, page):
    token = riverside.tokens("walter")["access_token"]

    answer = riverside.read("Observation", token, _page=page)

    assert answer.status_code == 404
