"""`/connections`: the catalogue over HTTP (contract §7)."""

from urllib.parse import quote

import pytest

from sources.models import Source
from tests.conftest import api_of
from tests.sources.catalogue import facility, private_source, source

pytestmark = pytest.mark.django_db
KEYS = ["id", "resource_type", "name", "type", "fhir_base_url", "logo_url", "portal_url"]


def walk(api, query):
    """All pages from the first to the last."""
    found, cursor = [], None
    while True:
        page = api.get("/connections", query | ({"starting_after": cursor} if cursor else {})).json
        assert list(page) == ["resource_type", "data", "has_more", "next_cursor"]
        assert page["has_more"] == (page["next_cursor"] is not None)
        found += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return found


def test_a_source_has_the_contracts_keys(api):
    made = source("River", fhir_base_url="https://fhir.river.example/r4", type="epic", offered=False)

    (listed,) = api.get("/connections").json["data"]

    assert list(listed) == KEYS
    assert listed == {
        "id": made.pk,
        "resource_type": "fhir_source",
        "name": "River",
        "type": "epic",
        "fhir_base_url": "https://fhir.river.example/r4",
        "logo_url": None,
        "portal_url": None,
    }
    assert api.get(f"/connections/{made.pk}").json == listed


def test_a_source_says_where_its_logo_and_its_portal_are_wherever_it_is_shown(api):
    made = source("River", logo_url="https://river.example/logo.svg", portal_url="https://my.river.example")
    facility("River Clinic", made)

    (listed,) = api.get("/connections").json["data"]
    (found,) = api.get("/connections", {"q": "river"}).json["data"]

    for shown in (listed, found, api.get(f"/connections/{made.pk}").json):
        assert shown["logo_url"] == "https://river.example/logo.svg"
        assert shown["portal_url"] == "https://my.river.example"


def test_the_catalogue_is_listed_by_name_and_every_source_once(api):
    for number in range(23):
        source(f"River {number % 5}", offered=False)

    found = walk(api, {"limit": 4})

    assert [(one["name"], one["id"]) for one in found] == sorted(Source.objects.values_list("name", "pk"))


def test_a_search_pages_through_every_source_once_in_the_order_of_the_matches(api):
    shared = source("Shared")
    for number in range(40):
        facility(f"River {number:02}", shared)
    for number in range(12):
        facility(f"Brook {number:02}", source(f"Source {number:02}"), city="River")

    found = walk(api, {"q": "river", "limit": 5})

    assert [one["name"] for one in found] == ["Shared", *(f"Source {number:02}" for number in range(12))]
    assert found == api.get("/connections", {"q": "river", "limit": 100}).json["data"]


def test_a_search_goes_on_after_the_last_hit_when_the_catalogue_changes_between_two_pages(api):
    for number in range(6):
        facility(f"River {number}", source(f"Source {number}"))
    first = api.get("/connections", {"q": "river", "limit": 3}).json
    facility("River", source("New on top"))

    rest = api.get("/connections", {"q": "river", "limit": 3, "starting_after": first["next_cursor"]}).json

    assert [one["name"] for one in rest["data"]] == ["Source 3", "Source 4", "Source 5"]


def test_a_search_says_what_matched(api):
    facility("River Clinic", source("River"), city="Oakland", state="CA", postal_code="94601", address_line="1 Main St")

    (found,) = api.get("/connections", {"q": "clinic oakland"}).json["data"]

    assert list(found) == [*KEYS, "matched"]
    assert found["matched"] == {
        "facility_name": "River Clinic",
        "address": {
            "line": "1 Main St",
            "city": "Oakland",
            "state": "CA",
            "postal_code": "94601",
            "country": None,
        },
        "distance_km": None,
    }


def test_near_a_postal_code_or_a_position_the_nearest_come_first_with_their_distance(api):
    for name, city, state, code in [
        ("Far", "Chicago", "IL", "60601"),
        ("Near", "Oakland", "CA", "94612"),
        ("Nearer", "Oakland", "CA", "94601"),
    ]:
        facility("River Clinic", source(name), city=city, state=state, postal_code=code)
    facility("River Clinic", source("Somewhere"))

    for near in ("94601", "94601-1234", "37.78,-122.22"):
        found = api.get("/connections", {"q": "river", "near": near}).json["data"]
        assert [one["name"] for one in found] == ["Nearer", "Near", "Somewhere", "Far"]
        distances = [one["matched"]["distance_km"] for one in found]
        assert distances[0] < 2 < distances[1] < 10 < 2_500 < distances[3] < 3_500
        assert distances[2] is None


def test_near_without_words_lists_what_is_around(api):
    facility("River Clinic", source("Near"), postal_code="94612")
    facility("Lake Clinic", source("Far"), postal_code="60601")

    assert [one["name"] for one in api.get("/connections", {"near": "94601"}).json["data"]] == ["Near"]


def test_near_pages_through_every_match_once(api):
    codes = ("94601", "94612", "94607", "95814", "93701", "92101", "60601", "02115", "10001", "33602", "99501")
    for code in codes:
        facility("River Clinic", source(code), postal_code=code)

    found = [one["name"] for one in walk(api, {"q": "river", "near": "94601", "limit": 3})]

    assert found[:3] == ["94601", "94612", "94607"]
    assert sorted(found) == sorted(codes)


def test_the_type_narrows_the_list_and_the_search(api):
    facility("River A", source("A", type="epic"))
    facility("River B", source("B", type="cerner"))
    facility("River C", source("C"))

    assert [one["name"] for one in api.get("/connections", {"type": "epic"}).json["data"]] == ["A"]
    assert [one["name"] for one in api.get("/connections", {"type": "epic", "q": "river"}).json["data"]] == ["A"]
    for other in ("unheard-of", "epi", "Epic", "epic "):
        assert api.get("/connections", {"type": other}).json["data"] == []
        assert api.get("/connections", {"type": other, "q": "river"}).json["data"] == []


def test_an_empty_search_is_the_whole_list_and_one_without_words_finds_nothing(api):
    facility("River")

    for text in ("", "   "):
        assert len(api.get("/connections", {"q": text}).json["data"]) == 1
    for text in ("🙂", "!!!", "\x07"):
        assert api.get("/connections", {"q": text}).json["data"] == []


def test_ten_thousand_characters_are_answered(api):
    assert api.get("/connections", {"q": "river " * 1700}).status == 200


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"near": "nowhere"}, "near"),
        ({"near": "00000"}, "near"),
        ({"near": "91,0"}, "near"),
        ({"near": "٩٤٦٠١"}, "near"),
        ({"name": "River"}, "name"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"q": "a\x00b"}, "q"),
        ({"type": "a\nb"}, "type"),
        ({"starting_after": "made-up"}, "starting_after"),
        ({"q": "river", "starting_after": "made-up"}, "starting_after"),
        ({"q": ["one", "two"]}, "q"),
    ],
)
def test_bad_parameters_are_refused_by_name(api, query, param):
    assert api.get("/connections", query).problem == (400, "bad_request", param)


def test_a_cursor_belongs_to_its_words_its_type_and_its_workspace(api, api_of_other):
    for number in range(4):
        facility(f"River Lake {number}", source(f"{number}", type="epic"))
    listed = api.get("/connections", {"limit": 2}).json["next_cursor"]
    found = api.get("/connections", {"limit": 2, "q": "river"}).json["next_cursor"]

    for cursor, query in [
        (listed, {"type": "epic"}),
        (listed, {"q": "river"}),
        (found, {}),
        (found, {"q": "lake"}),
        (found, {"q": "river", "type": "epic"}),
        (found, {"q": "river", "near": "94601"}),
    ]:
        answer = api.get("/connections", query | {"starting_after": cursor})
        assert answer.problem == (400, "bad_request", "starting_after")
    assert api_of_other.get("/connections", {"q": "river", "starting_after": found}).status == 400


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ({"type": "epic"}, {"type": "cerner"}),
        ({"q": "river", "type": "epic"}, {"q": "river", "type": "cerner"}),
        ({"q": "river", "near": "94601"}, {"q": "river", "near": "94612"}),
        ({"near": "94601"}, {"near": "94612"}),
    ],
    ids=str,
)
def test_a_cursor_of_the_same_filters_with_other_values_is_refused(api, asked, other):
    for number in range(3):
        facility(f"River {number}", source(f"{number}", type="epic"), postal_code="94601")
    cursor = api.get("/connections", asked | {"limit": 1}).json["next_cursor"]

    answer = api.get("/connections", other | {"starting_after": cursor})

    assert answer.problem == (400, "bad_request", "starting_after")


@pytest.mark.parametrize(
    "spelling",
    [
        "https://fhir.river.example/r4",
        "https://fhir.river.example/r4/",
        "HTTPS://FHIR.River.Example:443/r4",
        "https:/fhir.river.example/r4",
    ],
)
def test_a_source_is_found_by_its_fhir_base_url_encoded_or_not(api, spelling):
    made = source("River", fhir_base_url="https://fhir.river.example/r4")

    assert api.get(f"/connections/{quote(spelling, safe='')}").json["id"] == made.pk
    assert api.get(f"/connections/{spelling}").json["id"] == made.pk


@pytest.mark.parametrize(
    "reference",
    ["fhirsrc_" + "a" * 24, "fhirsrc_", "nothing", "https://unknown.example/r4", "https%3A%2F%2F", "%00", "a%0Ab",
     "https%3A%2F%2F%5B", "x" * 3000, "https://h.example/r4%3Fa%3Db"],
)  # fmt: skip
def test_an_unknown_source_is_not_found(api, reference):
    assert api.get(f"/connections/{reference}").problem == (404, "resource_not_found", None)


def test_other_environments_and_other_workspaces_sources_do_not_exist(api, organization, other_organization):
    own = private_source(organization, "Own River")
    hidden = [private_source(other_organization, "Others River"), source("Real River", environment="production")]
    for one in (own, *hidden):
        facility(one.name, one)

    assert [one["id"] for one in api.get("/connections").json["data"]] == [own.pk]
    assert [one["id"] for one in api.get("/connections", {"q": "river"}).json["data"]] == [own.pk]
    for one in hidden:
        assert api.get(f"/connections/{one.pk}").status == 404
        assert api.get(f"/connections/{quote(one.fhir_base_url, safe='')}").status == 404


def test_the_scope_is_needed(organization):
    source("River")
    api = api_of(organization, scopes=["patients:read"])

    assert api.get("/connections").problem == (403, "insufficient_scope", None)
    assert api.get("/connections/x").problem == (403, "insufficient_scope", None)


@pytest.mark.parametrize("query", [{}, {"q": "river"}])
def test_the_number_of_queries_is_the_same_for_one_source_and_for_many(api, query, django_assert_num_queries):
    facility("River")
    api.get("/connections", query | {"limit": 100})
    with django_assert_num_queries(2 if not query else 3):
        api.get("/connections", query | {"limit": 100})
    for number in range(20):
        facility(f"River {number}")
    api.get("/connections", query | {"limit": 100})
    with django_assert_num_queries(2 if not query else 3):
        assert len(api.get("/connections", query | {"limit": 100}).json["data"]) == 21


@pytest.mark.parametrize("limit", [7, 10, 50])
def test_near_pages_show_many_matches_once_each_whatever_the_page_size(api, limit):
    codes = ("94601", "94612", "60601", "02115", "10001", "33602", "99501")
    for number in range(140):
        facility(f"River {number:03}", source(f"{number:03}"), postal_code=codes[number % 7])

    found = [one["name"] for one in walk(api, {"q": "river", "near": "94601", "limit": limit})]

    assert sorted(found) == [f"{number:03}" for number in range(140)]
