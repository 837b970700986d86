"""An installation with the sandbox as its portals, and patients who are connected to them."""

from collections.abc import Collection
from dataclasses import dataclass

import requests

from flows.sign_in import redirect_uri
from organizations.models import Organization
from organizations.operations import create_api_key, create_organization
from patients.models import Connection
from records.plans import FOLLOWED, TYPES
from sandbox.operations import prepare_sandbox
from sandbox.people import PASSWORD
from sources.models import Source
from sources.operations import NewClient, add_source
from tests.chaos.patient import sign_in


@dataclass(frozen=True)
class World:
    address: str
    organization: Organization
    key: str
    sources: dict[str, Source]  # by the slug of the portal

    def connect(self, patient: str, portal: str, username: str) -> Connection:
        """A patient of ours signs in at a portal in a flow of their own. That requests a pull."""
        flow = self._post(
            "/patient-flows",
            {
                "patient_id": patient,
                "connection_id": self.sources[portal].id,
                "return_url": f"{self.address}/demo/returned",
            },
        )
        sign_in(flow["url"], username, PASSWORD)
        return Connection.objects.get(flow_id=flow["id"].removeprefix("pf_"), status="active")

    def _post(self, path: str, body: dict[str, str]) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.key}"}
        answer = requests.post(self.address + path, json=body, headers=key, timeout=30)
        answer.raise_for_status()
        return answer.json()


def prepared(address: str, left_out: Collection[str] = ()) -> World:
    """The world at an address where the product answers; its database is the test's.

    Resources of the types that are left out are asked for at no portal.
    """
    organization = create_organization(name="Bluebird Health", environment="sandbox")
    sources = {
        source.fhir_base_url.removesuffix("/fhir").rpartition("/")[2]: add_source(
            name=source.name,
            fhir_base_url=source.fhir_base_url,
            environment="sandbox",
            type=source.type,
            portal_url=source.portal_url,
            client=NewClient(
                client_id=source.client_id,
                auth_method=source.auth_method,
                secret=source.client_secret,
                scopes=scopes_without(left_out) if left_out else source.scopes,
            ),
        )
        for source in prepare_sandbox(redirect_uri=redirect_uri())
    }
    _, key = create_api_key(organization=organization, name="chaos")
    return World(address, organization, key, sources)


def scopes_without(left_out: Collection[str]) -> str:
    asked = [f"patient/{name}.rs" for name in (*TYPES, *FOLLOWED) if name not in left_out]
    return " ".join(["launch/patient", "offline_access", *asked])
