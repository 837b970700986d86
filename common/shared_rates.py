"""Rates counted in Redis, for all processes of an installation together."""

import logging
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.rates import Counter, Rate, Standing, standing

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.25
# How long nobody asks a Redis that failed, so that requests do not wait for it one after the other.
PAUSE_SECONDS = 5.0

# One round trip, atomic, by Redis's own clock: machines need not agree about the time. The same steps as
# MemoryCounter.count.
_COUNT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = math.max(tonumber(redis.call('GET', KEYS[1]) or now) - now, 0)
if used + interval > period then return {0, used} end
used = used + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + used), 'PX', math.ceil(used / 1000))
return {1, used}
"""


class SharedCounter:
    """Counts in Redis; while that cannot be reached, in `otherwise`. Never raises, never waits for long."""

    def __init__(self, url: str, *, prefix: str, otherwise: Counter) -> None:
        client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # Once more: a connection that was kept may have been closed by a Redis that started anew.
            retry=Retry(NoBackoff(), 1),
        )
        self._count = client.register_script(_COUNT)
        self._prefix = prefix
        self._otherwise = otherwise
        self._asked_again_at = 0.0

    def count(self, name: str, rate: Rate) -> Standing:
        if time.monotonic() >= self._asked_again_at:
            try:
                allowed, used = self._count(keys=[self._prefix + name], args=[rate.interval, rate.period])
                return standing(rate, allowed=bool(allowed), used=int(used))
            except redis.RedisError as error:
                self._asked_again_at = time.monotonic() + PAUSE_SECONDS
                # The class only: the message has the address, which may have a password.
                log.warning("Redis cannot be reached, rates are counted in each process: %s", type(error).__name__)
        return self._otherwise.count(name, rate)
