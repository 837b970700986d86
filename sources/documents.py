"""What the search index holds: one document for each facility and each of its sources."""

from collections.abc import Iterator

import tantivy

from sources.models import Facility, Source
from sources.words import host_words, indexed, state_words, words_of

# Raise it when the fields or their words change: indexes of another number are built anew.
FORMAT = 1
SHARED = "shared"
_FACILITY_COLUMNS = ("id", "name", "aliases", "brand_id", "city", "state", "postal_code", "places", "website")


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("name", "other", "place"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    for name in ("first", "whole", "environment", "owner", "vendor", "source"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("pair", "source_number"):
        builder.add_integer_field(name, fast=True)
    return builder.build()


SCHEMA = _schema()


def documents() -> Iterator[tantivy.Document]:
    """The documents by name, then id: the order in which equally good hits are shown. Three queries.

    The tables are joined here: right after a large import PostgreSQL has no statistics to plan a join with.
    """
    sources = {source.pk: (number, source) for number, source in enumerate(Source.objects.order_by("pk"))}
    facilities = {facility.pk: facility for facility in Facility.objects.only(*_FACILITY_COLUMNS)}
    links = Facility.sources.through.objects.values_list("facility_id", "source_id", "pk")
    known = [link for link in links if link[0] in facilities and link[1] in sources]
    words = {pk: words_of(facility.name) for pk, facility in facilities.items()}
    for facility_id, source_id, pair in sorted(known, key=lambda link: (words[link[0]], *link)):
        facility = facilities[facility_id]
        number, source = sources[source_id]
        brand = facilities.get(facility.brand_id or 0)
        yield tantivy.Document(
            name=indexed(facility.name),
            first=(words[facility_id] or ("",))[0],
            whole=" ".join(words[facility_id]),
            other=indexed(source.name, *([brand.name] if brand else []), *facility.aliases),
            place=_place(facility, source),
            environment=source.environment,
            owner=source.organization_id or SHARED,
            vendor=source.type or "",
            source=source_id,
            pair=pair,
            source_number=number,
        )


def _place(facility: Facility, source: Source) -> str:
    states = dict.fromkeys([facility.state, *(place.rpartition(", ")[2] for place in facility.places)])
    hosts = [word for link in (facility.website, source.portal_url) if link for word in host_words(link)]
    return indexed(facility.city, facility.postal_code, *facility.places, *map(state_words, states), *hosts)
