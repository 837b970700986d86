"""How much each API key may ask for, and each address that comes without a valid one (contract §2, ADR 0019)."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from common.errors import Throttled, json_error
from common.handlers import is_page
from common.middleware import GetResponse
from common.rates import Counter, MemoryCounter, Standing
from common.shared_rates import SharedCounter
from organizations.models import ApiKey

# Apart, so that made-up addresses cannot push keys out of the memory.
_keys, _addresses = MemoryCounter(), MemoryCounter()
_NETWORK_BITS = 64  # a household or a server has a whole IPv6 network of this size


def count_key(request: HttpRequest, key: ApiKey) -> None:
    """Count a request of a valid key. Raises Throttled if the key has used its allowance."""
    standing = _counter("key", settings.REDIS_URL).count(key.pk, settings.API_RATE_LIMIT)
    request.rate_standing = standing  # type: ignore[attr-defined]
    if not standing.allowed:
        raise _throttled(standing)


class RateLimitMiddleware:
    """Writes RateLimit-Limit, -Remaining and -Reset on every answer of the API.

    What no valid key was counted for (a wrong key, a path or a method that does not exist) counts for the client's
    address. Whoever has a valid key is never refused for what others do from the same address.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        standing = getattr(request, "rate_standing", None)
        if standing is None and _is_api(request):
            standing = _counter("address", settings.REDIS_URL).count(address_of(request), settings.API_RATE_LIMIT)
            if not standing.allowed:
                response = json_error(request, _throttled(standing))
                response["Content-Length"] = str(len(response.content))
        if standing is not None:
            response["RateLimit-Limit"] = str(standing.limit)
            response["RateLimit-Remaining"] = str(standing.remaining)
            response["RateLimit-Reset"] = str(standing.reset)
        return response


def address_of(request: HttpRequest) -> str:
    """Where the request came from: an IPv4 address, or the network of an IPv6 address.

    `X-Forwarded-For` counts only as far as our own proxies wrote it (TRUSTED_PROXY_COUNT), from its end.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    passed_on = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    if 0 < settings.TRUSTED_PROXY_COUNT <= len(passed_on):
        address = _without_port(passed_on[-settings.TRUSTED_PROXY_COUNT].strip()) or address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _NETWORK_BITS), strict=False))


def forget_counts() -> None:
    """Everybody in this process has the whole allowance again. For tests."""
    _keys.forget_all()
    _addresses.forget_all()


def _without_port(text: str) -> str:
    """`203.0.113.9:4711` and `[2001:db8::1]:4711` are how some proxies write it."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _is_api(request: HttpRequest) -> bool:
    """Whether the answer is one of the API's: a view of it, or an address that leads nowhere and is no page's."""
    if request.resolver_match is None:
        return not is_page(request)
    return getattr(getattr(request.resolver_match.func, "cls", None), "is_api", False)


def _throttled(standing: Standing) -> Throttled:
    message = f"Too many requests. Try again in {standing.retry_after} s."
    return Throttled(message, retry_after=standing.retry_after)


@lru_cache(maxsize=8)
def _counter(kind: str, redis_url: str) -> Counter:
    memory = _keys if kind == "key" else _addresses
    if not redis_url:
        return memory
    return SharedCounter(redis_url, prefix=f"medblocks:rate:{kind}:", otherwise=memory)
