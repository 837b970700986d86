"""Text as words to search by: folded the same way in the index and in what a patient types."""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from sources.searching.vocabulary import ENDINGS, FILLERS, LEGAL, LONG_FORMS, STATE_CODES, STATES

MAX_WORD_LENGTH = 40
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
# Scripts that put no space between words count each character as one.
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
# U.C.L.A. and M.D. are words.
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?")
_APOSTROPHES = str.maketrans("", "", "'’‘`´ʼ")


# Towns, states and brands come back thousands of times while an index is built.
@lru_cache(maxsize=20_000)
def words_of(text: str) -> tuple[str, ...]:
    """Words in order, without case, accents and punctuation: "St. Mary's & Co" is st, marys, and, co."""
    text = text.translate(_APOSTROPHES)
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(character for character in parts if not unicodedata.combining(character))
        # Hangul comes apart under NFKD; together again, a syllable is one character.
        text = unicodedata.normalize("NFC", text)
    text = _DOTTED.sub(lambda dotted: dotted[0].replace(".", ""), text)
    words = _WORD.findall(text.casefold().replace("&", " and "))
    return tuple(word[:MAX_WORD_LENGTH] for word in words)


@lru_cache(maxsize=100_000)
def canonical(word: str) -> str:
    """The one form of a word: in full, and singular where that takes no more than dropping an s."""
    word = LONG_FORMS.get(word, word)
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = LONG_FORMS.get(word[:-1], word[:-1])
    for ending, instead in ENDINGS:
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    return word


def canonical_words(text: str) -> tuple[str, ...]:
    return tuple(canonical(word) for word in words_of(text))


def whole(words: tuple[str, ...]) -> str:
    """A name to compare by: its words without those that say nothing."""
    return " ".join(canonical(word) for word in telling(words)) or " ".join(words)


def telling(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a name without small words, and without its legal form at the end."""
    found = [word for word in words if word not in FILLERS]
    while len(found) > 1 and (found[-1] in LEGAL or (len(found[-1]) == 1 and found[-1].isalpha())):
        found.pop()
    return tuple(found)


def initials_of(words: tuple[str, ...]) -> list[str]:
    """What a name is shortened to: the initials of three to eight words, with its small words and without.

    The beginning of a longer name counts too: UCSF is the University of California San Francisco Medical Center.
    """
    last = telling(words)[-1:]
    ways = [words[: words.index(last[0]) + 1] if last else (), telling(words)]
    letters = ["".join(word[0] for word in way) for way in ways]
    whole_names = [short for short in letters if 3 <= len(short) <= 8]
    beginnings = [letters[1][:length] for length in range(4, min(len(letters[1]), 8))]
    return [short for short in dict.fromkeys([*whole_names, *beginnings]) if short.isalpha()]


def joined(words: tuple[str, ...]) -> list[str]:
    """Neighbours written as one word: "med star" is also medstar."""
    return [first + second for first, second in pairwise(words) if (first + second).isalpha()]


def state_words(state: str) -> list[str]:
    """A state by its code and by its name."""
    name = " ".join(words_of(state))
    return [*name.split(), *(STATES.get(name) or STATE_CODES.get(name, "")).split()]


def state_code(state: str) -> str:
    """The two letters of a state, in lower case; "" for what is none."""
    return _state_code(" ".join(words_of(state)))


def states_in(words: tuple[str, ...]) -> list[str]:
    """The two letters of each state that the words name or abbreviate, in small letters.

    West Virginia is not Virginia too.
    """
    found, start = [], 0
    while start < len(words):
        ends = range(start + _STATE_WORDS, start, -1) if words[start] in _STATES_BEGIN else ()
        code, end = next(
            ((code, end) for end in ends if (code := _state_code(" ".join(words[start:end])))), ("", start + 1)
        )
        found += [code] if code else []
        start = end
    return found


def _state_code(name: str) -> str:
    return name if name in STATES else STATE_CODES.get(name, "")


# Mt. Sinai is on a mount, not in Montana.
_CODES = frozenset(code for code in STATES if canonical(code) == code)
_STATES_BEGIN = _CODES | frozenset(name.split()[0] for name in STATE_CODES)
_STATE_WORDS = max(len(name.split()) for name in STATE_CODES)
