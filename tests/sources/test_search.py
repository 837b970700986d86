"""What patients find, in which order, and what they never find."""

import shutil
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from sources.geography import point_of
from sources.models import Catalogue, ClientRegistration, Source
from sources.search import search
from sources.searching import asked, index
from sources.searching.words import states_in, words_of
from tests.sources.catalogue import facility, private_source, source

pytestmark = pytest.mark.django_db


def names(text, organization, **more):
    return [hit.facility.name for hit in search(text, organization=organization, limit=20, **more).hits]


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
    assert names("river xylophone", organization) == []


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


@pytest.mark.parametrize("others", [0, 30], ids=["alone", "among many that begin alike"])
def test_a_beginning_of_any_length_finds_a_name_an_alias_and_a_town(organization, others):
    """Short beginnings are terms of their own, longer ones a few terms or, where they are many, gathered."""
    word = "quillingtonian"
    wanted = [facility("Quillingtonian Clinic"), facility("B", aliases=["Quillingtonian"])]
    wanted += [
        facility("C", city="Quillingtonian", state="OH", postal_code="45840"),
        facility("Q", aliases=["Quixotic"]),
    ]
    for number in range(others):
        facility(f"Ash {number}", aliases=[f"Quillingtoniana{chr(97 + number)}{number}"])

    for near in (None, point_of("45840")):
        for length in range(2, len(word) + 1):
            hits = search(word[:length], organization=organization, limit=50, near=near).hits
            found = {hit.facility.pk for hit in hits}
            assert found >= {one.pk for one in wanted[:3]}, (length, near)
            assert len(found) == 3 + others + (length <= 3), (length, near)
        assert "Quillingtonian Clinic" in names(f"clinic {word[:9]}", organization, near=near)


def test_a_name_comes_before_a_place_and_a_whole_word_before_a_beginning(organization):
    facility("Zebra Clinic", city="River")
    facility("Riverside Clinic")
    facility("The River Clinic")
    facility("River")
    facility("Clinic", aliases=["River Infirmary"])

    assert names("river", organization) == ["River", "The River Clinic", "Riverside Clinic", "Clinic", "Zebra Clinic"]


def test_equally_good_hits_come_by_name_then_in_the_order_they_were_added(organization):
    for name in ("River C", "River A", "River B", "River A"):
        facility(name, city=name[-1])
    first, second = (hit.facility.pk for hit in search("river", organization=organization, limit=2).hits)

    assert names("river", organization) == ["River A", "River A", "River B", "River C"]
    assert first < second


def test_places_of_one_name_behind_one_portal_are_one_hit_that_counts_them(organization):
    shared = source()
    for state, code in (("IL", "62701"), ("MA", "01103"), ("MO", "65804")):
        facility("River Clinic", shared, city="Springfield", state=state, postal_code=code)
    facility("River Clinic", source("Elsewhere"), city="Boise", state="ID")

    (first, second) = search("river clinic", organization=organization, limit=5).hits
    assert (first.facility.place, first.others) == ("Springfield, IL", 2)
    assert (second.facility.place, second.others) == ("Boise, ID", 0)


def test_places_of_one_name_are_told_apart_by_their_town(organization):
    shared = source()
    facility("River Clinic", shared, city="Springfield", state="IL", postal_code="62701")
    facility("River Clinic", shared, city="Springfield", state="MA", postal_code="01103")

    assert [hit.facility.place for hit in search("river ma", organization=organization, limit=5).hits] == [
        "Springfield, MA"
    ]
    (nearest,) = search("river clinic 01101", organization=organization, limit=5).hits
    assert (nearest.facility.place, nearest.others) == ("Springfield, MA", 1)


def test_a_facility_with_two_portals_is_one_hit_with_both(organization):
    facility("River", source("Adults"), source("Children"))

    (hit,) = search("river", organization=organization, limit=5).hits
    assert [portal.source.name for portal in hit.portals] == ["Adults", "Children"]
    assert hit.others == 0


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
    assert len(asked.read(" ".join(map(str, range(5000)))).words) == 10


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

    assert [hit.facility.name for hit in search("river", organization=organization, limit=3).hits] == ["River Zebra"]


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
            for hit in search(text, organization=organization, limit=20).hits:
                assert hit.facility.brand is None or hit.facility.brand.name
                assert all(portal.source.name for portal in hit.portals)
    with django_assert_num_queries(3):
        search("river", organization=organization, limit=20, offered_only=False)


def test_a_change_is_found_at_the_next_look_and_its_old_index_is_removed(organization):
    facility("River")
    assert names("lake", organization) == []
    facility("Lake")

    assert names("lake", organization) == ["Lake"]
    assert len([path for path in Path(settings.SEARCH_INDEX_DIR).iterdir() if path.is_dir()]) == 1


def test_neither_version_nor_registrations_are_looked_up_again_within_two_seconds(
    organization, monkeypatch, django_assert_num_queries
):
    facility("River")
    names("river", organization)
    monkeypatch.setattr(index, "RECHECK_SECONDS", 2.0)

    names("river", organization)
    with django_assert_num_queries(1):
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
    assert [word.typed for word in asked.read("The Hospital of the River, and the").words] == ["hospital", "river"]
    assert [word.typed for word in asked.read("the").words] == ["the"]
    assert asked.read("https://mychart.river.example/x river").links == ("https://mychart.river.example/x",)


@pytest.mark.django_db(transaction=True)
def test_while_a_process_of_its_own_builds_the_new_index_the_previous_one_answers(
    organization, monkeypatch, settings, tmp_path
):
    facility("River")
    settings.SEARCH_INDEX_DIR = tmp_path / "search"
    assert names("river", organization) == ["River"]
    monkeypatch.setattr(index, "BUILD_ASIDE", True)
    monkeypatch.setenv("TEST_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("TEST_DATABASE_URL", own_database())
    facility("Lake")

    assert names("lake", organization) == []
    assert names("river", organization) == ["River"]
    (builder,) = (thread for thread in threading.enumerate() if thread.name == "search-index-builder")
    builder.join(timeout=60)

    assert names("lake", organization) == ["Lake"]


def own_database():
    """The tests' database, for another process."""
    values = connection.settings_dict
    user = ":".join(quote(values[part], safe="") for part in ("USER", "PASSWORD") if values[part])
    return f"postgresql://{user}@/{values['NAME']}?host={quote(str(values['HOST']), safe='')}"


def test_a_builder_that_fails_leaves_the_previous_index_and_says_why(organization, monkeypatch, caplog, tmp_path):
    facility("River")
    names("river", organization)
    monkeypatch.setattr(index, "BUILD_ASIDE", True)
    monkeypatch.setattr(index, "RETRY_SECONDS", 0)
    monkeypatch.setenv("TEST_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    facility("Lake")

    assert names("river", organization) == ["River"]
    for thread in threading.enumerate():
        if thread.name == "search-index-builder":
            thread.join(timeout=60)
    assert "the previous one stays" in caplog.text


def test_a_process_that_starts_takes_the_previous_index_until_the_new_one_is_there(organization, monkeypatch):
    facility("River")
    names("river", organization)
    facility("Lake")
    monkeypatch.setattr(index, "_latest", None)
    monkeypatch.setattr(index, "BUILD_ASIDE", True)
    monkeypatch.setattr(index, "_build_aside", lambda: None)

    assert names("river", organization) == ["River"]
    assert names("lake", organization) == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("stanfrod", "Stanford Clinic"),  # a swap counts as one typo
        ("stanferd", "Stanford Clinic"),
        ("standford", "Stanford Clinic"),
        ("stanfor clinc", "Stanford Clinic"),
        ("brattelborro", "Brattleboro Infirmary"),  # two in a long word
        ("bratleborro memor", "Brattleboro Memorial"),
        ("stanfr", "Stanford Clinic"),  # one typo, and not finished
        ("maoy", "Mayo Ward"),
    ],
)
def test_typos_are_forgiven(organization, typed, name):
    for one in ("Stanford Clinic", "Brattleboro Infirmary", "Brattleboro Memorial", "Mayo Ward", "Kent House"):
        facility(one)

    assert names(typed, organization)[0] == name


def test_a_word_of_three_letters_has_no_typos_and_nonsense_finds_nothing(organization):
    for one in ("Fox House", "Stanford Clinic"):
        facility(one)

    for text in ("fax", "qqqqqqqq", "xqzjv hospital", "asdf qwer zxcv"):
        assert names(text, organization) == []


def test_what_is_spelled_as_typed_comes_before_what_may_be_meant(organization):
    for one in ("Mercey House", "Mercy House", "Mercy Clinic"):
        facility(one)

    assert names("mercey", organization)[0] == "Mercey House"


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Massachusetts General Hospital", "MGH"),
        ("University of California San Francisco", "UCSF"),
        ("University of California San Francisco Medical Center", "ucsf"),
        ("University of Alabama at Birmingham", "UAB"),
        ("Beth Israel Deaconess, LLC", "bid"),
    ],
)
def test_initials_find_the_name(organization, name, initials):
    facility(name)
    facility("Something Else Entirely")

    assert names(initials, organization) == [name]


def test_a_name_that_begins_so_comes_before_initials(organization):
    facility("Universal Neurological Care")
    facility("UNC Health")

    assert names("unc", organization) == ["UNC Health", "Universal Neurological Care"]


@pytest.mark.parametrize("typed", ["medstar", "med star", "MedStar health", "med star health"])
def test_words_may_be_joined_or_apart(organization, typed):
    facility("MedStar Health")
    facility("Med Star Health")

    assert sorted(names(typed, organization)) == ["Med Star Health", "MedStar Health"]


@pytest.mark.parametrize(
    "typed",
    [
        "https://mychart.river.example/MyChart/Authentication/Login?x=1",
        "MYCHART.RIVER.EXAMPLE",
        "mychart.river.example",
        "www.river.example",
        "https://fhir.brook.example/api/r4",
        "https://fhir.brook.example/api/R4/metadata",
        "fhir.brook.example/api",
        "brook.example",
    ],
)
def test_a_pasted_address_finds_its_place_whole_or_in_part(organization, typed):
    made = source(
        "River", fhir_base_url="https://fhir.brook.example/api/r4", portal_url="https://mychart.river.example/MyChart"
    )
    facility("Hilltop", made, website="river.example")
    facility("Else")

    (hit,) = search(typed, organization=organization, limit=5).hits
    assert hit.facility.name == "Hilltop"
    assert hit.why.startswith("Web address ")


def test_a_vendors_host_finds_nobody_but_the_address_of_one_tenant_finds_that(organization):
    for number in range(25):
        tenant = f"{number:08}-0000-4000-8000-000000000000"
        facility(f"Tenant {number}", source(fhir_base_url=f"https://fhir.vendor.example/r4/{tenant}"))

    assert names("https://fhir.vendor.example", organization) == []
    assert names("https://fhir.vendor.example/r4/unknown", organization) == []
    for text in ("https://fhir.vendor.example/r4/00000007-0000-4000-8000-000000000000/metadata",
                 "00000007-0000-4000-8000-000000000000"):  # fmt: skip
        assert names(text, organization) == ["Tenant 7"]


def test_a_provider_number_finds_its_place(organization):
    facility("River", npis=["1234567893"])
    facility("Lake", npis=["1999999992"])

    for text in ("1234567893", "NPI 1234567893"):
        (hit,) = search(text, organization=organization, limit=5).hits
        assert (hit.facility.name, hit.why) == ("River", "NPI 1234567893")


def test_a_postal_code_puts_the_nearer_first(organization):
    for name, code in (("River Boston", "02115"), ("River Hartford", "06103"), ("River Reno", "89501")):
        facility(name, postal_code=code)
    facility("River Nowhere")

    assert names("river 06106", organization) == ["River Hartford", "River Boston", "River Nowhere", "River Reno"]
    assert names("02118", organization) == ["River Boston", "River Hartford"]


def test_near_a_point_says_how_far(organization):
    facility("River Boston", postal_code="02115")
    facility("River Nowhere")

    near, unknown = search("river", organization=organization, limit=5, near=point_of("02118")).hits
    assert 0 < near.distance_km < 5
    assert unknown.distance_km is None
    assert search("river", organization=organization, limit=1).hits[0].distance_km is None


def test_an_exact_name_comes_first_even_if_another_is_nearer(organization):
    facility("River Clinic of Boston", postal_code="02115")
    facility("River Clinic", source(), postal_code="06103")

    assert names("river clinic 02115", organization) == ["River Clinic", "River Clinic of Boston"]


@pytest.mark.parametrize("typed", ["kaiser oakland", "oakland kaiser", "kaiser oakland ca", "kaiser california"])
def test_a_town_that_no_directory_lists_leads_to_its_state(organization, typed):
    for name in ("Kaiser Colorado", "Kaiser California"):
        facility(name)

    assert names(typed, organization)[0] == "Kaiser California"


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("University of West Virginia", ["wv"]),
        ("Virginia Mason", ["va"]),
        ("New York Presbyterian of Ohio", ["ny", "oh"]),
        ("Blue Plan LA", ["la"]),
        ("District of Columbia Clinic", ["dc"]),
        ("New Hope Clinic", []),
        ("Mt. Sinai Hospital", []),
        ("Montana Heart", ["mt"]),
    ],
)
def test_a_name_may_say_in_which_state_a_place_is(name, states):
    assert states_in(words_of(name)) == states


def test_a_state_may_be_said_by_the_name_of_the_brand_or_of_the_source_alone(organization):
    brand = facility("Kaiser California")
    facility("Kaiser Clinic", brand=brand)
    facility("Kaiser Office", source("Kaiser of California Online"))
    facility("Kaiser Elsewhere", source("Kaiser of Colorado Online"))

    assert {"Kaiser Clinic", "Kaiser Office"} <= set(names("kaiser oakland", organization)[:3])


def test_words_that_every_name_has_may_be_wrong(organization):
    facility("Stanford Health Care")
    facility("Hospital of Elsewhere")

    for text in ("stanford hospital", "stanford medical center", "my stanford portal login"):
        assert names(text, organization) == ["Stanford Health Care"]


def test_the_obvious_place_comes_first(organization):
    facility("Practice of the Mayo Street Clinic")
    facility("Mayo Clinic Family Practice")
    facility("Mayo Clinic")

    assert names("mayo clinic", organization)[:2] == ["Mayo Clinic", "Mayo Clinic Family Practice"]
    assert names("mayo clinci", organization)[0] == "Mayo Clinic"
    facility("Mayo Clinic Hospital Laundry")
    assert names("mayo clinic hospital", organization)[:2] == ["Mayo Clinic", "Mayo Clinic Hospital Laundry"]


def test_of_equal_matches_the_more_often_chosen_then_the_larger_come_first(organization):
    shared = source()
    facility("River Alpha", shared)
    brand = facility("River Zeta", shared)
    facility("Part of Zeta", shared, brand=brand)
    facility("River Omega", shared, times_chosen=3)

    assert names("river", organization)[:3] == ["River Omega", "River Zeta", "River Alpha"]


def test_retired_places_and_sources_are_not_found(organization):
    facility("River One", retired_at=timezone.now())
    facility("River Two", source(retired_at=timezone.now()))
    facility("River Three")

    assert names("river", organization) == names("river", organization, offered_only=False) == ["River Three"]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("mill infirmary", "Also known as Old Mill Infirmary"),
        ("riverside", "Same portal as Riverside Health"),
        ("mywellness", ""),  # the card shows what the portal is called
        ("oakland", ""),
        ("hillside", ""),
        ("greystone", ""),  # the card shows the brand
        ("hilside", ""),
    ],
)
def test_a_hit_says_why_it_was_found_where_that_is_not_obvious(organization, typed, why):
    brand = facility("Greystone Group")
    made = source("Riverside Health")
    hillside = facility("Hillside", made, brand=brand, aliases=["Old Mill Infirmary"], city="Oakland", state="CA")
    hillside.portals.update(name="MyWellness")
    Catalogue.changed()

    hits = search(typed, organization=organization, limit=5).hits
    assert [hit.why for hit in hits if hit.facility.name == "Hillside"] == [why]


def test_more_places_than_wanted_are_announced(organization):
    for number in range(4):
        facility(f"River {number}")

    assert search("river", organization=organization, limit=3).has_more
    assert not search("river", organization=organization, limit=4).has_more


def test_scripts_without_spaces_are_found_in_the_middle(organization):
    facility("北京協和医院")

    assert names("協和", organization) == ["北京協和医院"]


def test_a_brand_that_the_workspace_may_not_see_shows_nowhere(organization, other_organization):
    hidden = facility("Zebraquux Group", private_source(other_organization))
    retired = facility("Quaggaquux Group", retired_at=timezone.now())
    facility("River One", source(), brand=hidden)
    facility("River Two", source(), brand=retired)
    facility("River Three", source(), brand=facility("Lynxquux Group"))

    assert names("zebraquux", organization) == names("quaggaquux", organization) == []
    assert "River Three" in names("lynxquux", organization)
    brands = {hit.facility.name: hit.facility.brand for hit in search("river", organization=organization, limit=5).hits}
    assert brands["River One"] is None
    assert brands["River Two"] is None
    assert brands["River Three"].name == "Lynxquux Group"
