"""FHIR ids: stable, unguessable from the name, and of another look at each system."""

import base64
import hashlib
import uuid

from sandbox.systems import HealthSystem, IdStyle


def resource_id(system: HealthSystem, person_key: str, resource_type: str, number: int) -> str:
    """The id of a person's `number`-th resource of a type; within what FHIR allows (64 of A-Z a-z 0-9 - .)."""
    name = f"{system.slug}/{person_key}/{resource_type}/{number}".encode()
    match system.id_style:
        case IdStyle.LONG:
            return "e" + base64.b64encode(hashlib.sha384(name).digest(), altchars=b"-.").decode()[:63]
        case IdStyle.UUID:
            return str(uuid.UUID(bytes=hashlib.sha256(name).digest()[:16], version=4))
        case IdStyle.DASHED:
            return f"-{int.from_bytes(hashlib.sha256(name).digest()[:8], 'big') % 10**17:017d}"


def patient_id(system: HealthSystem, person_key: str) -> str:
    return resource_id(system, person_key, "Patient", 0)
