from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from organizations.operations import create_organization
from sources.models import Catalogue, DirectoryImport
from tests.admin.world import World, build
from tests.emptying import empty_database

READ_ONLY = ["patients", "records", "flows", "webhooks", "procrastinate"]


def is_read_only(model) -> bool:
    """Whether only patients, apps and jobs write its rows."""
    return model._meta.app_label in READ_ONLY or model in (Catalogue, DirectoryImport)


@pytest.fixture
def world(organization) -> World:
    return build(organization)


@pytest.fixture(scope="module")
def standing_world(django_db_setup, django_db_blocker) -> Iterator[World]:
    """One world for all tests of a module that look at its pages; what they change is rolled back."""
    with django_db_blocker.unblock():
        built = build(create_organization(name="Bluebird Health", environment="sandbox"))
    yield built
    with django_db_blocker.unblock():
        empty_database()


@pytest.fixture
def staff(db) -> Client:
    """A signed-in superuser's browser."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "boss@example.org", "correct horse battery"))
    return client


def models() -> list:
    """Every model in the admin."""
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)
