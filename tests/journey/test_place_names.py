"""Towns and distances in the words of patients."""

import pytest

from picker.place_names import distance_in_words, place_of, town_in_words
from sources.models import Facility


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("FOLSOM", "Folsom"),
        ("Folsom", "Folsom"),
        ("ST. LOUIS", "St. Louis"),
        ("WINSTON-SALEM", "Winston-Salem"),
        ("O'FALLON", "O'Fallon"),
        ("MARTIN'S FERRY", "Martin's Ferry"),
        ("CITY OF INDUSTRY", "City of Industry"),
        ("ISLE OF PALMS", "Isle of Palms"),
        ("MCALLEN", "McAllen"),
        ("LA CAÑADA", "La Cañada"),
        ("DeLand", "DeLand"),
        ("29 PALMS", "29 Palms"),
        ("", ""),
    ],
)
def test_towns_in_capitals_are_read_in_normal_case(stored, read):
    assert town_in_words(stored) == read


@pytest.mark.parametrize(
    ("place", "read"),
    [
        ({"city": "OAKLAND", "state": "CA"}, "Oakland, CA"),
        ({"city": "OAKLAND", "state": "CALIFORNIA"}, "Oakland, California"),
        ({"state": "CA"}, "CA"),
        ({"city": "OAKLAND"}, "Oakland"),
        ({"places": ["Oakland, CA"]}, "Oakland, CA"),
        ({"places": ["Oakland, CA", "Davis, CA"]}, "Oakland, CA and elsewhere"),
        ({}, ""),
    ],
)
def test_a_place_is_told_as_far_as_it_is_known(place, read):
    assert place_of(Facility(name="X", **place)) == read


@pytest.mark.parametrize(
    ("km", "read"),
    [
        (None, ""),
        (0.0, "under a mile"),
        (1.6, "under a mile"),
        (1.61, "1 mile"),
        (3.86, "2.4 miles"),
        (16.05, "10 miles"),
        (50.0, "31 miles"),
    ],
)
def test_distances_are_told_in_miles(km, read):
    assert distance_in_words(km) == read
