"""What `make bench-scale` checks among a million patients, among a few thousand: plans and numbers of queries."""

import random

import pytest
from django.db import connection

from bench.lookups import World, lookups
from bench.people import fill_people
from bench.plans import explained, large_tables

PATIENTS = 7_000
TIMES = 3
GROWING = {
    "flows_authorization",
    "flows_authorizationevent",
    "flows_patientflow",
    "organizations_apikey",
    "organizations_idempotencykey",
    "organizations_organization",
    "patients_connection",
    "patients_patient",
    "procrastinate_jobs",
    "sources_source",
}


@pytest.fixture
def world(db):
    """Thousands of patients, and a key whose use is noted already."""
    world = World(fill_people(PATIENTS), random.Random(1))
    world.caller.get("/patients")
    return world


def test_no_call_of_the_api_reads_a_large_table_whole_and_each_asks_as_often_every_time(world):
    assert large_tables() >= GROWING
    read_whole, queries = {}, {}
    for name, prepare in lookups().items():
        calls = [explained(prepare(world)) for _ in range(TIMES)]
        read_whole[name] = {table for call in calls for each in call for table in each.tables_read_whole} & GROWING
        queries[name] = {len(call) for call in calls}

    assert {name: tables for name, tables in read_whole.items() if tables} == {}
    assert {name: numbers for name, numbers in queries.items() if len(numbers) > 1} == {}


def test_a_list_without_its_index_would_be_noticed(world):
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX patients_patient_by_email")

    [*_, listing] = explained(lookups()["GET /patients?email="](world))

    assert listing.tables_read_whole == {"patients_patient"}
