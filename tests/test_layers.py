"""Imports point down only (docs/adr/0001). A higher line may use a lower one; never the other way round."""

import pytest

from tests.layers import APPS, imports_of

LINES = {
    "common": 0,
    "organizations": 1,
    "sources": 2,
    "webhooks": 2,
    "patients": 3,
    "records": 4,
    "flows": 5,
    "picker": 6,
    "medblocks_connect": 7,
}
# The sandbox is a stranger that happens to live here: it may know the foundations, and nobody knows it.
SANDBOX_MAY_IMPORT = {"common", "sandbox"}
MAY_IMPORT_SANDBOX = {"medblocks_connect.demo", "medblocks_connect.urls"}
# Settings name things of every line, as strings; these are the two imports they need.
SETTINGS = {"medblocks_connect.settings", "medblocks_connect.generated"}


def app_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("app", [name for name in APPS if name != "sandbox"])
def test_an_app_imports_only_from_its_own_line_and_below(app):
    upward = [
        f"{module} imports {imported}"
        for module, imported in imports_of(app)
        if app_of(imported) in LINES
        and app_of(imported) != app
        and LINES[app_of(imported)] >= LINES[app]
        and module not in SETTINGS
    ]
    assert upward == []


def test_the_sandbox_knows_nothing_of_the_product_and_the_product_nothing_of_the_sandbox():
    known = {imported for _, imported in imports_of("sandbox") if app_of(imported) in APPS}
    assert {app_of(imported) for imported in known} <= SANDBOX_MAY_IMPORT
    users = {module for module, imported in imports_of() if app_of(imported) == "sandbox"}
    assert {module for module in users if app_of(module) != "sandbox"} <= MAY_IMPORT_SANDBOX


@pytest.mark.parametrize(
    "module",
    [
        "sources.smart",
        "sources.base_urls",
        "sources.reading",
        "sources.reading.brands",
        "sources.reading.plain_lists",
        "organizations.keys",
        "records.plans",
        "records.fhir",
        "records.fhir.addresses",
        "records.fhir.pages",
        "records.fhir.problems",
        "records.fhir.reading",
        "records.fhir.references",
        "records.fhir.server",
        "webhooks.signing",
    ],
)
def test_protocol_modules_know_neither_models_nor_settings(module):
    imported = {name for importer, name in imports_of(app_of(module)) if importer == module}
    assert not [name for name in imported if name.endswith("models") or name == "django.conf"]


def test_no_module_is_a_bag_of_odds_and_ends():
    names = {module.rsplit(".", 1)[-1] for module, _ in imports_of()}
    assert names.isdisjoint({"utils", "helpers", "services", "core", "misc"})
