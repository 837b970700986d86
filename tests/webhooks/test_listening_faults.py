"""`webhooks_listen` says in clear words what is wrong with a server, and misses nothing by it."""

import json
import threading
from collections.abc import Callable

import pytest

from tests.webhooks.receivers import Line, Receiver
from tests.webhooks.receivers.behaviours import answer
from tests.webhooks.screens import BEGUN
from webhooks import listening
from webhooks.following import Feed
from webhooks.listening import Listener


def page(*ids: str, cursor: str = "there") -> bytes:
    """A page of the feed, newest first."""
    events = [
        {"id": id_, "type": "patient.deleted", "api_version": "2026-04-25", "created_at": "now", "data": {"object": {}}}
        for id_ in ids
    ]
    return answer(200, json.dumps({"data": events, "previous_cursor": cursor}).encode())


@pytest.fixture
def feed_of(monkeypatch) -> Callable[..., tuple[list[str], list[str]]]:
    """What is printed, and what was asked for, while a server answers this, one after the other."""
    monkeypatch.setattr(listening, "FAULT_WAITS", [0.0])
    monkeypatch.setattr(listening, "POLL_SECONDS", 0.0)

    def follow(*said: bytes, until: str) -> tuple[list[str], list[str]]:
        left, lines, stopping = list(said), list[str](), threading.Event()

        def behave(line: Line) -> None:
            line.listen()
            line.say(left.pop(0))

        def say(line: str) -> None:
            lines.append(line)
            if until in line:
                stopping.set()

        with Receiver(behave) as server, Feed(server.url, "key") as feed:
            Listener(feed, None, frozenset(), say).run(stopping)
        return lines, [heard.target for heard in server.heard]

    return follow


ENVELOPE = json.dumps({"error": {"code": "throttled", "message": "Too many requests."}}).encode()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (answer(429, ENVELOPE), "The server answered 429: Too many requests. Asking again in 0 s."),
        (answer(503), "The server answered 503. Asking again in 0 s."),
        (answer(502, b"<html>"), "The server answered 502. Asking again in 0 s."),
        (answer(404, b'{"error": []}'), "The server answered 404. Asking again in 0 s."),
        (answer(302, Location="/elsewhere"), "The server answered with a redirect (status 302). Asking again in 0 s."),
        (answer(200, b"<html>"), "does not answer with a feed of events. Asking again in 0 s."),
        (answer(200, b"[]"), "does not answer with a feed of events. Asking again in 0 s."),
        (answer(200, b'{"data": [1], "previous_cursor": "x"}'), "does not answer with a feed of events."),
        (b"", "The connection to 127.0.0.1 failed"),
        (b"good day\r\n", "The connection to 127.0.0.1 failed"),
    ],
    ids=["429", "503", "502", "404", "redirect", "no JSON", "no page", "no events", "nothing", "no HTTP"],
)
def test_a_feed_with_a_fault_is_told_of_and_nothing_is_missed(feed_of, fault, words):
    lines, targets = feed_of(page("evt_0", cursor="a"), fault, fault, page("evt_2", "evt_1"), until="evt_2")

    assert lines[0] == BEGUN
    assert all(words in line for line in lines[1:3])
    assert lines[3:] == [BEGUN, "patient.deleted                  evt_1", "patient.deleted                  evt_2"]
    assert [target.partition("?")[2] for target in targets] == [
        "limit=1", *["limit=100&ending_before=a"] * 3,
    ]  # fmt: skip


def test_a_server_that_is_not_up_yet_is_waited_for(feed_of):
    lines, _ = feed_of(answer(503), answer(502), page(), until=BEGUN)

    assert lines == [f"The server answered {status}. Asking again in 0 s." for status in (503, 502)] + [BEGUN]


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), ("999999999999", 3600), ("soon", 0), ("-3", 0)])
def test_it_waits_as_long_as_the_server_asks_for_within_reason(feed_of, asked, seconds):
    lines, _ = feed_of(answer(503, Retry_After=asked), until="503")

    assert lines == [f"The server answered 503. Asking again in {seconds} s."]


def test_a_feed_that_was_put_back_is_followed_from_its_present_end(feed_of):
    refused = answer(400, b'{"error": {"message": "The feed was put back since."}}')

    lines, targets = feed_of(page(), refused, page("evt_1", cursor="b"), page("evt_2"), until="evt_2")

    assert "what happened meanwhile was not seen" in lines[1]
    assert lines[2:] == [BEGUN, "patient.deleted                  evt_2"]
    assert [target.partition("?")[2] for target in targets][2:] == ["limit=1", "limit=100&ending_before=b"]
