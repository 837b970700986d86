"""Portals differ in whatever the standards leave open. Nothing here knows the sandbox."""

import pytest

from flows.sign_in import redirect_uri
from patients.models import Connection
from sources.keys import public_jwk
from sources.models import ClientRegistration
from sources.operations import NewClient, add_source
from tests.journey.conftest import registered
from tests.portals import Answer, Choices, Listener, Portal

AWKWARD_SECRET = "s3cret:with/odd+chars&=% ü"


@pytest.fixture
def connected(api, browser):
    """Connect at a portal of these choices; the connection."""

    def connect(portal: Portal, source) -> Connection:
        flow = api.post("/patient-sessions", {"patient_id": "p-1", "return_url": "https://app.example/back"}).json
        browser.open(portal.sign_in(browser.leave_for(flow, source.id))).follow()
        assert portal.violations == []
        assert "You are connected" in browser.text
        return Connection.objects.get()

    return connect


@pytest.mark.parametrize("method", ["basic", "post"])
def test_a_client_secret_with_every_kind_of_character(connected, method):
    with Portal(Choices(client_auth=method)) as portal:
        source = registered(portal, name="X", client_id="client:1", auth_method=method, secret=AWKWARD_SECRET)

        assert connected(portal, source).status == "active"


def test_a_signed_assertion_with_a_key_from_our_jwks(connected):
    with Portal(Choices(client_auth="private_key_jwt")) as portal:
        source = add_source(
            name="X",
            fhir_base_url=portal.fhir_base_url,
            environment="sandbox",
            client=NewClient(client_id="jwt-client", auth_method="private_key_jwt"),
        )
        registration = ClientRegistration.objects.get()
        key = public_jwk(registration.private_key) | {"kid": registration.key_id}
        portal.register(client_id="jwt-client", redirect_uri=redirect_uri(), jwks={"keys": [key]})

        assert connected(portal, source).status == "active"


@pytest.mark.parametrize(
    "choices",
    [
        Choices(sends_iss=True),
        Choices(expires_in="3600"),
        Choices(expires_in=None),
        Choices(expires_in=10),
        Choices(token_type="bearer"),
        Choices(token_type=None),
        Choices(refresh_token=False),
        Choices(drops_offline_access=True),
        Choices(scopes_answered=None),
        Choices(scopes_answered=("patient/Observation.rs",)),
        Choices(scopes_answered=("patient/*.read", "launch/patient", "profile")),
        Choices(token_endpoint_elsewhere=True),
        Choices(id_token=True),
        Choices(base_path=""),
        Choices(extra_fields={"need_patient_banner": True, "intent": None, "authorization_details": [{}]}),
        Choices(revocation=False),
        Choices(discovery_fault="no_pkce_methods"),
    ],
    ids=lambda choices: repr({k: v for k, v in vars(choices).items() if v != vars(Choices())[k]}),
)
def test_a_portal_that_chose_otherwise_connects_all_the_same(connected, choices):
    with Portal(choices) as portal:
        assert connected(portal, registered(portal, name="X")).status == "active"


def test_scopes_are_kept_as_granted(connected):
    with Portal(Choices(scopes_answered=("launch/patient", "patient/Observation.rs"))) as portal:
        assert connected(portal, registered(portal, name="X")).scopes == ["launch/patient", "patient/Observation.rs"]


def test_an_answer_without_scopes_grants_what_was_asked_for(connected):
    with Portal(Choices(scopes_answered=None)) as portal:
        assert "patient/*.rs" in connected(portal, registered(portal, name="X")).scopes


def test_no_refresh_token_is_remembered_as_one_time_access(connected):
    with Portal(Choices(refresh_token=False)) as portal:
        assert not connected(portal, registered(portal, name="X")).can_refresh


def test_the_end_of_a_consent_is_kept_where_the_portal_tells_it(connected):
    with Portal(Choices(access_grant_expiration="2027-12-20T10:00:00Z")) as portal:
        connection = connected(portal, registered(portal, name="X"))

        assert connection.consent_expires_at.isoformat() == "2027-12-20T10:00:00+00:00"


def test_a_patient_id_of_more_than_90_characters(connected):
    long_id = "-" + "e" * 95
    with Portal(Choices(patient_id=long_id)) as portal:
        assert connected(portal, registered(portal, name="X")).fhir_patient_id == long_id


def test_a_portal_that_knows_only_v1_scopes_is_asked_in_v1(connected):
    scopes = ("launch/patient", "patient/*.read", "offline_access")
    with Portal(Choices(refuses_scopes=r"\.rs$")) as portal:
        source = registered(portal, name="X", scopes=" ".join(scopes))

        assert set(connected(portal, source).scopes) == set(scopes)


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/tenant"]
)
def test_an_issuer_elsewhere_is_believed_if_its_own_metadata_names_the_token_endpoint(connected, path):
    def metadata(request) -> Answer:
        named = {"token_endpoint": portal.addresses.token}
        return Answer.json(named if request.path in (path, f"/tenant{path}") else {})

    with (
        Listener("issuer", metadata) as elsewhere,
        Portal(Choices(sends_iss=True, issuer=f"{elsewhere.origin}/tenant")) as portal,
    ):
        assert connected(portal, registered(portal, name="X")).status == "active"
