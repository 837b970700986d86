"""The caller's own patient ids: which ones we take."""

import re

MAX_LENGTH = 200
# Ids of ours begin so: a patient called `conn_…` could not be told from one.
RESERVED_PREFIXES = ("pat_", "pf_", "conn_", "fhirsrc_", "ps_", "sess_", "wh_", "evt_")
# What follows a patient's id in an address (contract §1 and §4). Servers are given addresses with their
# percent-encoding undone, so an id that ended like this could be created, and then never read or deleted.
_AMBIGUOUS_END = re.compile(r"./(patient-flows|sessions|patient-sessions|records|connections/[^/]+)\Z", re.DOTALL)
# Clients resolve these before they ask (RFC 3986 5.2.4), percent-encoded or not: DELETE /patients/.. asks for /.
_DOT_SEGMENTS = (".", "..")


def is_reserved(reference: str) -> bool:
    return reference.startswith(RESERVED_PREFIXES)


def is_dots(reference: str) -> bool:
    """Whether no client could ask for a patient with this id."""
    return reference in _DOT_SEGMENTS


def is_ambiguous(reference: str) -> bool:
    """Whether the address of a patient with this id is also the address of something else."""
    return _AMBIGUOUS_END.search(reference) is not None
