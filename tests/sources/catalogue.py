"""Filling the catalogue for tests."""

import itertools
from typing import Any

from organizations.models import Organization
from sources.base_urls import normalized, source_id
from sources.models import Catalogue, ClientRegistration, Facility, Source

_numbers = itertools.count(1)


def source(name: str = "River Health", *, environment: str = "sandbox", offered: bool = True, **more: Any) -> Source:
    """A source; `offered` gives every workspace of its environment a registration there."""
    url = normalized(more.pop("fhir_base_url", f"https://fhir{next(_numbers)}.example/r4"))
    made = Source.objects.create(id=source_id(url), name=name, fhir_base_url=url, environment=environment, **more)
    if offered:
        ClientRegistration.objects.create(source=made, environment=environment, client_id="app")
    return made


def facility(name: str, *sources: Source, **more: Any) -> Facility:
    """A facility at these sources, or at a new offered one of the sandbox; the search will know it."""
    made = Facility.objects.create(name=name, **more)
    made.sources.set(sources or [source(f"Source of {name}")])
    Catalogue.changed()
    return made


def private_source(organization: Organization, name: str = "Private", **more: Any) -> Source:
    return source(name, environment=organization.environment, organization=organization, **more)
