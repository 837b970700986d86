"""The caller's own patient ids: which ones we take."""

MAX_LENGTH = 200
# Ids of ours begin so: a patient called `conn_…` could not be told from one.
RESERVED_PREFIXES = ("pat_", "pf_", "conn_", "fhirsrc_", "ps_", "sess_", "wh_", "evt_")


def is_reserved(reference: str) -> bool:
    return reference.startswith(RESERVED_PREFIXES)
