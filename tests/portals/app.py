"""The app a patient returns to at the end."""

from html import escape
from typing import Self

from .listener import Answer, Listener, Request
from .pages import page


class ReturnApp:
    """Serves a page at any path, which shows the query it was called with.

    with ReturnApp() as app:
        app.url("/welcome")   # an address to return to
        app.arrivals          # the queries it was called with, oldest first
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._listener = Listener("app", self._answer)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self._listener.origin

    @property
    def arrivals(self) -> list[dict[str, str]]:
        """The query of every visit."""
        return [request.query for request in self.requests]

    def url(self, path: str = "/return") -> str:
        """An address in this app."""
        return self.origin + path

    def start(self) -> Self:
        """Begin to listen."""
        self._listener.start()
        return self

    def stop(self) -> None:
        """Stop listening."""
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, request: Request) -> Answer:
        if request.path == "/favicon.ico":  # browsers ask for it unasked; it is no arrival
            return Answer(404)
        self.requests.append(request)
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in request.query_pairs)
        return Answer.html(page("Back in the app", f"<dl>{rows}</dl>" if rows else "<p>Nothing was sent along.</p>"))
