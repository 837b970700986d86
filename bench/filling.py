"""Filling an empty database with a made-up catalogue, by COPY: a million facilities in minutes."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from bench.made_up_catalogue import MadeFacility, MadeSource, made_up_facilities, made_up_sources
from organizations.models import Environment
from sources.base_urls import source_id
from sources.imports.copying import copy_rows
from sources.models import Catalogue, ClientRegistration, Facility, Portal, Source

VENDOR = "bench"
SAMPLE = 5000


@dataclass(frozen=True)
class Filled:
    """What was made, as far as queries are drawn from it: all sources, and some of the facilities."""

    sources: list[MadeSource]
    sample: list[MadeFacility]


def fill(facilities: int, *, seed: int, environment: Environment = Environment.PRODUCTION) -> Filled:
    """Write the catalogue into empty tables, with a client registration for all its sources."""
    sources = made_up_sources(facilities, seed)
    ids = [source_id(source.fhir_base_url) for source in sources]
    sampler = _Sampler(random.Random(seed))
    with transaction.atomic():
        copy_into(Source, _source_rows(sources, ids, environment))
        copy_into(Facility, map(_facility_row, map(sampler.see, made_up_facilities(facilities, sources, seed))))
        copy_into(Portal, _portal_rows(made_up_facilities(facilities, sources, seed), ids))
        ClientRegistration.objects.create(vendor=VENDOR, environment=environment, client_id="bench")
        Catalogue.changed()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Filled(sources, sampler.sample)


class _Sampler:
    """Keeps some of what passes by, each with the same chance, without keeping all of it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.seen = rng, 0
        self.sample: list[MadeFacility] = []

    def see(self, facility: MadeFacility) -> MadeFacility:
        self.seen += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(facility)
        elif (place := self.rng.randrange(self.seen)) < SAMPLE:
            self.sample[place] = facility
        return facility


def _source_rows(sources: list[MadeSource], ids: list[str], environment: str) -> Iterator[dict[str, Any]]:
    now = timezone.now()
    for pk, source in zip(ids, sources, strict=True):
        yield {
            "id": pk,
            "name": source.name,
            "type": VENDOR,
            "fhir_base_url": source.fhir_base_url,
            "portal_url": source.portal_url,
            "environment": environment,
            "created_at": now,
            "updated_at": now,
        }


def _facility_row(made: MadeFacility) -> dict[str, Any]:
    city, state, postal_code = made.town
    return {
        "id": made.pk,
        "name": made.name,
        "aliases": made.aliases,
        "brand_id": made.brand,
        "city": city,
        "state": state,
        "postal_code": postal_code,
        "country": "US",
        "places": made.places,
        "website": made.website,
        "npis": made.npis,
    }


def _portal_rows(facilities: Iterable[MadeFacility], ids: list[str]) -> Iterator[dict[str, Any]]:
    pairs = ((made.pk, number) for made in facilities for number in made.sources)
    for pk, (facility, number) in enumerate(pairs, 1):
        yield {"id": pk, "facility_id": facility, "source_id": ids[number]}


def copy_into(model: type[models.Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """COPY rows that name some columns; the others get the defaults of their fields."""
    fields = model._meta.concrete_fields
    defaults = {str(field.column): _adapted(field, field.get_default()) for field in fields}
    whole = (tuple(row.get(column, default) for column, default in defaults.items()) for row in rows)
    copy_rows(model._meta.db_table, list(defaults), whole)


def _adapted(field: "models.Field[Any, Any]", value: Any) -> Any:
    return Jsonb(value) if isinstance(field, models.JSONField) else value
