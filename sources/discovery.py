"""Asking a portal how to sign in there, and remembering the answer."""

from datetime import timedelta

from django.core.cache import cache

from common import outbound
from sources.models import Source
from sources.portal_errors import DiscoveryFailed, PortalUnreachable
from sources.smart import CONFIGURATION_PATH, SmartConfiguration, parse_configuration

REMEMBERED_FOR = timedelta(hours=1)
UNAVAILABLE = {429, 502, 503, 504}


def configuration_of(source: Source) -> SmartConfiguration:
    """The SMART configuration of `source`, at most an hour old. Failures are not remembered.

    Raises PortalUnreachable or DiscoveryFailed. Must not be called inside a transaction.
    """
    key = f"smart-configuration:{source.id}:{source.environment}"
    known: SmartConfiguration | None = cache.get(key)
    if known is not None:
        return known
    configuration = _discover(source)
    cache.set(key, configuration, timeout=REMEMBERED_FOR.total_seconds())
    return configuration


def _discover(source: Source) -> SmartConfiguration:
    try:
        answer = outbound.get(source.fhir_base_url + CONFIGURATION_PATH, source.reach)
    except (outbound.AddressRefused, outbound.Redirected, outbound.TooLarge) as error:
        raise DiscoveryFailed(str(error)) from error
    except outbound.OutboundError as error:
        raise PortalUnreachable(str(error)) from error
    if answer.status_code in UNAVAILABLE:
        raise PortalUnreachable(f"The portal answered {answer.status_code} for its SMART configuration.")
    if answer.status_code != 200:
        raise DiscoveryFailed(f"The portal answered {answer.status_code} for its SMART configuration.")
    return parse_configuration(answer.content, source.reach)
