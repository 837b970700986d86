"""What is asked for, as queries to the index. Their scores are the order of results.

A hit's score is the sum of steps, each larger than all smaller ones together: in the state, nearby, exact
name, name that begins so, whole words (in equal parts for each word); then, below 16, where the words were
found. Near a place the distance decides among names that are not exactly the one asked for.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from tantivy import Occur, Query

from sources.geography import Point
from sources.searching.asked import Asked, Word
from sources.searching.grid import UNKNOWN_CELL, cells_of, state_cell
from sources.searching.index import OpenIndex
from sources.searching.links import addresses_of, host_of, host_suffixes, site_names, tenant_ids
from sources.searching.schema import BEGINNINGS, LONGEST_EDGE, SCHEMA
from sources.searching.vocabulary import STATE_CODES
from sources.searching.words import canonical, initials_of, joined

IN_STATE, NEARBY = 512.0, 256.0
EXACT, NEARLY_EXACT, ALSO, BEGINS, INITIALS, WHOLE, ALSO_BEGINS = 64.0, 60.0, 56.0, 32.0, 24.0, 16.0, 8.0
# One part of the query is the place's whole name, the rest says which one; neighbours are neighbours in the name.
NAME_AND_MORE, SEQUENCE = 3.0, 2.0
RING = 0.25
# Of the places behind one web address, the one that it is named for; less than how well the address fits.
CALLED_LIKE_DOMAIN = 0.5
# Field: a whole word, the beginning of one.
_WEIGHTS = {"name": (10.0, 5.0), "other": (7.0, 3.5), "place": (5.0, 2.5)}
# Where it does not matter which of them it is, one field has the words of all three.
_UNWEIGHTED = {"any": (0.0, 0.0)}
_INITIALS_WEIGHT = 7.0
# Three letters are the initials of many a name.
_BY_INITIALS = 0.9
_RESPELLED = 0.7
_WISHED = 0.05

Clauses = list[tuple[Occur, Query]]
Respelled = Mapping[Word, tuple[Word, ...]]


def identifiers(asked: Asked) -> Clauses:
    """The web addresses and provider numbers that a hit has to have."""
    named_for = [term(field, name) for link in asked.links for name in site_names(link) for field in ("name", "other")]
    called_so = [(Occur.Should, _scored(query, CALLED_LIKE_DOMAIN)) for query in named_for]
    npis = [must(_scored(term("npi", npi), 0.0)) for npi in asked.npis]
    return [*map(must, map(_link, asked.links)), *called_so, *npis]


def every_word(
    words: tuple[Word, ...],
    index: OpenIndex,
    *,
    weighted: bool,
    respelled: Respelled | None = None,
    unknown: Collection[Word] = (),
) -> Clauses:
    """Each word is found, whole or by its beginning, or one that it may stand for; as it is unless it is `unknown`."""
    share = 1 / max(1, len(words))
    detail = 1.0 if weighted else 0.0
    clauses, better = [], []
    for word in words:
        ways = [] if word in unknown else _ways(word, index, share, detail, is_alone=len(words) == 1)
        named = _in_name(word, share * detail)
        for instead in (respelled or {}).get(word, ()):
            ways += _ways(instead, index, share * _RESPELLED, detail, is_alone=False)
            named += _in_name(instead, share * _RESPELLED * detail)
        clauses.append(must(_best_of(ways)))
        better += [(Occur.Should, _best_of(named))] if named else []
    return [*clauses, *better]


def anywhere(word: Word, index: OpenIndex) -> Query:
    """Places that have this word at all, whole or by its beginning."""
    return _best_of(_ways(word, index, 1.0, detail=0.0, is_alone=False))


def wished(words: tuple[Word, ...], index: OpenIndex) -> Clauses:
    """Words that a hit may do without; those that have them come first."""
    ways = [_ways(word, index, _WISHED, is_alone=False) for word in words]
    named = [query for word in words for query in _in_name(word, _WISHED)]
    return [(Occur.Should, query) for query in (*map(_best_of, ways), *named)]


def all_but_one(words: tuple[Word, ...], index: OpenIndex) -> Query:
    share = 1 / len(words)
    found = [(Occur.Should, _best_of(_ways(word, index, share, is_alone=False))) for word in words]
    return Query.boolean_query(found, minimum_number_should_match=len(words) - 1)


def named(wholes: list[str]) -> Clauses:
    """Exactly one of these names."""
    return [must(_scored(one_of("whole", wholes), NEARLY_EXACT))]


def named_by_a_part(parts: Iterable[Asked]) -> Clauses:
    """Exactly the name that one of these parts of the query is, the one of more words first."""
    return [must(_best_of([_scored(term("whole", part.whole), float(len(part.words))) for part in parts]))]


def called(asked: Asked, index: OpenIndex, *, unfinished: bool) -> Clauses:
    """A name that is these words or begins with them, the last of which may be `unfinished`."""
    exactly = _scored(one_of("whole", [asked.whole, *asked.shorter]), NEARLY_EXACT)
    begun = _begun("whole", asked.whole if unfinished else f"{asked.whole} ", index)
    return [must(_best_of([exactly, *(_scored(query, BEGINS) for query in begun)]))]


def either(*alternatives: Clauses) -> Query:
    return Query.disjunction_max_query([Query.boolean_query(clauses) for clauses in alternatives])


def exact_names(asked: Asked) -> Clauses:
    """The name itself, or another name of the place."""
    found = [(term("whole", asked.whole), EXACT), (term("also", asked.whole), ALSO)]
    return [(Occur.Should, _scored(query, score)) for query, score in found]


def names(asked: Asked, index: OpenIndex, *, weighted: bool) -> Clauses:
    """What is better than words that match somewhere: the name itself, its beginning, whole words."""
    if not asked.words:
        return []
    name, words = asked.whole, asked.words
    steps: list[tuple[Query, float]] = []
    if len(words) == 1 and len(name) >= 3:
        steps.append((term("initials", words[0].typed), INITIALS))
    if weighted:
        steps += [(query, BEGINS) for query in _begun("whole", name, index)]
        steps.append((one_of("whole", _parts(name)), NAME_AND_MORE))
        neighbours = joined(tuple(word.typed for word in words))
        steps += [(term("other", pair), SEQUENCE / len(neighbours)) for pair in neighbours]
        if len(words) > 1 and len(name) > 3:
            steps += [(query, ALSO_BEGINS) for query in _begun("also", name, index)]
    return [*exact_names(asked), *((Occur.Should, _scored(query, score)) for query, score in steps)]


def joined_words(words: tuple[Word, ...]) -> list[tuple[Word, ...]]:
    """The words with two neighbours written as one, each way: "med star health" is also "medstar health"."""
    return [
        (*words[:place], Word(text, canonical(text)), *words[place + 2 :])
        for place, text in enumerate(first.typed + second.typed for first, second in pairwise(words))
    ]


def shortened(words: tuple[Word, ...]) -> Clauses:
    """The initials of the words as a name: what "university of california san francisco" is called, too."""
    return [must(_scored(one_of("name", initials_of(tuple(word.typed for word in words))), 1.0))]


def near(point: Point) -> Clauses:
    """Places around the point come first, the nearer ones ahead of the others."""
    *rings, widest = [term("cell", cell) for cell in cells_of(point)]
    return [(Occur.Should, _scored(widest, NEARBY)), *((Occur.Should, _scored(ring, RING)) for ring in rings)]


def only_near(point: Point) -> Clauses:
    return [must(_scored(term("cell", cells_of(point)[-1]), 0.0))]


def at_place(state: str, point: Point | None, *, surely: bool) -> Clauses:
    """In the state of this name, around the point, or, unless `surely`, nobody knows where: that comes last."""
    in_state = term("cell", state_cell(STATE_CODES[state]))
    cells = [*(cells_of(point)[-1:] if point else []), *([] if surely else [UNKNOWN_CELL])]
    return [must(Query.disjunction_max_query([_scored(in_state, IN_STATE), _scored(one_of("cell", cells), 0.0)]))]


def term(field: str, value: str | int) -> Query:
    return Query.term_query(SCHEMA, field, value, "basic")


def one_of(field: str, values: list[str]) -> Query:
    """One of a few terms. (A term set would mark each of its documents first, which costs more than it saves.)"""
    return any_of([term(field, value) for value in values]) if len(values) != 1 else term(field, values[0])


def all_of(conditions: list[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, condition) for condition in conditions])


def any_of(conditions: list[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, condition) for condition in conditions])


def must(query: Query) -> tuple[Occur, Query]:
    return Occur.Must, query


def _ways(word: Word, index: OpenIndex, share: float, detail: float = 1.0, *, is_alone: bool) -> list[Query]:
    """Where a word may be found, with its share of the score. One letter alone begins a word of the name."""
    if len(word.typed) == 1 and is_alone:
        return [_scored(term("name_edge", word.typed), share)]
    if word.is_common:  # it fills every page: its beginnings find nothing better, and where it is says little
        return [_scored(_whole("any", word), (WHOLE + _WEIGHTS["place"][0] * detail) * share)]
    fields = _WEIGHTS if detail else _UNWEIGHTED
    ways = [_scored(_whole(field, word), (WHOLE + whole * detail) * share) for field, (whole, _) in fields.items()]
    # What has the beginnings of any of them would be a fourth field of them.
    fields = fields if len(word.typed) > LONGEST_EDGE else _WEIGHTS
    for field, (_, beginning) in fields.items():
        begun = _begun(field, word.typed, index, but=_forms(field, word))
        ways += [_scored(query, beginning * detail * share) for query in begun]
    if len(word.typed) <= 2:
        return ways
    return [*ways, _scored(term("initials", word.typed), (WHOLE + _INITIALS_WEIGHT * detail) * share)]


def _in_name(word: Word, share: float) -> list[Query]:
    """A common word counts for more in a name; any other one does by `_ways`."""
    if not (word.is_common and share):
        return []
    return [_scored(_whole("name", word), (_WEIGHTS["name"][0] - _WEIGHTS["place"][0]) * share)]


def _link(link: str) -> Query:
    """A FHIR base URL or what is below it, a site's host or the domain it belongs to, or a domain of that name or of
    those initials."""
    host = host_of(link)
    addresses = [*addresses_of(link), *tenant_ids(link)]
    ways = [_scored(term("url", address), EXACT - step) for step, address in enumerate(addresses)]
    ways += [_scored(_beginning("url", addresses[0]), BEGINS)] if addresses else []
    ways += [_scored(term("host", name), WHOLE - step) for step, name in enumerate(host_suffixes(host)[:8])]
    for name in site_names(link):
        ways += [_scored(term("host", f"{name}.org"), 1.0), _scored(term("initials", name), _BY_INITIALS)]
        ways += [_scored(term("any", name), 1.0)] if len(name) > 3 else []
    return Query.disjunction_max_query(ways)


def _parts(name: str) -> list[str]:
    words = name.split()
    cuts = range(1, len(words))
    return list(dict.fromkeys([" ".join(words[:cut]) for cut in cuts] + [" ".join(words[cut:]) for cut in cuts]))


def _whole(field: str, word: Word) -> Query:
    return one_of(field, _forms(field, word))


def _forms(field: str, word: Word) -> list[str]:
    """A word as a field has it: names have one form of each."""
    return [word.canonical] if field == "name" or word.typed == word.canonical else [word.typed, word.canonical]


def _begun(field: str, text: str, index: OpenIndex, *, but: Collection[str] = ()) -> list[Query]:
    """What finds a field's terms that begin so, but for some; nothing where there are none.

    A few are looked up one by one, so that other conditions may pass over most of their places.
    """
    beginnings, longest = BEGINNINGS.get(field, ("", 0))
    if len(text) <= longest:
        return [term(beginnings, text)]
    terms = index.beginning(field, text)
    if terms is None:
        return [_beginning(field, text)]
    return [one_of(field, others)] if (others := [one for one in terms if one not in but]) else []


def _beginning(field: str, text: str) -> Query:
    return Query.fuzzy_term_query(SCHEMA, field, text, distance=0, prefix=True)


def _best_of(ways: list[Query]) -> Query:
    return ways[0] if len(ways) == 1 else Query.disjunction_max_query(ways)


def _scored(query: Query, score: float) -> Query:
    return Query.const_score_query(query, score)
