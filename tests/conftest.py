"""What every test gets: settings of its own, PostgreSQL, and no network but loopback."""

import pytest
from django.core.cache import cache
from django.db import connection

from organizations.models import Organization
from organizations.operations import create_api_key, create_organization
from organizations.rate_limits import forget_counts
from sources.searching import index
from tests.api_client import Api


@pytest.fixture(autouse=True)
def _fresh_surroundings(settings, tmp_path, monkeypatch):
    """No test sees another's search index or discovery cache; an index is built where it is needed, at once."""
    monkeypatch.setattr(index, "BUILD_ASIDE", False)
    monkeypatch.setattr(index, "RECHECK_SECONDS", 0)
    settings.SEARCH_INDEX_DIR = tmp_path / "search"
    cache.clear()
    forget_counts()


@pytest.fixture(autouse=True)
def _leave_no_jobs(request, django_db_blocker):
    """Tests that commit would leave their jobs to others: Django empties only tables of its own."""
    yield
    if "transactional_db" in request.fixturenames or _commits(request.node.get_closest_marker("django_db")):
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            for table in ("periodic_defers", "jobs", "workers"):
                cursor.execute(f"DELETE FROM procrastinate_{table}")


def _commits(marker: pytest.Mark | None) -> bool:
    return marker is not None and bool(marker.kwargs.get("transaction"))


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
