"""How the other side's certificate is verified."""

import ssl
from functools import lru_cache

import requests.adapters
from urllib3.util.ssl_ import create_urllib3_context


def context() -> ssl.SSLContext:
    """What every exchange verifies certificates with, by the authorities that `requests` trusts.

    Reading those takes 20 ms in which no other thread computes: it is done once.
    """
    return _trusting(requests.adapters.DEFAULT_CA_BUNDLE_PATH)


@lru_cache(maxsize=2)
def _trusting(authorities: str) -> ssl.SSLContext:
    made = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    made.load_verify_locations(authorities)
    return made
