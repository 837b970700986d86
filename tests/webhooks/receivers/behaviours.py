"""What receivers do with a connection. Each is called with the line, and the line is cut when it returns."""

import gzip
import zlib

from tests.webhooks.receivers.receiver import Behaviour, Line

HUGE = 10 * 1024 * 1024
METADATA_SERVICE = "http://169.254.169.254/latest/meta-data/"


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a well-formed answer."""
    named = {"Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in named.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""]).encode() + body


def says(raw: bytes) -> Behaviour:
    """Reads the request and says exactly that."""

    def behave(line: Line) -> None:
        line.listen()
        line.say(raw)

    return behave


def answers(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    return says(answer(status, body, **headers))


def redirects(status: int, to: str = METADATA_SERVICE) -> Behaviour:
    return answers(status, b"Moved", Location=to)


def hangs_before_it_reads(line: Line) -> None:
    line.hold()


def hangs_after(said: bytes = b"") -> Behaviour:
    """Reads the request, says that much, and then nothing any more."""

    def behave(line: Line) -> None:
        line.listen()
        line.say(said)
        line.hold()

    return behave


def drips_after(said: bytes) -> Behaviour:
    """Reads the request, says that much at once, and a byte every now and then without an end."""

    def behave(line: Line) -> None:
        line.listen()
        line.say(said)
        while not line.is_over:
            line.drip(b"x" * 100)

    return behave


hangs_in_its_headers = hangs_after(b"HTTP/1.1 200 OK\r\nX-Slow: ")
drips_its_headers = drips_after(b"HTTP/1.1 200 OK\r\nX-Slow: ")
hints_and_hangs = hangs_after(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
continues_and_hangs = hangs_after(b"HTTP/1.1 100 Continue\r\n\r\n")
continues_and_answers = says(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(200, b"fine"))
hints_and_answers = says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(200, b"fine"))


def continues_for_ever(line: Line) -> None:
    line.listen()
    while not line.is_over:
        line.say(b"HTTP/1.1 100 Continue\r\n\r\n")


def has_endless_headers(line: Line) -> None:
    line.listen()
    line.say(b"HTTP/1.1 200 OK\r\n")
    while not line.is_over:
        line.say(b"X-More: and more\r\n" * 1000)


def has_an_endless_body(line: Line) -> None:
    line.listen()
    line.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while not line.is_over:
        line.say(b"x" * 100_000)


def closes_at_once(line: Line) -> None:
    pass


def closes_after_the_request(line: Line) -> None:
    line.listen()


def resets(line: Line) -> None:
    line.listen()
    line.reset()


def bomb(status: int, *, size: int = 20 * 1024 * 1024) -> Behaviour:
    """A small answer that unpacks to a large one."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    zeros = b"0" * 1_000_000
    packed = b"".join(packing.compress(zeros) for _ in range(size // len(zeros))) + packing.flush()
    return answers(status, packed, Content_Encoding="gzip")


def packed(status: int, body: bytes) -> Behaviour:
    return answers(status, gzip.compress(body), Content_Encoding="gzip")
