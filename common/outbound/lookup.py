"""Where a name leads, asked before anything is sent there. Connecting asks again, and is what guards."""

import ipaddress
import socket
import threading
from urllib.parse import urlsplit

from common.outbound.errors import AddressRefused
from common.outbound.reach import Address, Reach, is_allowed
from common.turns import waiting_outside

LOOKUP_SECONDS = 2.0
# A resolver that hangs keeps a thread for as long as it likes. This many, and no more.
AT_ONCE = 8
_free = threading.Semaphore(AT_ONCE)


def check_name(url: str, reach: Reach) -> None:
    """Refuse a URL whose name leads to an address that `reach` does not allow, if only to one of several.

    Raises AddressRefused. A name that leads nowhere now, or of which nobody says within LOOKUP_SECONDS where it leads,
    is not refused. It is asked over the network: never within a transaction.
    """
    parts = urlsplit(url)
    if not all(is_allowed(address, reach) for address in _looked_up(parts.hostname or "", parts.port)):
        raise AddressRefused(f"The name {parts.hostname} leads to an address that is not allowed here.")


def _looked_up(host: str, port: int | None) -> list[Address]:
    found: list[Address] = []
    answered = threading.Event()

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(ipaddress.ip_address(entry[4][0]) for entry in entries)
        except (OSError, UnicodeError):  # it leads nowhere
            pass
        finally:
            _free.release()
            answered.set()

    with waiting_outside():
        if _free.acquire(timeout=LOOKUP_SECONDS):
            threading.Thread(target=look_up, daemon=True).start()
            answered.wait(LOOKUP_SECONDS)
    return list(found) if answered.is_set() else []
