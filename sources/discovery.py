"""Asking a portal how to sign in there, and remembering the answer."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from django.core.cache import cache

from common import outbound
from organizations.origins import origin_of
from sources.models import Source
from sources.portal_errors import DiscoveryFailed, PortalUnreachable
from sources.smart import CONFIGURATION_PATH, SmartConfiguration, parse_configuration

REMEMBERED_FOR = timedelta(hours=1)
# A portal that hangs must not hold up the patients of all the others: little patience, and none again soon.
LIMITS = outbound.Limits(seconds=5)
GIVEN_UP_FOR = timedelta(seconds=20)
UNAVAILABLE = {429, 502, 503, 504}


def configuration_of(source: Source) -> SmartConfiguration:
    """The SMART configuration of `source`, at most an hour old. That it hangs is remembered for some seconds.

    Raises PortalUnreachable or DiscoveryFailed. Must not be called inside a transaction.
    """
    key = f"smart-configuration:{source.id}:{source.environment}"
    known: SmartConfiguration | str | None = cache.get(key)
    if isinstance(known, str):
        raise PortalUnreachable(known)
    if known is None:
        known = _discover(source, key)
        cache.set(key, known, timeout=REMEMBERED_FOR.total_seconds())
    return known


def _discover(source: Source, key: str) -> SmartConfiguration:
    try:
        answer = outbound.get(source.fhir_base_url + CONFIGURATION_PATH, source.reach, limits=LIMITS)
    except outbound.TimedOut as error:
        cache.set(key, str(error), timeout=GIVEN_UP_FOR.total_seconds())
        raise PortalUnreachable(str(error)) from error
    except (outbound.AddressRefused, outbound.Redirected, outbound.TooLarge) as error:
        raise DiscoveryFailed(str(error)) from error
    except outbound.OutboundError as error:
        raise PortalUnreachable(str(error)) from error
    if answer.status_code in UNAVAILABLE:
        raise PortalUnreachable(f"The portal answered {answer.status_code} for its SMART configuration.")
    if answer.status_code != 200:
        raise DiscoveryFailed(f"The portal answered {answer.status_code} for its SMART configuration.")
    return _with_proven_issuer(parse_configuration(answer.content, source.reach), source)


def _with_proven_issuer(configuration: SmartConfiguration, source: Source) -> SmartConfiguration:
    """Believe the issuer only if it is the portal's own: else a bad portal claims to be a good one (RFC 9207).

    It is where the portal's token endpoint or FHIR server is, or its own metadata names this token endpoint.
    """
    issuer = configuration.issuer
    own = {origin_of(configuration.token_endpoint), origin_of(source.fhir_base_url)}
    try:
        proven = not issuer or origin_of(issuer) in own or _vouches(issuer, configuration.token_endpoint, source)
    except ValueError:  # it is no URL
        proven = False
    return configuration if proven else replace(configuration, issuer=None)


def _vouches(issuer: str, token_endpoint: str, source: Source) -> bool:
    """Whether the metadata at `issuer` (OpenID Connect Discovery 4, RFC 8414 3) names this token endpoint."""
    parts = urlsplit(issuer)
    inserted = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path.rstrip('/')}"
    for url in (f"{issuer.rstrip('/')}/.well-known/openid-configuration", inserted):
        try:
            metadata = outbound.get(url, source.reach, limits=LIMITS).json()
        except (outbound.OutboundError, ValueError, RecursionError):
            continue
        if isinstance(metadata, dict) and metadata.get("token_endpoint") == token_endpoint:
            return True
    return False
