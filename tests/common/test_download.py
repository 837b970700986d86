"""Downloads go into a file, whole or not at all, under the same guard as every other exchange."""

import gzip
import hashlib
import socket
import threading

import pytest

from common.outbound import AddressRefused, Limits, Reach, Redirected, TimedOut, TooLarge, Unreachable, download
from tests.portals import Answer, Listener

BODY = b"0123456789" * 30_000


def answer(request):
    match request.path:
        case "/file":
            return Answer(200, BODY, {"ETag": '"1"', "Last-Modified": "Fri, 20 Feb 2026 00:00:00 GMT"})
        case "/packed":
            return Answer(200, gzip.compress(BODY), {"Content-Encoding": "gzip"})
        case "/known":
            return Answer(304 if request.headers.get("If-None-Match") == '"1"' else 200, b"")
        case "/missing":
            return Answer(404, b"x" * 1000)
        case "/slow":
            return Answer(200, BODY, delivery="drip")
        case "/relative":
            return Answer.redirect("/file")
        case "/abroad":
            return Answer.redirect("https://127.0.0.1/file")
        case "/public":
            return Answer.redirect("http://portal.example/file")
    hops = int(request.path.rpartition("/")[2])
    return Answer.redirect(f"/hops/{hops - 1}" if hops > 1 else "/file")


@pytest.fixture
def server():
    with Listener("server", answer) as running:
        yield running


@pytest.fixture
def file(tmp_path):
    return tmp_path / "download"


@pytest.mark.parametrize("path", ["/file", "/packed", "/relative", "/hops/3"])
def test_the_whole_body_is_in_the_file_unpacked(server, file, path):
    seen = []

    got = download(server.origin + path, Reach.LOCAL, file, progress=lambda done, total: seen.append(done))

    assert file.read_bytes() == BODY
    assert (got.status, got.size, got.sha256) == (200, len(BODY), hashlib.sha256(BODY).hexdigest())
    assert seen[-1] == len(BODY)


def test_what_the_publisher_knows_the_edition_by_comes_along(server, file):
    got = download(f"{server.origin}/file", Reach.LOCAL, file)

    assert (got.etag, got.last_modified) == ('"1"', "Fri, 20 Feb 2026 00:00:00 GMT")


def test_an_edition_that_is_known_brings_no_file(server, file):
    got = download(f"{server.origin}/known", Reach.LOCAL, file, headers={"If-None-Match": '"1"'})

    assert (got.status, got.sha256, file.exists()) == (304, "", False)


def test_the_body_of_an_error_is_not_kept(server, file):
    assert download(f"{server.origin}/missing", Reach.LOCAL, file).status == 404
    assert not file.exists()


@pytest.mark.parametrize("path", ["/file", "/packed"])
def test_too_much_is_cut_off_counted_after_decompression(server, file, path):
    with pytest.raises(TooLarge):
        download(server.origin + path, Reach.LOCAL, file, limits=Limits(max_bytes=100_000))


def test_a_body_that_drips_meets_the_deadline(server, file):
    with pytest.raises(TimedOut):
        download(f"{server.origin}/slow", Reach.LOCAL, file, limits=Limits(seconds=0.5))


def test_too_many_redirects_end(server, file):
    with pytest.raises(Redirected, match="more than 3 times"):
        download(f"{server.origin}/hops/5", Reach.LOCAL, file)


def test_every_hop_is_guarded(server, file):
    with pytest.raises(AddressRefused):
        download(f"{server.origin}/public", Reach.LOCAL, file)
    with pytest.raises(Unreachable):
        download(f"{server.origin}/abroad", Reach.LOCAL, file)
    with pytest.raises(AddressRefused):
        download(f"{server.origin}/file", Reach.PUBLIC, file)


def test_a_redirect_never_leads_from_https_to_http():
    from common.outbound.download import _next

    with pytest.raises(AddressRefused, match="not https"):
        _next("https://portal.example/brands", Redirected("", location="http://portal.example/brands"))
    assert _next("https://portal.example/a/b", Redirected("", location="../c")) == "https://portal.example/c"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly the beginning",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nonly the beginning",
    ],
    ids=["shorter than it says", "without its last chunk"],
)
def test_a_download_that_was_cut_off_is_an_error(file, head):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def cut_off():
            connection, _ = listening.accept()
            connection.recv(65536)
            connection.sendall(head)
            connection.close()

        thread = threading.Thread(target=cut_off)
        thread.start()
        with pytest.raises(Unreachable, match=r"cut off|failed"):
            download(f"http://127.0.0.1:{listening.getsockname()[1]}/", Reach.LOCAL, file)
        thread.join()
