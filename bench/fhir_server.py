"""A FHIR server with one patient's record, whose pages are made before anybody asks."""

import json
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "bench-token"  # noqa: S105  opens nothing
PATIENT = "bench-patient"
PAGE_SIZE = 100


def main() -> None:
    port, count, page_ms = (int(argument) for argument in sys.argv[1:4])
    base = f"http://127.0.0.1:{port}/fhir"
    pages = list(made_pages(base, count))
    server = ThreadingHTTPServer(("127.0.0.1", port), handler(pages, page_ms / 1000))
    server.serve_forever()


def made_pages(base: str, count: int) -> Iterator[bytes]:
    """`count` Observations of about 1.5 kB each, a hundred a page."""
    for start in range(0, count, PAGE_SIZE):
        entries = [{"resource": observation(number)} for number in range(start, min(start + PAGE_SIZE, count))]
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        if start + PAGE_SIZE < count:
            bundle["link"] = [{"relation": "next", "url": f"{base}/Observation?_page={start // PAGE_SIZE + 1}"}]
        yield json.dumps(bundle).encode()


def observation(number: int) -> dict[str, object]:
    loinc = {"system": "http://loinc.org", "code": f"{number % 9000}-4", "display": "A measurement of the blood"}
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
    return {
        "resourceType": "Observation",
        "id": f"observation-{number}",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z", "profile": ["http://hl7.org/fhir/us/core"]},
        "text": {"status": "generated", "div": "<div>" + "A measurement, and what it means. " * 20 + "</div>"},
        "status": "final",
        "category": [{"coding": [category]}],
        "code": {"coding": [loinc], "text": "A measurement of the blood"},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": "2026-01-01T08:00:00Z",
        "performer": [{"reference": f"Practitioner/{number % 20}"}],
        "valueQuantity": {
            "value": number / 10,
            "unit": "mg/dL",
            "system": "http://unitsofmeasure.org",
            "code": "mg/dL",
        },
        "referenceRange": [{"low": {"value": 1.0}, "high": {"value": 9.0}, "text": "1.0 to 9.0"}],
    }


def handler(pages: list[bytes], seconds: float) -> type[BaseHTTPRequestHandler]:
    empty = json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": []}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            kind, _, name = parts.path.removeprefix("/fhir/").partition("/")
            if kind == "metadata":
                self._answer(404, b"{}")
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._answer(401, b"{}")
            elif name:
                self._answer(200, json.dumps({"resourceType": kind, "id": name}).encode())
            else:
                self._answer(200, self._page(kind, parse_qs(parts.query)))

        def _page(self, kind: str, query: dict[str, list[str]]) -> bytes:
            if kind != "Observation" or "_lastUpdated" in query:  # nothing has changed since
                return empty
            time.sleep(seconds)
            return pages[int(query.get("_page", ["0"])[0])]

        def _answer(self, status: int, body: bytes) -> None:
            head = f"HTTP/1.1 {status} -\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

    return Handler


if __name__ == "__main__":
    main()
