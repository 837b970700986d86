"""Every page of the admin answers, whatever staff type into it."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from patients.models import Patient
from tests.admin.conftest import address, is_read_only, models
from tests.admin.world import REQUEST_ID, World

ODD = ["\x00", "a\x00b", "x" * 10_000, "🙂", "'\"<b>%_\\", "ps_", "9" * 30, "-1", "²", "https://[", "  "]


@pytest.fixture
def world(standing_world) -> World:
    return standing_world


def rows(model) -> list:
    if model is Group and not Group.objects.exists():
        Group.objects.create(name="Support")
    return list(model._default_manager.all()[:3])


def test_what_is_registered():
    labels = [model._meta.label for model in models()]

    assert labels == [
        "auth.Group",
        "auth.User",
        "flows.Authorization",
        "flows.AuthorizationEvent",
        "flows.PatientFlow",
        "flows.SourceRequest",
        "organizations.ApiKey",
        "organizations.Organization",
        "patients.Connection",
        "patients.Patient",
        "patients.Revocation",
        "procrastinate.ProcrastinateJob",
        "procrastinate.ProcrastinatePeriodicDefer",
        "procrastinate.ProcrastinateWorker",
        "records.Pull",
        "sources.Catalogue",
        "sources.ClientRegistration",
        "sources.Directory",
        "sources.DirectoryImport",
        "sources.Facility",
        "sources.Source",
        "webhooks.Delivery",
        "webhooks.Endpoint",
        "webhooks.Event",
    ]


@pytest.mark.parametrize("model", models(), ids=str)
def test_lists_rows_and_histories_are_shown(staff, world, model):
    assert staff.get(address(model, "changelist")).status_code == 200
    for row in rows(model):
        assert staff.get(address(model, "change", row.pk)).status_code == 200
        assert staff.get(address(model, "history", row.pk)).status_code == 200


@pytest.mark.parametrize("model", models(), ids=str)
def test_only_what_staff_look_after_can_be_added(staff, world, model):
    assert staff.get(address(model, "add")).status_code == (403 if is_read_only(model) else 200)


@pytest.mark.parametrize("model", [model for model in models() if is_read_only(model)], ids=str)
def test_what_patients_and_jobs_write_cannot_be_changed(staff, world, model):
    for row in rows(model):
        assert staff.post(address(model, "change", row.pk), {}).status_code == 403
        if model is not Patient:  # staff erase patients: tests/patients/test_admin.py
            assert staff.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", models(), ids=str)
def test_odd_searches_are_answered(staff, world, model):
    for term in ODD:
        assert staff.get(address(model, "changelist"), {"q": term}).status_code == 200, term


@pytest.mark.parametrize(
    "field", ["flows.patientflow.organization", "patients.connection.source", "webhooks.delivery.endpoint"]
)
def test_odd_autocomplete_terms_are_answered(staff, world, field):
    names = dict(zip(("app_label", "model_name", "field_name"), field.split("."), strict=True))

    for term in ODD:
        assert staff.get("/admin/autocomplete/", names | {"term": term}).status_code == 200, term


def choices(staff: Client, model) -> list[dict[str, str]]:
    """The values that each filter of a list offers."""
    changelist = staff.get(address(model, "changelist")).context["cl"]
    offered = []
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            form = choice.get("form")
            if form is None:
                continue
            for name, field in form.fields.items():
                values = [value for value, _ in getattr(field, "choices", []) if value]
                offered += [{name: str(getattr(value, "value", value))} for value in values]
    return offered


@pytest.mark.parametrize("model", [m for m in models() if m._meta.app_label != "auth"], ids=str)
def test_every_choice_of_every_filter_is_answered(staff, world, model):
    for query in choices(staff, model):
        assert staff.get(address(model, "changelist"), query).status_code == 200, query


@pytest.mark.parametrize(
    "period",
    [
        {"from_0": "2026-01-01", "from_1": "10:00:00", "to_0": "2026-02-01", "to_1": "10:00:00"},
        {"from_0": "2026-01-01"},
        {"to_0": "9999-12-31"},
        {"from_0": "0001-01-01", "to_0": "0001-01-01"},
        {"from_0": "yesterday", "from_1": "\x00", "to_0": "31.02.2026", "to_1": "25:99"},
    ],
    ids=range(5),
)
def test_periods_are_answered(staff, world, period):
    for model in models():
        for name in ("created_at", "requested_at", "at"):
            query = {f"{name}_{key}": value for key, value in period.items()}
            if any(name == spec[0] for spec in admin.site._registry[model].list_filter if isinstance(spec, tuple)):
                assert staff.get(address(model, "changelist"), query).status_code == 200


def found(staff: Client, model, **query: str) -> list:
    return [row.pk for row in staff.get(address(model, "changelist"), query).context["cl"].result_list]


def test_a_period_bounds_by_when_the_row_was_made(staff, world):
    model = type(world.flow)
    today = f"{world.flow.created_at:%Y-%m-%d}"

    assert found(staff, model, created_at_from_0=today) == [world.flow.pk]
    assert found(staff, model, created_at_from_0=today, created_at_to_0=today) == [world.flow.pk]
    assert found(staff, model, created_at_to_0="2020-01-01") == []


@pytest.mark.parametrize(
    ("row", "term"),
    [
        ("patient", lambda world: "patient-"),
        ("patient", lambda world: "ada@EXAMPLE"),
        ("patient", lambda world: world.patient.pk),
        ("flow", lambda world: f"pf_{world.flow.pk}"),
        ("flow", lambda world: f"sess_{world.flow.pk}"),
        ("flow", lambda world: f"ps_{world.flow.pk.lower()}"),
        ("flow", lambda world: "patient-1"),
        ("flow", lambda world: REQUEST_ID.upper()),
        ("connection", lambda world: f"conn_{world.connection.pk}"),
        ("connection", lambda world: "ada@example.org"),
        ("pull", lambda world: world.pull.pk),
        ("pull", lambda world: f"conn_{world.connection.pk}"),
        ("pull", lambda world: f"pf_{world.flow.pk}"),
        ("pull", lambda world: world.source.pk),
        ("pull", lambda world: "Ada@"),
        ("authorization", lambda world: REQUEST_ID),
        ("authorization", lambda world: f"sess_{world.flow.pk}"),
        ("authorization", lambda world: f"conn_{world.failed.pk}"),
        ("authorization", lambda world: "patient-1"),
        ("event", lambda world: REQUEST_ID),
        ("told", lambda world: world.told.public_id),
        ("told", lambda world: world.patient.pk),
        ("endpoint", lambda world: world.endpoint.public_id),
        ("endpoint", lambda world: world.organization.pk),
        ("endpoint", lambda world: "BLUEBIRD hooks"),
        ("endpoint", lambda world: "orders"),
        ("delivery", lambda world: world.delivery.public_id),
        ("delivery", lambda world: world.told.public_id),
        ("delivery", lambda world: world.endpoint.public_id),
        ("wish", lambda world: "valley granite"),
        ("wish", lambda world: f"pf_{world.flow.pk}"),
        ("wish", lambda world: world.source.pk),
        ("source", lambda world: "hospital river"),
        ("source", lambda world: "HTTPS://FHIR.riverside.example/r4/"),
        ("source", lambda world: world.source.pk),
        ("organization", lambda world: "bluebird"),
        ("key", lambda world: world.key.prefix),
        ("registration", lambda world: "app-1"),
        ("registration", lambda world: world.registration.key_id),
    ],
)
def test_staff_find_what_they_have_in_hand(staff, world: World, row, term):
    wanted = getattr(world, row)

    assert wanted.pk in found(staff, type(wanted), q=term(world))
    assert found(staff, type(wanted), q="nothing-of-the-kind") == []


def test_a_lapsed_flow_is_listed_as_expired(staff, world):
    model = type(world.flow)
    model.objects.update(expires_at=world.flow.created_at)

    assert found(staff, model, status="expired") == [world.flow.pk]
    assert found(staff, model, status="open") == []
