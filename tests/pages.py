"""What every hosted page must be, checked on its HTML alone. Axe checks the rest in a browser."""

from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "link", "input", "img", "br", "hr"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.title = ""
        self._open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                raise AssertionError(f"</{tag}> closes something that was left open inside it")

    def handle_data(self, data):
        if self._open and self._open[-1] == "title":
            self.title += data
        if self._open and self._open[-1] == "script":
            raise AssertionError("an inline script")


def audit(html: str) -> None:
    """Raises AssertionError with what is wrong with the page."""
    reader = _Reader()
    reader.feed(html)
    tags = reader.tags
    names = [tag for tag, _ in tags]
    assert ("html", {"lang": "en"}) in tags, "the page does not say its language"
    assert names.count("h1") == 1, "a page has one h1"
    assert reader.title.strip(), "a page has a title"
    has_summary = any("mc-summary" in (attributes.get("class") or "") for _, attributes in tags)
    assert reader.title.strip().startswith("Error:") == has_summary, "titles begin with Error: where there is a summary"
    _audit_references(tags)
    _audit_order(names)
    for tag, attributes in tags:
        assert "style" not in attributes, "an inline style"
        assert not [name for name in attributes if name.startswith("on")], "an inline event handler"
        assert tag != "img" or "alt" in attributes, "an image without alt"


def _audit_references(tags) -> None:
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id is given twice"
    labelled = {attributes["for"] for tag, attributes in tags if tag == "label"}
    for tag, attributes in tags:
        if tag == "input" and attributes.get("type") != "hidden":
            assert attributes.get("id") in labelled, "an input without a label"
        for name in ("aria-describedby", "aria-labelledby"):
            for reference in (attributes.get(name) or "").split():
                assert reference in ids, f"{name} names nothing"
        href = attributes.get("href") or ""
        assert not href.startswith("#") or href[1:] in ids, "a link into nothing"


def _audit_order(names: list[str]) -> None:
    levels = [int(name[1]) for name in names if name in ("h1", "h2", "h3", "h4")]
    for above, below in pairwise(levels):
        assert below <= above + 1, "heading levels jump"
