import pytest

from tests.chaos.processes import web_server, worker
from tests.chaos.world import prepared


@pytest.fixture
def grace_seconds() -> int:
    """How long the portals forgive that a refresh token is used twice. Not at all, as the sandbox does."""
    return 0


@pytest.fixture
def left_out() -> list[str]:
    """Types of resources that nobody asks for."""
    return []


@pytest.fixture
def world(transactional_db, settings, tmp_path, grace_seconds, left_out):
    """The product with its sandbox, served on the test's database."""
    settings.BASE_URL = settings.BASE_URL  # restored afterwards
    with web_server(tmp_path, grace_seconds=grace_seconds) as address:
        yield prepared(address, left_out)


@pytest.fixture
def start_worker(transactional_db, tmp_path):
    """Starts a real worker; what still runs at the end of the test is killed."""
    started = []

    def start(*options: str):
        started.append(worker(f"worker-{len(started)}", tmp_path, *options))
        return started[-1]

    yield start
    for each in started:
        if each.is_running():
            each.kill()
