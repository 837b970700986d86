"""The trail of sign-ins as staff read it: newest sign-in first, its events in order."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.safestring import SafeString

from common.admin_html import badge
from flows.models import Authorization, AuthorizationEvent, EventKind, FlowStatus, Outcome, PatientFlow
from patients.failures import STAFF_WORDS

SHOWN_SIGN_INS = 25
SHOWN_EVENTS = 50
NOT_FAILED = [Outcome.PENDING, Outcome.CONNECTED, Outcome.ABANDONED]
# What a page could only give away.
NEVER_LOADED = ("state_digest", "browser_digest", "verifier", "flow__link_digest")
WAITING = "The patient is at the portal, or has not come back yet."
ABANDONED = "The patient left for the portal and nobody came back."
FLOW_TONES = {FlowStatus.OPEN: "info", FlowStatus.COMPLETE: "success", FlowStatus.EXPIRED: "neutral"}
KIND_TONES = {
    EventKind.REFUSED: "danger",
    EventKind.CONNECTED: "success",
    EventKind.DENIED: "warning",
    EventKind.FAILED: "danger",
    EventKind.ABANDONED: "warning",
}


@dataclass(frozen=True)
class Step:
    """One event. The portal's words are hostile text: a template escapes them."""

    event: AuthorizationEvent
    what: str
    tone: str
    seconds: float

    @property
    def in_our_words(self) -> bool:
        """Whether the description is ours, of what we saw, and not something the portal said."""
        return self.event.portal_code in ("", "iss_mismatch", "iss_missing")


@dataclass(frozen=True)
class SignIn:
    authorization: Authorization
    tone: str
    in_words: str
    steps: list[Step]


def flow_badge(flow: PatientFlow) -> SafeString:
    status = FlowStatus(flow.status_at(timezone.now()))
    return badge(FLOW_TONES[status], status.label)


def outcome_tone(outcome: str) -> str:
    tones = {
        Outcome.CONNECTED: "success",
        Outcome.PENDING: "info",
        Outcome.ABANDONED: "warning",
        Outcome.USER_DENIED: "warning",
    }
    return tones.get(Outcome(outcome), "danger")


def outcome_in_words(outcome: str) -> str:
    """What came of a sign-in, in one sentence."""
    words = {
        Outcome.CONNECTED: "The patient is connected.",
        Outcome.PENDING: WAITING,
        Outcome.ABANDONED: ABANDONED,
    }
    return words.get(Outcome(outcome)) or STAFF_WORDS.get(outcome, outcome)


def sign_ins(authorizations: QuerySet[Authorization]) -> list[SignIn]:
    """The newest of the given sign-ins with their events, in two queries."""
    newest = (
        authorizations.select_related("source", "flow")
        .defer(*NEVER_LOADED)
        .prefetch_related(Prefetch("events", AuthorizationEvent.objects.order_by("at", "id")))
        .order_by("-id")
    )
    return [_sign_in(authorization) for authorization in newest[:SHOWN_SIGN_INS]]


def _sign_in(authorization: Authorization) -> SignIn:
    events = list(authorization.events.all())
    shown = events[:SHOWN_EVENTS]
    return SignIn(
        authorization=authorization,
        tone=outcome_tone(authorization.outcome),
        in_words=outcome_in_words(authorization.outcome),
        steps=[_step(event, shown[0].at) for event in shown],
    )


def _step(event: AuthorizationEvent, began_at: datetime) -> Step:
    return Step(
        event=event,
        what=event.get_kind_display(),
        tone=KIND_TONES.get(EventKind(event.kind), "neutral"),
        seconds=(event.at - began_at).total_seconds(),
    )
