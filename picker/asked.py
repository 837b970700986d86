"""What a patient searches for: words, a ZIP code or a position, and how many results are shown so far."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from picker.forms import SearchForm
from sources.geography import Point, point_of

PAGE, MAX_SHOWN = 10, 50
# The browser's position comes in a header of its own: an address would be kept in histories and logs.
POSITION_HEADER = "X-Position"


@dataclass(frozen=True)
class Asked:
    """A search. Without words and without a place nothing was asked.

    `typed` is what the form was sent with, if it was; `zip_problem` says what is wrong with the ZIP code there.
    """

    query: str = ""
    zip_code: str = ""
    near: Point | None = None
    shown: int = PAGE
    typed: dict[str, str] | None = None
    zip_problem: str = ""

    @cached_property
    def form(self) -> SearchForm:
        """For the page, with the errors. What a keystroke brings needs none, and making one takes a while."""
        return SearchForm(self.typed, label_suffix="")

    @property
    def is_anything(self) -> bool:
        return bool(self.query) or self.near is not None

    @property
    def where(self) -> str:
        """Near what, in words; "" for anywhere."""
        if self.near is None:
            return ""
        return f"near {self.zip_code}" if self.zip_code else "near you"

    def parameters(self, **more: str | int) -> dict[str, str | int]:
        """What leads back to this search. A position is never part of an address."""
        given = {"q": self.query, "near": self.zip_code, "shown": self.shown if self.shown > PAGE else ""}
        return {name: value for name, value in (given | more).items() if value}

    @cached_property
    def in_address(self) -> str:
        """The same, as the query of an address."""
        return urlencode(self.parameters())

    def address(self, path: str, **more: str | int) -> str:
        """`path` with this search in its query."""
        query = urlencode(self.parameters(**more)) if more else self.in_address
        return f"{path}?{query}" if query else path


def asked_in(request: HttpRequest) -> Asked:
    """The search of a request. Of words and ZIP code, one at fault is as good as none."""
    position, shown = _position(request.headers.get(POSITION_HEADER, "")), shown_in(request)
    typed = {name: request.GET[name] for name in ("q", "near") if name in request.GET}
    if not typed or (position and not any(typed.values())):
        return Asked(near=position, shown=shown)
    query, _ = _cleaned("q", typed)
    zip_code, zip_problem = _cleaned("near", typed)
    near = point_of(zip_code) if zip_code else position
    return Asked(query, zip_code, near, shown, typed, zip_problem)


def _cleaned(name: str, typed: dict[str, str]) -> tuple[str, str]:
    """What was typed into a field of the form, and what is wrong with it; one of the two is ""."""
    try:
        return SearchForm.base_fields[name].clean(typed.get(name)), ""
    except ValidationError as error:
        return "", error.messages[0]


def shown_in(request: HttpRequest) -> int:
    """How many results the patient asked to see: whole pages, at least one, at most MAX_SHOWN."""
    typed = request.GET.get("shown", "")
    if not (typed.isascii() and typed.isdigit() and len(typed) < 4):
        return PAGE
    pages = -(-int(typed) // PAGE)
    return min(max(pages * PAGE, PAGE), MAX_SHOWN)


def _position(text: str) -> Point | None:
    """The position rounded to some kilometre: nearer than that nobody needs to know it."""
    point = point_of(text) if "," in text else None
    return Point(round(point.latitude, 2), round(point.longitude, 2)) if point else None
