"""How a search widens: first what matches as typed, then, while too little is found, what may be meant."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from sources.geography import Point
from sources.searching import queries
from sources.searching.asked import Asked, Word
from sources.searching.index import OpenIndex
from sources.searching.places import Place, is_place, places_in
from sources.searching.queries import Clauses, Respelled
from sources.searching.spelling import corrections, is_known

# With so many places found, no further meaning is tried.
ENOUGH = 5
# A query of so many words that finds anything as typed has no typos.
SURE = 3
# So many words are shortened to their initials: university of california san francisco.
_INITIALS_FROM = 4
_MEANINGS = 5


@dataclass(frozen=True)
class Stage:
    """One reading of the query: what a hit must and should have, and the place that distance counts from."""

    clauses: Clauses
    near: Point | None


def stages(asked: Asked, near: Point | None, index: OpenIndex, found: Callable[[], int]) -> Iterator[Stage]:
    """The readings, the most literal one first, while `found` says that too little was found."""
    near = near or asked.near
    # "mychart clevelandclinic.org" says no more than the link.
    if not asked.words or (asked.links and not asked.specific):
        yield Stage(queries.identifiers(asked) or (queries.only_near(near) if near else []), near)
        return
    plan = _Plan(asked, near, index)
    yield from plan.as_typed()
    typos = {} if found() and len(asked.words) >= SURE else plan.typos()
    if typos:
        yield plan.respelled(typos)
    yield from plan.called_at_a_town(plan.asked, kind=False)
    yield from plan.named_within(at_the_beginning=True)
    for meant in (plan.asked, *([plan.likely(typos)] if typos else [])):
        yield from plan.without_generic(meant)
        yield from plan.at_a_place(meant, generic=False)
        yield from plan.called_at_a_town(meant, kind=True)
        yield from plan.at_a_place(meant, generic=True)
    if found():
        yield from plan.system_of_a_town()
        return
    for last in (plan.named_within(at_the_beginning=False), plan.without_town(), plan.at_last()):
        if not found():
            yield from last


class _Plan:
    def __init__(self, asked: Asked, near: Point | None, index: OpenIndex) -> None:
        words = tuple(replace(word, is_common=index.is_common(word.canonical)) for word in asked.words)
        self.asked, self.near, self.index = replace(asked, words=words), near, index
        self.identifiers = queries.identifiers(asked)
        self._seen: dict[Word, bool] = {}
        self._read: dict[tuple[Word, ...], list[tuple[Place, Asked]]] = {}

    def as_typed(self) -> Iterator[Stage]:
        """Every word; or exactly a name, with words after it that nearly every name has: "mayo clinic hospital"; or
        a name that is written as one word: "well star health"."""
        words, index = self.asked.words, self.index
        ways = [queries.every_word(words, index, weighted=self.near is None)] if self._has(words) else []
        ways += [queries.named(shorter)] if (shorter := self.asked.shorter) else []
        for compound in self._compounds():
            ways.append(queries.called(compound, index, unfinished=True))
            ways.append(queries.named(replace(compound, words=compound.specific).as_system))
        if ways:
            clauses = ways[0] if len(ways) == 1 else [queries.must(queries.either(*ways))]
            yield self._stage(clauses, self.asked)

    def _compounds(self) -> Iterator[Asked]:
        """The query with two neighbours written as one, where that is a word of somebody's name."""
        for place, joined in enumerate(queries.joined_words(self.asked.words)):
            if not joined[place].is_generic and self.index.is_in_names(joined[place].canonical):
                yield replace(self.asked, words=joined)

    def typos(self, *, at_last: bool = False) -> Respelled:
        """The words that may be misspelled, with what they may stand for."""
        last = self.asked.words[-1]
        found = {
            word: corrections(word, self.index, unfinished=word is last, at_last=at_last) for word in self.asked.words
        }
        return {word: words for word, words in found.items() if words}

    def respelled(self, typos: Respelled) -> Stage:
        unknown = {word for word in typos if not self._has_word(word)}
        clauses = queries.every_word(
            self.asked.words, self.index, weighted=self.near is None, respelled=typos, unknown=unknown
        )
        return self._stage(clauses, *_meanings(self.asked, typos))

    def likely(self, typos: Respelled) -> Asked:
        """The query as it is most likely meant."""
        return _meanings(self.asked, typos)[0]

    def at_a_place(self, asked: Asked, *, generic: bool) -> Iterator[Stage]:
        """Words at the end or the beginning say where; the others name a place, or with `generic` a kind of place."""
        for place, rest in self._places(asked):
            point = self.near or place.point
            if generic is bool(rest.specific):
                continue
            # Nobody lists "dr. orozco" so; what a town at the beginning leaves may be the whole name.
            needed = rest.specific if rest.specific and place.is_at_the_end else place.rest
            if not self._has(needed):
                continue
            clauses = self._needing(needed, rest, weighted=point is None)
            where = queries.at_place(place.state, place.point, surely=generic or place.is_town_at_the_end)
            yield self._stage([*clauses, *where], rest, near=place.point)

    def called_at_a_town(self, asked: Asked, *, kind: bool) -> Iterator[Stage]:
        """A name, and the town at the end: "penn medicine philadelphia", where no directory knows the town. With `kind`
        what may be a name and is a kind of place: "family medicine muskegon".
        """
        for place, rest in self._places(asked):
            is_town = place.is_at_the_end and place.point is not None
            if is_town and rest.specific and rest.is_kind is kind and self._has(place.rest):
                # One word begins many a name: then it has to be nearly all of it.
                is_one = len(rest.specific) == 1
                name = queries.named(rest.as_system) if is_one else queries.called(rest, self.index, unfinished=False)
                where = queries.at_place(place.state, place.point, surely=False)
                yield self._stage([*name, *where], rest, near=place.point)

    def named_within(self, *, at_the_beginning: bool) -> Iterator[Stage]:
        """A whole name with other words around it: "i go to the mayo clinic in rochester"; or, at the beginning, with
        words behind it that tell of neither a name nor a place: "mayo clinic dermatology".
        """
        parts = self._beginnings() if at_the_beginning else self._parts()
        if names := [part for part in parts if self._is_name(part)]:
            yield Stage([*self.identifiers, *queries.named_by_a_part(names)], self.near)

    def _beginnings(self) -> Iterator[Asked]:
        words = self.asked.words
        for end in range(len(words) - 1, 1, -1):
            if any(not word.is_generic for word in words[end:]) and not is_place(words[end:]):
                yield replace(self.asked, words=words[:end])

    def _parts(self) -> Iterator[Asked]:
        words = self.asked.words
        for start, end in combinations(range(len(words) + 1), 2):
            if end - start > 1:
                yield replace(self.asked, words=words[start:end])

    def _is_name(self, part: Asked) -> bool:
        """Whether a place is called so, and it is no name that anybody might have, as "family medicine" is."""
        is_telling = any(self.index.is_telling(word.canonical) for word in part.specific)
        return is_telling and self.index.is_name(part.whole)

    def without_town(self) -> Iterator[Stage]:
        """A name, wherever a place has it: "edward hospital naperville", which is listed in another town."""
        for place, rest in self._places(self.asked):
            if place.is_at_the_end and rest.specific and self._has(place.rest):
                yield self._stage(queries.called(rest, self.index, unfinished=False), rest)

    def system_of_a_town(self) -> Iterator[Stage]:
        """Behind what is at the town, the health system of that name, wherever it is listed."""
        for place, rest in self._places(self.asked):
            if place.point is not None and rest.specific and not rest.is_kind:
                yield self._system(rest.specific)

    def without_generic(self, asked: Asked) -> Iterator[Stage]:
        """Words that nearly every name has are left out, or two words are joined."""
        joined = filter(self._has, queries.joined_words(asked.words))
        ways = [queries.every_word(words, self.index, weighted=True) for words in joined]
        specific = asked.specific
        if specific and len(specific) < len(asked.words) and self._has(specific):
            ways.append(self._needing(specific, asked, weighted=True))
        if ways:
            yield self._stage([queries.must(queries.either(*ways))], replace(asked, words=specific or asked.words))

    def at_last(self) -> Iterator[Stage]:
        """Where nothing else is found: more typos, initials, all telling words but one; of two words the first, if a
        health system is called so: "wellstar kennestone"."""
        if typos := self.typos(at_last=True):
            yield self.respelled(typos)
        words = self.asked.words
        if len(words) >= _INITIALS_FROM and all(is_known(word, self.index) for word in words):
            yield self._stage(queries.shortened(words), self.asked)
        if len(self.asked.specific) >= SURE:
            yield self._stage([queries.must(queries.all_but_one(self.asked.specific, self.index))], self.asked)
        elif len(self.asked.specific) == SURE - 1:
            yield self._system(self.asked.specific[:1])

    def _places(self, asked: Asked) -> list[tuple[Place, Asked]]:
        """Where the words may say to look, and what else they ask for."""
        if asked.words not in self._read:
            places = places_in(asked.words)
            self._read[asked.words] = [(place, replace(asked, words=place.rest)) for place in places]
        return self._read[asked.words]

    def _needing(self, needed: tuple[Word, ...], asked: Asked, *, weighted: bool) -> Clauses:
        """These words of the query; whoever has the others as well comes first."""
        others = tuple(word for word in asked.words if word not in needed)
        return [*queries.every_word(needed, self.index, weighted=weighted), *queries.wished(others, self.index)]

    def _system(self, words: tuple[Word, ...]) -> Stage:
        """The health system of this name."""
        system = replace(self.asked, words=words)
        return self._stage(queries.named(system.as_system), system)

    def _has(self, words: tuple[Word, ...]) -> bool:
        """Whether the index has each word at all; else no place has all of them, and there is nothing to look for."""
        return all(map(self._has_word, words))

    def _has_word(self, word: Word) -> bool:
        if word not in self._seen:
            # In this order: what is found fast is mostly found first.
            is_known = self.index.has_word(word.canonical) or self.index.has_word(word.typed)
            self._seen[word] = is_known or self.index.has_any(queries.anywhere(word, self.index))
        return self._seen[word]

    def _stage(self, clauses: Clauses, *meanings: Asked, near: Point | None = None) -> Stage:
        point = self.near or near
        better = queries.names(meanings[0], self.index, weighted=point is None)
        better += [clause for asked in meanings[1:] for clause in queries.exact_names(asked)]
        return Stage([*self.identifiers, *clauses, *better], point)


def _meanings(asked: Asked, typos: Respelled) -> list[Asked]:
    """What the query may mean: each word as it is likeliest, and one of them after the other as it is less likely."""
    likely = {word: words[0] for word, words in typos.items()}
    ways = [likely, *(likely | {word: other} for word, words in typos.items() for other in words[1:])]
    return [replace(asked, words=tuple(way.get(word, word) for word in asked.words)) for way in ways[:_MEANINGS]]
