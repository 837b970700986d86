"""Downloads: answers too large for memory go into a file, under the same guard as every other exchange."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from common.outbound.errors import AddressRefused, Redirected, TooLarge
from common.outbound.reach import Reach, check_url
from common.outbound.session import CHUNK_BYTES, GuardedAdapter, Limits, mount

MAX_REDIRECTS = 3
LARGE = Limits(seconds=20 * 60, max_bytes=512 * 1024 * 1024)


@dataclass(frozen=True)
class Downloaded:
    """What came of a download. Only status 200 has brought a file; `sha256` and `size` are that file's."""

    status: int
    size: int
    sha256: str
    etag: str
    last_modified: str


def download(
    url: str,
    reach: Reach,
    path: Path,
    *,
    limits: Limits = LARGE,
    headers: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Downloaded:
    """GET `url` into the file at `path`, following at most MAX_REDIRECTS redirects, never from https to http.

    The deadline of `limits` is for each hop. `progress` is told the bytes so far and, as far as the server
    says it, how many there are. Raises an OutboundError; an answer that was cut off is one. Any status is returned.
    """
    for _ in range(MAX_REDIRECTS + 1):
        check_url(url, reach)  # requests has errors of its own for what is no address
        try:
            return _get(url, _FileAdapter(reach, limits, path, progress), headers or {})
        except Redirected as redirect:
            url = _next(url, redirect)
    raise Redirected(f"The server redirected more than {MAX_REDIRECTS} times.")


def _next(url: str, redirect: Redirected) -> str:
    target = urljoin(url, redirect.location)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise AddressRefused("The server redirects from https to an address that is not https.") from redirect
    return target


def _get(url: str, adapter: "_FileAdapter", headers: Mapping[str, str]) -> Downloaded:
    with mount(requests.Session(), adapter) as session:
        response = session.get(url, headers={"Accept": "application/json, */*;q=0.5", **headers})
    return Downloaded(
        status=response.status_code,
        size=adapter.size,
        sha256=adapter.digest.hexdigest() if response.status_code == requests.codes.ok else "",
        etag=response.headers.get("ETag", ""),
        last_modified=response.headers.get("Last-Modified", ""),
    )


class _FileAdapter(GuardedAdapter):
    """Writes the body of a 200 into a file; reads no other."""

    def __init__(self, reach: Reach, limits: Limits, path: Path, progress: Callable[[int, int], None] | None) -> None:
        super().__init__(reach, limits)
        self.path, self.progress = path, progress
        self.size, self.digest = 0, hashlib.sha256()

    def _read(self, response: requests.Response) -> bytes:
        if response.status_code != requests.codes.ok:
            return b""
        expected = 0 if "Content-Encoding" in response.headers else int(response.headers.get("Content-Length") or 0)
        if expected > self.max_bytes:
            raise TooLarge(f"The answer is larger than {self.max_bytes} bytes.")
        with self.path.open("wb") as file:
            # A body that ends before its Content-Length or its last chunk raises here.
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=True):
                self.size += len(chunk)
                if self.size > self.max_bytes:
                    raise TooLarge(f"The answer is larger than {self.max_bytes} bytes.")
                self.digest.update(chunk)
                file.write(chunk)
                if self.progress is not None:
                    self.progress(self.size, expected)
        return b""
