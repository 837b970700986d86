"""Text as words to search by: folded the same way in the index and in what a patient types."""

import re
import unicodedata
from functools import lru_cache

MAX_TEXT = 300
MAX_WORDS = 10
MAX_WORD_LENGTH = 40
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans("", "", "'’‘`´ʼ")
_LINK = re.compile(r"https?://|www\.|.+\.(?:com|org|net|edu|gov|us|info|health|care)(?:[/:?#]|$)", re.IGNORECASE)
# Words that say nothing: a query may have them or not.
_FILLERS = {"and", "the", "of"}
# Each of these is found by its other spelling.
_SPELLINGS = [
    ("saint", "st"),
    ("sainte", "ste"),
    ("mount", "mt"),
    ("fort", "ft"),
    ("center", "centre", "ctr"),
    ("hospital", "hosp"),
    ("doctor", "dr"),
    ("university", "univ"),
    ("pediatrics", "paediatrics"),
    ("orthopedics", "orthopaedics"),
]
_OTHER_SPELLINGS = {word: [other for other in group if other != word] for group in _SPELLINGS for word in group}
# USPS codes: patients write the state out, directories abbreviate it.
_STATE_NAMES = (
    "al alabama;ak alaska;az arizona;ar arkansas;ca california;co colorado;ct connecticut;de delaware;"
    "dc district of columbia;fl florida;ga georgia;hi hawaii;id idaho;il illinois;in indiana;ia iowa;ks kansas;"
    "ky kentucky;la louisiana;me maine;md maryland;ma massachusetts;mi michigan;mn minnesota;ms mississippi;"
    "mo missouri;mt montana;ne nebraska;nv nevada;nh new hampshire;nj new jersey;nm new mexico;ny new york;"
    "nc north carolina;nd north dakota;oh ohio;ok oklahoma;or oregon;pa pennsylvania;pr puerto rico;"
    "ri rhode island;sc south carolina;sd south dakota;tn tennessee;tx texas;ut utah;vt vermont;va virginia;"
    "wa washington;wv west virginia;wi wisconsin;wy wyoming"
)
_STATES = dict(pair.split(" ", 1) for pair in _STATE_NAMES.split(";"))
_CODES = {name: code for code, name in _STATES.items()}


# Towns, states and brands come back thousands of times while an index is built.
@lru_cache(maxsize=10_000)
def words_of(text: str) -> tuple[str, ...]:
    """Words in order, without case, accents and punctuation: "St. Mary's & Co" is st, marys, and, co."""
    text = text.translate(_APOSTROPHES)
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(character for character in parts if not unicodedata.combining(character))
    words = _WORD.findall(text.casefold().replace("&", " and "))
    return tuple(word[:MAX_WORD_LENGTH] for word in words)


def indexed(*texts: str) -> str:
    """The words of all texts and their other spellings, for the index."""
    words = [word for text in texts for word in words_of(text)]
    return " ".join(dict.fromkeys([*words, *(other for word in words for other in _OTHER_SPELLINGS.get(word, ()))]))


def state_words(state: str) -> str:
    """A state by its code and by its name."""
    name = " ".join(words_of(state))
    return f"{name} {_STATES.get(name) or _CODES.get(name, '')}"


def host_words(link: str) -> list[str]:
    """The telling labels of a link's host: `https://mychart.riverside.org/x` is mychart, riverside."""
    host = re.sub(r"^[a-z]*://", "", link.strip().casefold())
    labels = re.split(r"[/:?#]", host)[0].removeprefix("www.").split(".")
    return [word for label in (labels[:-1] or labels) for word in words_of(label)]


def query_words(text: str) -> list[str]:
    """The words a patient asks for, each once. A pasted link counts by its host."""
    found = (
        word
        for chunk in text[:MAX_TEXT].split()
        for word in (host_words(chunk) if _LINK.match(chunk) else words_of(chunk))
    )
    words = list(dict.fromkeys(found))
    return ([word for word in words if word not in _FILLERS] or words)[:MAX_WORDS]
