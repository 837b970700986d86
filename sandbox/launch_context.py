"""Which chart a grant is for, carried in django-oauth-toolkit's own column for RFC 8707 resource indicators.

The toolkit hands that column down from code to access token to refreshed tokens. It holds one URL: the
patient's, or the FHIR base URL itself for a grant that opens nobody's chart.
"""

from collections.abc import Sequence

from sandbox.synthetic.identifiers import patient_id
from sandbox.systems import HealthSystem


def resource_for(system: HealthSystem, person_key: str | None) -> list[str]:
    if person_key is None:
        return [system.fhir_base_url]
    return [f"{system.fhir_base_url}/Patient/{patient_id(system, person_key)}"]


def belongs_to(system: HealthSystem, resource: Sequence[str]) -> bool:
    """Whether a grant with this column was given at `system`, at the address it has now."""
    return any(url == system.fhir_base_url or url.startswith(f"{system.fhir_base_url}/") for url in resource)


def patient_in(system: HealthSystem, resource: Sequence[str]) -> str | None:
    """The FHIR id of the patient whose chart is open, or None if it is nobody's."""
    prefix = f"{system.fhir_base_url}/Patient/"
    return next((url.removeprefix(prefix) for url in resource if url.startswith(prefix)), None)
