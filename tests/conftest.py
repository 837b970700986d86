"""What every test gets: settings of its own, PostgreSQL, and no network but loopback."""

import gc
import signal

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck

from organizations.models import Organization
from organizations.operations import create_api_key, create_organization
from organizations.rate_limits import forget_counts
from sources.searching import index
from tests.api_client import Api
from tests.emptying import empty_database
from tests.migrated_database import migrated_database

TransactionTestCase._fixture_teardown = empty_database

# Made-up cases: the same ones each time in the suite, others with each `make fuzz`. A slow machine is no failure.
hypothesis.settings.register_profile("fuzz", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.settings.register_profile("suite", hypothesis.settings.get_profile("fuzz"), derandomize=True)
hypothesis.settings.load_profile("suite")

# A run in the background of a shell ignores Ctrl-C, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: a collector that walks through it again and again takes a tenth of the time."""
    gc.set_threshold(10_000, 20, 20)
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, django_db_blocker) -> None:
    """The test database is a copy of one that is migrated already."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_database()


@pytest.fixture(autouse=True)
def _fresh_surroundings(settings, tmp_path, monkeypatch):
    """No test sees another's search index or discovery cache; an index is built where it is needed, at once."""
    monkeypatch.setattr(index, "BUILD_ASIDE", False)
    monkeypatch.setattr(index, "RECHECK_SECONDS", 0)
    settings.SEARCH_INDEX_DIR = tmp_path / "search"
    cache.clear()
    forget_counts()


@pytest.fixture
def organization(db) -> Organization:
    """A sandbox workspace."""
    return create_organization(name="Bluebird Health", environment="sandbox")


@pytest.fixture
def other_organization(db) -> Organization:
    return create_organization(name="Other Health", environment="sandbox")


@pytest.fixture
def production_organization(db) -> Organization:
    return create_organization(name="Real Health", environment="production")


@pytest.fixture
def api(organization) -> Api:
    """The workspace's server, with a key that may do everything."""
    return api_of(organization)


@pytest.fixture
def api_of_other(other_organization) -> Api:
    return api_of(other_organization)


def api_of(organization: Organization, **key) -> Api:
    return Api(create_api_key(organization=organization, name="test", **key)[1])
