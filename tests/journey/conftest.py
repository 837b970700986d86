import pytest

from flows.sign_in import redirect_uri
from sources.models import Source
from sources.operations import NewClient, add_source
from tests.journey.patient import PatientBrowser
from tests.portals import Choices, Portal


@pytest.fixture
def portal():
    """A portal with every choice at its most ordinary."""
    with Portal(Choices()) as running:
        yield running
    assert running.violations == []


@pytest.fixture
def riverside(db, portal) -> Source:
    """The source at that portal, registered as a public client."""
    return registered(portal, name="Riverside Hospital")


@pytest.fixture
def browser() -> PatientBrowser:
    return PatientBrowser()


def registered(portal: Portal, *, name: str, client_id: str = "medblocks", **client) -> Source:
    """A sandbox source at `portal`, known to both sides under the same client id."""
    secret = client.get("secret")
    portal.register(client_id=client_id, redirect_uri=redirect_uri(), client_secret=secret)
    return add_source(
        name=name,
        fhir_base_url=portal.fhir_base_url,
        environment="sandbox",
        client=NewClient(client_id=client_id, **client),
    )


@pytest.fixture
def flow(api, riverside):
    """An open flow in picker mode, as the API answered it."""
    return api.post("/patient-flows", {"patient_id": "p-1", "return_url": "https://app.example/back"}).json
