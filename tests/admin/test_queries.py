"""A list costs the same number of queries however many rows it has, and nobody counts the large tables."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.admin.conftest import address, models
from tests.admin.world import grow, new_flow, new_sign_in

AT_MOST = 9
LARGE = ["patients", "records", "flows", "webhooks", "procrastinate"]


def queries(staff, path: str) -> list[str]:
    staff.get(path)  # fills what a process keeps, such as content types
    with CaptureQueriesContext(connection) as captured:
        assert staff.get(path).status_code == 200
    return [query["sql"] for query in captured]


def test_a_list_costs_a_fixed_number_of_queries(staff, world):
    few = {model: queries(staff, address(model, "changelist")) for model in models()}
    grow(world, 30)

    for model in models():
        many = queries(staff, address(model, "changelist"))
        assert len(many) == len(few[model]) <= AT_MOST, (model, many)
        assert not (model._meta.app_label in LARGE and [sql for sql in many if "COUNT(" in sql]), model


def test_a_patient_page_costs_a_fixed_number_of_queries(staff, world):
    path = address(type(world.patient), "change", world.patient.pk)
    few = queries(staff, path)

    for _ in range(30):
        new_sign_in(new_flow(world.patient), world.source, world.registration, world.failed)
    many = queries(staff, path)

    assert len(many) == len(few) <= 14, many


def test_tokens_are_not_loaded(staff, world):
    for row in (world.connection, world.patient, world.flow, world.authorization, world.pull):
        for page, args in (("changelist", []), ("change", [row.pk])):
            loaded = "\n".join(queries(staff, address(type(row), page, *args)))
            for column in ('"access_token",', '"refresh_token",', '"verifier"', '"link_digest"', '"state_digest"'):
                assert column not in loaded


def test_the_index_costs_a_fixed_number_of_queries(staff, world, monkeypatch):
    monkeypatch.setattr("medblocks_connect.admin_dashboard.KEPT_SECONDS", 0)
    few = queries(staff, "/admin/")
    grow(world, 12)
    many = queries(staff, "/admin/")

    assert len(many) == len(few) <= 8, many
    assert "Clinic" in staff.get("/admin/").content.decode()
