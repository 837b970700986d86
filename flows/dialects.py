"""One flow, three public names for it (contract §1). Only this file and the serializers know them."""

from dataclasses import dataclass

from common.ids import ULID_LENGTH, is_ulid


@dataclass(frozen=True)
class Dialect:
    """How one generation of the public API calls a flow."""

    name: str
    path: str
    prefix: str
    return_parameter: str | None
    """The parameter that the return URL carries beside `patient_id` and `patient_session_id`."""

    def public_id(self, flow_id: str) -> str:
        return self.prefix + flow_id


PATIENT_FLOW = Dialect("patient_flow", "patient-flows", "pf_", "patient_flow_id")
SESSION = Dialect("session", "sessions", "sess_", "session_id")
PATIENT_SESSION = Dialect("patient_session", "patient-sessions", "ps_", None)

DIALECTS = {dialect.name: dialect for dialect in (PATIENT_FLOW, SESSION, PATIENT_SESSION)}


def flow_id_of(public_id: str) -> str | None:
    """The ULID in a public id of any dialect, or None if it is not one."""
    prefix, ulid = public_id[:-ULID_LENGTH], public_id[-ULID_LENGTH:]
    known = any(prefix == dialect.prefix for dialect in DIALECTS.values())
    return ulid if known and is_ulid(ulid) else None
