"""What a misspelled word may stand for, of the words that the catalogue knows."""

from tantivy import Query

from sources.searching.asked import Word
from sources.searching.index import OpenIndex
from sources.searching.schema import SCHEMA
from sources.searching.words import canonical

# One typo in words from four letters, two from eight; a swap of neighbours counts as one.
_ONE_FROM, _TWO_FROM = 4, 8
# Where nothing else is found, two typos are looked for in shorter words.
_TWO_AT_LAST_FROM = 6
_CANDIDATES = 4
# A rare word may itself be somebody's typo of a word that is so many times as frequent.
_SUSPICIOUS = 20


def corrections(word: Word, index: OpenIndex, *, unfinished: bool, at_last: bool = False) -> tuple[Word, ...]:
    """Words that may be meant, the likeliest first: fewer typos, then the same first letter, then frequency.

    None for a word that is known, unless another one is far more frequent, or `at_last` anything is tried.
    """
    typed = word.canonical
    if len(typed) < _ONE_FROM or not typed.isalpha():
        return ()
    frequency = 0 if at_last else _frequency(typed, index)
    least = 1 if at_last else frequency * _SUSPICIOUS
    if least > index.highest_frequency:
        return ()
    found = _similar(typed, 1, index)
    if unfinished and len(word.typed) > _ONE_FROM:
        found += _similar(word.typed, 1, index, prefix=True)
    likely = _likely(found, typed, least)
    # Looking for two typos takes ten times as long as for one: for words that nobody knows and one cannot explain.
    is_for_two = at_last or not (likely or frequency)
    if is_for_two and len(typed) >= (_TWO_AT_LAST_FROM if at_last else _TWO_FROM):
        likely += _likely(_similar(typed, 2, index), typed, least)
    forms: dict[str, str] = {}
    for text in likely:  # surgical is searched as surgery is: one of them says it all
        forms.setdefault(canonical(text), text)
    return tuple(Word(text, form, index.is_common(form)) for form, text in list(forms.items())[:_CANDIDATES])


def _likely(found: list[tuple[str, int]], typed: str, least: int) -> list[str]:
    return [text for text, frequency in found if frequency >= least and text != typed]


def is_known(word: Word, index: OpenIndex) -> bool:
    return _frequency(word.canonical, index) > 0


def _frequency(word: str, index: OpenIndex) -> int:
    known = Query.term_query(SCHEMA, "known_word", word, "basic")
    return next((frequency for _, frequency in _read(known, index, limit=1)), 0)


def _similar(word: str, typos: int, index: OpenIndex, *, prefix: bool = False) -> list[tuple[str, int]]:
    similar = Query.fuzzy_term_query(SCHEMA, "known_word", word, distance=typos, prefix=prefix)
    return sorted(_read(similar, index, limit=12), key=lambda one: (one[0][0] != word[0], -one[1]))


def _read(query: Query, index: OpenIndex, limit: int) -> list[tuple[str, int]]:
    """Known words and in how many documents they are."""
    hits = index.searcher.search(query, limit=limit, count=False, order_by_field="frequency").hits
    return [(index.searcher.doc(address)["known_word"][0], int(frequency)) for frequency, address in hits]
