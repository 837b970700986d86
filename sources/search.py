"""Finding a facility by what a patient types: its name, another name, its place, its web site."""

from dataclasses import dataclass

from tantivy import Occur, Query

from organizations.models import Organization
from sources.documents import SCHEMA, SHARED
from sources.index import current
from sources.models import ClientRegistration, Facility, Source, SourceQuerySet
from sources.words import query_words

# Field: score of a whole word, score of its beginning. A name says more than a place.
_SCORES = {"name": (8.0, 4.0), "other": (6.0, 3.0), "place": (2.0, 1.0)}
_WHOLE_NAME, _FIRST_WORD = 4.0, 1.0
# Pairs read for each source wanted, to begin with: one source may have thousands of facilities that match.
_PAIRS_PER_SOURCE = 8
# How many sources may have come in above a page's end until it is no longer found.
_SLACK = 100


@dataclass(frozen=True)
class Hit:
    """A place that matches, and a source that holds its records. A facility with two sources is two hits."""

    source: Source
    facility: Facility


@dataclass(frozen=True)
class Position:
    """Where a page of sources ended: the pair of facility and source of its last hit, and how many came so far."""

    pair: int
    count: int


@dataclass(frozen=True)
class _Ranked:
    pair: int
    source_number: int


def search(text: str, *, organization: Organization, limit: int, offered_only: bool = True) -> list[Hit]:
    """The places that have every word of `text`, best first; equally good ones by name, then id.

    Each word may be the beginning of one. Only what the workspace may see, and with `offered_only` only
    where its patients can sign in. Any text is fine; one without letters or digits finds nothing. At most
    three queries, however many hits.
    """
    words = query_words(text)
    if not words:
        return []
    if not offered_only:
        ranked = _ranked(_query(words, [_visible_to(organization)]), limit)
        return _read(ranked, Source.objects.visible_to(organization))
    ranked = _ranked(_query(words, [_visible_to(organization), _offered_to(organization)]), limit)
    return _read(ranked, Source.objects.offered_to(organization))


def search_sources(
    text: str, *, organization: Organization, vendor: str | None, limit: int, after: Position | None
) -> tuple[list[Hit], Position | None]:
    """A page of the visible sources in the order of `search`, each once with its best place, and its end.

    The end is None on the last page. At most two queries. A change of the catalogue between two pages
    neither repeats nor skips what it leaves alone, as long as the hit at `after` is still there.
    """
    words = query_words(text)
    if not words:
        return [], None
    filters = [_visible_to(organization)]
    if vendor is not None:
        filters.append(_term("vendor", vendor))
    count = after.count if after else 0
    ranked = _distinct(_query(words, filters), wanted=count + limit + 1 + _SLACK)
    start = next((place for place, one in enumerate(ranked, 1) if after and one.pair == after.pair), count)
    page, has_more = ranked[start : start + limit], len(ranked) > start + limit
    hits = _read(page, Source.objects.visible_to(organization))
    return hits, Position(page[-1].pair, start + limit) if has_more else None


def _ranked(query: Query, limit: int) -> list[_Ranked]:
    searcher = current().searcher
    addresses = [address for _, address in searcher.search(query, limit=limit, count=False).hits]
    pairs = searcher.fast_field_values("pair", addresses)
    numbers = searcher.fast_field_values("source_number", addresses)
    return [_Ranked(int(pair or 0), int(number or 0)) for pair, number in zip(pairs, numbers, strict=True)]


def _distinct(query: Query, wanted: int) -> list[_Ranked]:
    """The best pair of each source, until `wanted` sources are found or there are no more."""
    limit = wanted * _PAIRS_PER_SOURCE
    while True:
        ranked = _ranked(query, limit)
        best: dict[int, _Ranked] = {}
        for one in ranked:
            best.setdefault(one.source_number, one)
        if len(best) >= wanted or len(ranked) < limit:
            return list(best.values())[:wanted]
        limit *= _PAIRS_PER_SOURCE


def _read(ranked: list[_Ranked], allowed: SourceQuerySet) -> list[Hit]:
    """The hits from the database, which has the last word on what exists and who may see it. One query."""
    pairs = Facility.sources.through.objects.filter(source__in=allowed).select_related("source", "facility__brand")
    found = pairs.in_bulk([one.pair for one in ranked])
    return [Hit(found[one.pair].source, found[one.pair].facility) for one in ranked if one.pair in found]


def _query(words: list[str], filters: list[Query]) -> Query:
    """Every word must match somewhere; each counts by its best place. Filters do not count."""
    must = [(Occur.Must, Query.const_score_query(condition, 0.0)) for condition in filters]
    must += [(Occur.Must, _word(word)) for word in words]
    bonus = [
        (Occur.Should, Query.const_score_query(_term("whole", " ".join(words)), _WHOLE_NAME)),
        (Occur.Should, Query.const_score_query(_prefix("first", words[0]), _FIRST_WORD)),
    ]
    return Query.boolean_query([*must, *bonus])


def _word(word: str) -> Query:
    ways = []
    for field, (whole, beginning) in _SCORES.items():
        ways.append(Query.const_score_query(_term(field, word), whole))
        ways.append(Query.const_score_query(_prefix(field, word), beginning))
    return Query.disjunction_max_query(ways)


def _term(field: str, value: str) -> Query:
    return Query.term_query(SCHEMA, field, value, "basic")


def _prefix(field: str, word: str) -> Query:
    return Query.fuzzy_term_query(SCHEMA, field, word, distance=0, prefix=True)


def _visible_to(organization: Organization) -> Query:
    """As SourceQuerySet.visible_to says it."""
    owners = Query.term_set_query(SCHEMA, "owner", [SHARED, organization.id])
    return Query.boolean_query([(Occur.Must, _term("environment", organization.environment)), (Occur.Must, owners)])


def _offered_to(organization: Organization) -> Query:
    """As SourceQuerySet.offered_to says it. One query."""
    usable = ClientRegistration.objects.usable_by(organization).values_list("vendor", "source_id").distinct()
    vendors, sources = {vendor for vendor, _ in usable if vendor}, {source for _, source in usable if source}
    return Query.boolean_query(
        [
            (Occur.Should, Query.term_set_query(SCHEMA, "vendor", sorted(vendors))),
            (Occur.Should, Query.term_set_query(SCHEMA, "source", sorted(sources))),
        ]
    )
