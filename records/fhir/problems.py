"""What a FHIR server can answer in place of a page.

FhirProblem             `verdict`, the portal's own `words` for staff, and how long it asks to be left alone
├── Temporary           ask again later: slow down (429), it failed (5xx), no answer, or one that was cut off
├── TokenRefused        the access token is not good there (any more)
├── QuestionRefused     a simpler question may do
└── Final               asking again brings the same
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from requests import Response

from common.outbound import OutboundError, Redirected, TooLarge, retry_after
from records.verdicts import Verdict
from sources.portal_errors import portal_words

LONGEST_WAIT = timedelta(hours=1)
# Beyond that, the body of an error is a page for people or a dump.
_MAX_EXPLANATION_BYTES = 100_000


class FhirProblem(Exception):
    """The message is in our words; `words` are the portal's: at most 500 characters in one line, never our token."""

    def __init__(
        self, message: str, verdict: Verdict, *, words: str = "", retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.verdict, self.words, self.retry_after = verdict, words, retry_after


class Temporary(FhirProblem):
    pass


class TokenRefused(FhirProblem):
    pass


class QuestionRefused(FhirProblem):
    pass


class Final(FhirProblem):
    pass


_BY_STATUS: dict[int, tuple[type[FhirProblem], Verdict]] = {
    400: (QuestionRefused, Verdict.REFUSED),
    401: (TokenRefused, Verdict.NOT_TAKEN),
    403: (Final, Verdict.NOT_PERMITTED),
    404: (Final, Verdict.NOT_SUPPORTED),
    405: (Final, Verdict.NOT_SUPPORTED),
    408: (Temporary, Verdict.UNREACHABLE),
    410: (Final, Verdict.GONE),
    422: (QuestionRefused, Verdict.REFUSED),
    425: (Temporary, Verdict.UNREACHABLE),
    429: (Temporary, Verdict.RATE_LIMITED),
    501: (Final, Verdict.NOT_SUPPORTED),
}


def of_answer(answer: Response, token: str, now: datetime) -> FhirProblem:
    """The problem that an answer of any status but success is."""
    kind, verdict = _kind(answer)
    wait = retry_after(answer.headers.get("Retry-After", "").strip(), now)
    return kind(
        f"The portal answered {answer.status_code}.",
        verdict,
        words=_explanation(answer.content, token),
        retry_after=None if wait is None else min(wait, LONGEST_WAIT),
    )


def of_exchange(error: OutboundError) -> FhirProblem:
    """The problem that there is no answer, or none that we take."""
    if isinstance(error, TooLarge):
        return Final(str(error), Verdict.TOO_LARGE)
    if isinstance(error, Redirected):
        return Final(str(error), Verdict.ELSEWHERE)
    return Temporary(str(error), Verdict.UNREACHABLE)


def words_of(outcome: object, token: str) -> str:
    """What an OperationOutcome or an OAuth error says, fit to be kept. Empty for anything else."""
    said = list(dict.fromkeys(_said(outcome)))  # several issues often say the same
    text = " ".join(said)
    return portal_words(text.replace(token, "…") if token else text)


def _kind(answer: Response) -> tuple[type[FhirProblem], Verdict]:
    """By status; but RFC 6750's error code counts for more, since servers mix 400, 401 and 403 up."""
    challenge = answer.headers.get("WWW-Authenticate", "")
    if answer.status_code in (400, 401, 403) and "insufficient_scope" in challenge:
        return Final, Verdict.NOT_PERMITTED
    if answer.status_code in (400, 403) and "invalid_token" in challenge:
        return TokenRefused, Verdict.NOT_TAKEN
    fallback = (Temporary, Verdict.PORTAL_FAILED) if answer.status_code >= 500 else (Final, Verdict.REFUSED)
    return _BY_STATUS.get(answer.status_code, fallback)


def _explanation(body: bytes, token: str) -> str:
    if len(body) > _MAX_EXPLANATION_BYTES:
        return ""
    try:
        return words_of(json.loads(body), token)
    except (ValueError, RecursionError):
        return ""


def _said(outcome: object) -> Iterator[str]:
    if not isinstance(outcome, dict):
        return
    issues = outcome.get("issue") if outcome.get("resourceType") == "OperationOutcome" else None
    for issue in issues if isinstance(issues, list) else []:
        yield from _said_of_issue(issue)
    for name in ("error_description", "error"):
        if isinstance(outcome.get(name), str):
            yield outcome[name]
            return


def _said_of_issue(issue: Any) -> Iterator[str]:
    if not isinstance(issue, dict):
        return
    details = issue.get("details")
    for words in (details.get("text") if isinstance(details, dict) else None, issue.get("diagnostics")):
        if isinstance(words, str):
            yield words
