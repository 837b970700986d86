"""Asking a FHIR server, whatever it answers. Bytes in, pages out: no database, no settings.

`server.py` asks, `pages.py` reads what came, `entries.py` says what of it is usable, `reading.py` what can be stored,
`references.py` finds whom it is about and what else to read, `addresses.py` where the token may go, and `problems.py`
has what an answer can be in place of a page.
"""

from records.fhir.addresses import is_within
from records.fhir.entries import Found
from records.fhir.pages import Page
from records.fhir.problems import FhirProblem, Final, QuestionRefused, Temporary, TokenRefused
from records.fhir.references import FOLLOWED
from records.fhir.server import FhirServer

__all__ = [
    "FOLLOWED",
    "FhirProblem",
    "FhirServer",
    "Final",
    "Found",
    "Page",
    "QuestionRefused",
    "Temporary",
    "TokenRefused",
    "is_within",
]
