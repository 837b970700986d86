"""All outbound HTTP. Everything out there is hostile: portals, directories, receivers.

A `guarded` session
- connects only to addresses that its reach allows, checked on the very address it connects to, so
  that a name cannot resolve to something else a moment later (DNS rebinding);
- gives every exchange one deadline for connecting, TLS, headers and body together, however slowly
  the other side drips, on a connection kept from an earlier exchange too;
- reads at most a fixed number of bytes, counted after decompression;
- follows no redirect, uses no proxy and no netrc, and always verifies TLS.

`download` brings a large answer into a file under the same guard, and follows a few redirects, each one guarded anew.
`errors.py` has what an exchange can end in, `reach.py` where it may go, `lookup.py` where a name leads beforehand.
"""

from common.outbound.download import Downloaded, download
from common.outbound.errors import AddressRefused, OutboundError, Redirected, TimedOut, TooLarge, Unreachable
from common.outbound.lookup import check_name
from common.outbound.reach import Reach, check_url, is_allowed, is_host_name
from common.outbound.session import Limits, get, guard
from common.outbound.waits import retry_after

__all__ = [
    "AddressRefused",
    "Downloaded",
    "Limits",
    "OutboundError",
    "Reach",
    "Redirected",
    "TimedOut",
    "TooLarge",
    "Unreachable",
    "check_name",
    "check_url",
    "download",
    "get",
    "guard",
    "is_allowed",
    "is_host_name",
    "retry_after",
]
