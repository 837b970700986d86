"""What staff see first: how the last day and week went, and what waits now. Five queries, kept for a minute."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache
from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from common.ids import first_ulid_at
from flows.models import Authorization, FlowStatus, Outcome, PatientFlow
from flows.sign_in_trail import FLOW_TONES, NOT_FAILED, outcome_tone
from records.admin_words import STATUS_TONES
from records.models import Pull, PullStatus
from sources.models import Source
from webhooks.admin_health import overview, up_to

DAY, WEEK = timedelta(days=1), timedelta(days=7)
KEPT_SECONDS = 60
SHOWN_SOURCES = 10


@dataclass(frozen=True)
class Row:
    """One line of a table: how many there were, and where they are listed."""

    label: str
    tone: str
    day: int
    week: int
    day_url: str
    week_url: str


@dataclass(frozen=True)
class Number:
    """How many there are now, and where they are listed."""

    label: str
    tone: str
    number: str
    url: str


@dataclass(frozen=True)
class Dashboard:
    flows: list[Row]
    sign_ins: list[Row]
    failures: list[Row]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The index page's context, with what this member of staff may see of flows, pulls and webhooks."""
    may = request.user.has_perm
    if may("flows.view_patientflow") and may("flows.view_authorization"):
        context["dashboard"] = cache.get_or_set("admin-dashboard", lambda: _dashboard(timezone.now()), KEPT_SECONDS)
    if may("records.view_pull"):
        context["pulls"] = cache.get_or_set("admin-dashboard-pulls", lambda: _pulls(timezone.now()), KEPT_SECONDS)
    if may("webhooks.view_endpoint") and may("webhooks.view_delivery"):
        context["webhooks"] = cache.get_or_set("admin-dashboard-webhooks", _webhooks, KEPT_SECONDS)
    return context


def _dashboard(now: datetime) -> Dashboard:
    return Dashboard(flows=_flows(now), sign_ins=_sign_ins(now), failures=_failures(now))


def _flows(now: datetime) -> list[Row]:
    as_of_now = Case(
        When(status=FlowStatus.OPEN, expires_at__lte=now, then=Value(FlowStatus.EXPIRED)), default=F("status")
    )
    counts = _counts(PatientFlow.objects.annotate(group=as_of_now), now)
    address = reverse("admin:flows_patientflow_changelist")
    return [
        _row(str(status.label), FLOW_TONES[status], counts.get(status, (0, 0)), now, address, {"status": status.value})
        for status in FlowStatus
    ]


def _sign_ins(now: datetime) -> list[Row]:
    counts = _counts(Authorization.objects.annotate(group=F("outcome")), now)
    address = reverse("admin:flows_authorization_changelist")
    return [
        _row(
            str(outcome.label),
            outcome_tone(outcome),
            counts[outcome],
            now,
            address,
            {"outcome__exact": outcome.value},
        )
        for outcome in Outcome
        if outcome in counts
    ]


def _pulls(now: datetime) -> list[Row]:
    counts = _counts(Pull.objects.annotate(group=F("status")), now)
    address = reverse("admin:records_pull_changelist")
    return [
        _row(
            str(status.label).capitalize(),
            STATUS_TONES[status],
            counts.get(status, (0, 0)),
            now,
            address,
            {"status__exact": status.value},
            began="requested_at",
        )
        for status in PullStatus
    ]


def _webhooks() -> list[Number]:
    counted = overview()
    endpoints, deliveries = reverse("admin:webhooks_endpoint_changelist"), reverse("admin:webhooks_delivery_changelist")
    return [
        Number("Failing endpoints", "warning", up_to(counted.failing), f"{endpoints}?state=failing"),
        Number("Endpoints disabled by failures", "danger", up_to(counted.given_up), f"{endpoints}?state=given_up"),
        Number("Events on their way", "info", up_to(counted.waiting), f"{deliveries}?progress=waiting"),
        Number("Events held", "warning", up_to(counted.held), f"{deliveries}?progress=held"),
    ]


def _failures(now: datetime) -> list[Row]:
    failed = Authorization.objects.exclude(outcome__in=NOT_FAILED).annotate(group=F("source_id"))
    counts = _counts(failed, now, SHOWN_SOURCES)
    sources = Source.objects.in_bulk(list(counts))
    address = reverse("admin:flows_authorization_changelist")
    return [
        _row(sources[pk].name, "danger", count, now, address, {"source__id__exact": pk, "failed": "yes"})
        for pk, count in counts.items()
    ]


def _counts(rows: QuerySet[Any], now: datetime, at_most: int = 50) -> dict[str, tuple[int, int]]:
    """How many of each group began in the last day and week, the most frequent first."""
    counted = (
        rows.filter(pk__gte=first_ulid_at(now - WEEK))
        .values("group")
        .annotate(week=Count("pk"), day=Count("pk", filter=Q(pk__gte=first_ulid_at(now - DAY))))
        .order_by("-week", "group")[:at_most]
    )
    return {row["group"]: (row["day"], row["week"]) for row in counted}


def _row(
    label: str,
    tone: str,
    counts: tuple[int, int],
    now: datetime,
    address: str,
    filters: dict[str, str],
    began: str = "created_at",
) -> Row:
    return Row(
        label=label,
        tone=tone,
        day=counts[0],
        week=counts[1],
        day_url=f"{address}?{urlencode(filters | _since(began, now - DAY))}",
        week_url=f"{address}?{urlencode(filters | _since(began, now - WEEK))}",
    )


def _since(began: str, moment: datetime) -> dict[str, str]:
    return {f"{began}_from_0": f"{moment:%Y-%m-%d}", f"{began}_from_1": f"{moment:%H:%M:%S}"}
