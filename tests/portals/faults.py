"""Answers that are not as they should be."""

import json
from collections.abc import Callable
from dataclasses import replace

from .choices import Choices
from .listener import Answer, Delivery

HUGE = 5_000_000
BROKEN_PAGE = "<!doctype html><html lang='en'><title>Maintenance</title><h1>We will be back soon</h1></html>"


def spoil(fault: str | None, choices: Choices, elsewhere: str, good: Callable[[], Answer]) -> Answer:
    """The good answer, or what the fault makes of it. `good` is called only if its answer is on its way."""
    if fault is None:
        return good()
    instead = _instead(fault, choices, elsewhere)
    return instead or _travelling_badly(fault, good())


def token_error(fault: str, choices: Choices) -> Answer | None:
    """Faults that only a token endpoint shows."""
    error = {"error": choices.token_error}
    described = error | ({"error_description": text} if (text := choices.token_error_description) is not None else {})
    answers = {
        "error_400": Answer.json(described, 400),
        "error_401": Answer.json(described, 401),
        "error_403": Answer.json(described, 403),
        "error_200": Answer.json(described, 200),
        "null_description": Answer.json({**error, "error_description": None}, 400),
        "text_plain": Answer(400, choices.token_error.encode(), {"Content-Type": "text/plain"}),
        "null_token": Answer.json({"access_token": None, "token_type": "Bearer", "expires_in": 3600}),
        "no_token": Answer.json({"token_type": "Bearer", "expires_in": 3600}),
    }
    return answers.get(fault)


def spoil_configuration(fault: str | None, configuration: dict[str, object]) -> dict[str, object]:
    """A smart-configuration that is good JSON and yet wrong."""
    endpoints = ("authorization_endpoint", "token_endpoint")
    changes: dict[str, dict[str, object]] = {
        "http_endpoints": {name: f"http://portal.example/{name}" for name in endpoints},
        "javascript_endpoints": dict.fromkeys(endpoints, "javascript:alert(document.domain)"),
        "no_s256": {"code_challenge_methods_supported": ["plain"]},
    }
    missing = {
        "empty": set(configuration),
        "no_authorization_endpoint": {"authorization_endpoint"},
        "no_token_endpoint": {"token_endpoint"},
        "no_pkce_methods": {"code_challenge_methods_supported"},
    }
    changed = configuration | changes.get(fault or "", {})
    return {name: value for name, value in changed.items() if name not in missing.get(fault or "", set())}


def _instead(fault: str, choices: Choices, elsewhere: str) -> Answer | None:
    answers = {
        "not_found": Answer.json({"message": "not found"}, 404),
        "server_error": Answer.html(BROKEN_PAGE, 500),
        "unavailable": Answer(503, b"busy", {"Content-Type": "text/plain", "Retry-After": choices.retry_after}),
        "html": Answer.html(BROKEN_PAGE),
        "malformed": Answer(200, b'{"access_token": "cut off', {"Content-Type": "application/json"}),
        "array": Answer(200, json.dumps(["not", "an", "object"]).encode(), {"Content-Type": "application/json"}),
        "redirect": Answer.redirect(elsewhere, 307),  # 307, so that who follows sends the body along
    }
    return answers.get(fault)


def _travelling_badly(fault: str, good: Answer) -> Answer:
    if fault == "huge":
        return replace(good, body=good.body + b" " * HUGE)  # still good JSON, for who reads to the end
    deliveries: dict[str, Delivery] = {"drip": "drip", "hang": "hang", "close": "close"}
    return replace(good, delivery=deliveries.get(fault, "whole"))
