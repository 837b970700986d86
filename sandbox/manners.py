"""How a portal treats somebody who has allowed an app, as data.

Scopes, the token endpoint and `reception.py` act on it.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Manners:
    """Each field is one way of misbehaving; without any, the portal does as the standards say."""

    access_lifetime: timedelta | None = None  # in place of the system's own
    renewals: int | None = None  # how often access is renewed before the portal refuses for good
    grants_offline: bool = True
    shares: tuple[str, ...] | None = None  # the only resource types it grants, whatever the app asks
    outage: timedelta = timedelta(0)  # how long nothing can be read after an app was allowed
    refuses_every: int | None = None  # 3: the third request, the sixth, …
    delay: timedelta = timedelta(0)  # how long each answer takes


GOOD_MANNERS = Manners()
RETRY_AFTER = timedelta(seconds=1)  # what a refused request is told to wait
