"""What patients find, in which order, and what they never find."""

import shutil
from pathlib import Path

import pytest
from django.conf import settings

from sources import index
from sources.models import Catalogue, ClientRegistration, Source
from sources.search import search
from sources.words import query_words, words_of
from tests.sources.catalogue import facility, private_source, source

pytestmark = pytest.mark.django_db


def names(text, organization, **more):
    return [hit.facility.name for hit in search(text, organization=organization, limit=20, **more)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("St. Mary's Hospital", "saint marys"),
        ("Saint Mary Hospital", "st mary"),
        ("St. Mary's Hospital", "sain"),
        ("Children's Clinic", "childrens"),
        ("Childrens Clinic", "Children’s clinic"),
        ("O´Hara's Practice", "oharas"),
        ("Hill & Dale", "hill and dale"),
        ("Hill and Dale", "hill & dale"),
        ("Hill Dale", "hill & dale"),
        ("Clínica Ñandú", "clinica nandu"),
        ("Clinica Nandu", "CLÍNICA ÑANDÚ"),
        ("Wilkes-Barre Clinic", "wilkes barre"),
        ("Mount Ash Center", "mt ash ctr"),
        ("東京病院", "東京"),
        ("Больница Река", "больница"),
        ("مستشفى النهر", "مستشفى"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(organization, name, text):
    facility(name)
    facility("Something Else")

    assert names(text, organization) == [name]


def test_every_word_must_match_in_any_order_and_by_its_beginning(organization):
    facility("River Valley Clinic")
    facility("River Bend Clinic")

    assert names("clin val riv", organization) == ["River Valley Clinic"]
    assert names("river lake", organization) == []


def test_a_place_is_found_by_alias_brand_town_state_postal_code_and_web_site(organization):
    brand = facility("Greystone Group")
    facility(
        "River Clinic",
        aliases=["Old Mill Infirmary"],
        brand=brand,
        city="Oakland",
        state="CA",
        postal_code="94601",
        website="riverclinic.example",
    )

    for text in ("infirmary", "greystone river", "oakland", "california clinic", "river ca", "94601",
                 "https://www.riverclinic.example/find?x=1"):  # fmt: skip
        assert "River Clinic" in names(text, organization), text


def test_a_brand_with_several_addresses_is_found_in_each_town(organization):
    facility("River Group", places=["Anamosa, IA", "Madison, WI"])

    assert names("river anamosa", organization) == names("river wisconsin", organization) == ["River Group"]


def test_a_name_comes_before_a_place_and_a_whole_word_before_a_beginning(organization):
    facility("Zebra Clinic", city="River")
    facility("Riverside Clinic")
    facility("The River Clinic")
    facility("River")
    facility("Clinic", aliases=["River Infirmary"])

    assert names("river", organization) == ["River", "The River Clinic", "Clinic", "Riverside Clinic", "Zebra Clinic"]


def test_equally_good_hits_come_by_name_then_in_the_order_they_were_added(organization):
    for name in ("River C", "River A", "River B", "River A"):
        facility(name, city=name[-1])
    first, second = (hit.facility.pk for hit in search("river", organization=organization, limit=2))

    assert names("river", organization) == ["River A", "River A", "River B", "River C"]
    assert first < second


def test_two_places_of_one_name_are_told_apart_by_their_town(organization):
    shared = source()
    facility("River Clinic", shared, city="Springfield", state="IL", postal_code="62701")
    facility("River Clinic", shared, city="Springfield", state="MA", postal_code="01103")

    places = [hit.facility.place for hit in search("river clinic", organization=organization, limit=5)]
    assert places == ["Springfield, IL", "Springfield, MA"]
    assert [hit.facility.place for hit in search("river ma", organization=organization, limit=5)] == ["Springfield, MA"]


def test_a_facility_with_two_sources_is_two_hits(organization):
    facility("River", source("Adults"), source("Children"))

    hits = search("river", organization=organization, limit=5)
    assert {hit.source.name for hit in hits} == {"Adults", "Children"}


@pytest.mark.parametrize("text", ["", "   ", "!!!", "🙂", "\x00\x07", "\ud800", "​", "'", "--", "%", "*", "\\", '"'])
def test_text_without_words_finds_nothing(organization, text):
    facility("River")

    assert names(text, organization) == []


@pytest.mark.parametrize(
    "text", ["r", "River\x00\x07", "river 🙂", "riv* ", '"river"', "river OR", "name:river AND", "+river"]
)
def test_strange_text_is_no_query_language(organization, text):
    facility("River OR Name AND")

    assert names(text, organization) == ["River OR Name AND"]


def test_a_query_of_ten_thousand_characters_is_cut_and_answered(organization):
    facility("River")

    assert names("river " * 2000, organization) == ["River"]
    assert names("x" * 10_000, organization) == []
    assert names("ა" * 10_000, organization) == []
    assert len(query_words(" ".join(map(str, range(5000))))) == 10


def test_a_long_word_is_found_by_itself(organization):
    facility("x" * 200)

    assert len(names("x" * 200, organization)) == 1


def test_only_the_workspaces_environment_is_searched(organization, production_organization):
    facility("River", source(environment="sandbox"))
    facility("River Real", source(environment="production"))

    assert names("river", organization) == ["River"]
    assert names("river", production_organization) == ["River Real"]


@pytest.mark.parametrize("offered_only", [True, False])
def test_a_private_source_is_found_by_its_workspace_only(organization, other_organization, offered_only):
    facility("River", private_source(organization))

    assert names("river", organization, offered_only=offered_only) == ["River"]
    assert names("river", other_organization, offered_only=offered_only) == []


def test_places_where_nobody_can_sign_in_are_not_offered_but_are_visible(organization):
    facility("River", source(offered=False))
    facility("River Lake", source(offered=False, type="epic"))

    assert names("river", organization) == []
    assert names("river", organization, offered_only=False) == ["River", "River Lake"]

    ClientRegistration.objects.create(vendor="epic", environment="sandbox", client_id="app")
    assert names("river", organization) == ["River Lake"]


def test_what_is_not_offered_takes_no_room_among_the_first_hits(organization):
    hidden = source(offered=False)
    for number in range(30):
        facility(f"River {number:02}", hidden)
    facility("River Zebra")

    assert [hit.facility.name for hit in search("river", organization=organization, limit=3)] == ["River Zebra"]


def test_the_database_has_the_last_word_on_who_sees_a_source(organization, other_organization):
    made = source()
    facility("River", made)
    assert names("river", organization) == ["River"]

    Source.objects.filter(pk=made.pk).update(organization=other_organization)  # and the index is not told
    assert names("river", organization) == []
    assert names("river", organization, offered_only=False) == []


def test_a_search_makes_three_queries_however_many_hits(organization, django_assert_num_queries):
    brand = facility("River Group")
    for number in range(12):
        facility(f"River {number}", brand=brand)
    names("river", organization)

    for text in ("river", "river 1"):
        with django_assert_num_queries(3):
            for hit in search(text, organization=organization, limit=20):
                assert hit.facility.brand is None or hit.facility.brand.name
                assert hit.source.name
    with django_assert_num_queries(2):
        search("river", organization=organization, limit=20, offered_only=False)


def test_a_change_is_found_at_the_next_look_and_its_old_index_is_removed(organization):
    facility("River")
    assert names("lake", organization) == []
    facility("Lake")

    assert names("lake", organization) == ["Lake"]
    assert len([path for path in Path(settings.SEARCH_INDEX_DIR).iterdir() if path.is_dir()]) == 1


def test_the_version_is_not_looked_up_again_within_two_seconds(organization, monkeypatch, django_assert_num_queries):
    facility("River")
    names("river", organization)
    monkeypatch.setattr(index, "RECHECK_SECONDS", 2.0)

    with django_assert_num_queries(2):
        assert names("river", organization) == ["River"]


def _remove(path):
    shutil.rmtree(path)


def _empty(path):
    for file in path.iterdir():
        file.write_bytes(b"")


def _cut(path):
    for file in path.glob("*.term"):
        file.write_bytes(file.read_bytes()[:-20])


def _garble(path):
    (path / "meta.json").write_bytes(b"x" * (path / "meta.json").stat().st_size)


@pytest.mark.parametrize("damage", [_remove, _empty, _cut, _garble])
def test_a_missing_or_damaged_index_is_built_again(organization, monkeypatch, damage):
    facility("River")
    assert names("river", organization) == ["River"]
    damage(index.current().path)
    monkeypatch.setattr(index, "_latest", None)  # as in a process that starts

    assert names("river", organization) == ["River"]


def test_while_another_process_builds_this_one_goes_on_with_what_it_has(organization, monkeypatch):
    facility("River")
    names("river", organization)
    facility("Lake")
    monkeypatch.setattr("fasteners.InterProcessLock.acquire", lambda lock, blocking=True: False)

    assert names("river", organization) == ["River"]
    assert names("lake", organization) == []


def test_where_no_index_can_be_written_the_previous_one_stays(organization, monkeypatch, caplog):
    facility("River")
    names("river", organization)
    facility("Lake")

    def full_disk(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, "_build", full_disk)

    assert names("river", organization) == ["River"]
    assert "the previous one stays" in caplog.text


def test_an_empty_catalogue_is_searched_without_complaint(organization):
    Catalogue.objects.all().delete()

    assert names("river", organization) == []


def test_words_are_folded():
    assert words_of("St. Mary's & Straße_12, Ünïcode") == ("st", "marys", "and", "strasse", "12", "unicode")
    assert query_words("The Hospital of the River, and the") == ["hospital", "river"]
    assert query_words("the") == ["the"]
    assert query_words("https://mychart.river.example/x river") == ["mychart", "river"]
