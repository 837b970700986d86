"""The journey of a patient."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import Max, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import cached_property

from common.ids import new_ulid
from common.statements import Statement, columns_but, relate
from flows import links
from flows.dialects import DIALECTS, PATIENT_SESSION, Dialect
from organizations.models import Organization
from patients.models import Patient
from sources.models import Source, SourceQuerySet

MAX_RECOMMENDED = 20
MIN_LIFETIME, DEFAULT_LIFETIME, MAX_LIFETIME = timedelta(minutes=1), timedelta(minutes=30), timedelta(days=1)


class FlowStatus(models.TextChoices):
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class PatientFlowQuerySet(models.QuerySet["PatientFlow"]):
    def with_token(self, token: str) -> "PatientFlow | None":
        """The flow a link belongs to, whatever its state, with its workspace and patient."""
        if not links.is_token(token):
            return None
        flow: PatientFlow
        for flow, organization, patient, source in _WITH_DIGEST.rows(links.digest(token)):
            relate(flow, organization=organization, patient=patient, source=source)
            return flow
        return None

    def of(self, organization: Organization, flow_id: str) -> "PatientFlow | None":
        """The workspace's flow of this ULID, with its patient."""
        flow: PatientFlow
        for flow, patient in _WITH_ID.rows(flow_id, organization.pk):
            relate(flow, organization=organization, patient=patient)
            return flow
        return None

    def reading(self, status: str, now: datetime) -> "PatientFlowQuerySet":
        """The flows whose status is this one at that moment, whether or not the sweep has written it."""
        match status:
            case FlowStatus.OPEN:
                # The redundant bound lets PostgreSQL stop reading an index by age where no flow can be open any more.
                return self.filter(status=status, expires_at__gt=now, created_at__gt=now - MAX_LIFETIME)
            case FlowStatus.EXPIRED:
                lapsed = Q(status=FlowStatus.EXPIRED) | Q(expires_at__lte=now)
                return self.filter(_NOT_COMPLETE, lapsed)
        return self.filter(status=status)

    def lapsed(self, now: datetime) -> "PatientFlowQuerySet":
        """The flows whose time is over and that nobody has marked expired yet."""
        return self.filter(status=FlowStatus.OPEN, expires_at__lte=now)

    def hold_open(self, flow: "PatientFlow", now: datetime) -> bool:
        """Whether the flow is open; if so, nobody closes it before the caller's transaction has ended."""
        held = self.filter(pk=flow.pk).reading(FlowStatus.OPEN, now).select_for_update(no_key=True)
        return held.values_list("pk").first() is not None

    def close(self, status: str, now: datetime) -> list[str]:
        """Close those of these flows that are open. The ids of the ones that this call closed.

        One conditional UPDATE: of several requests that close a flow at the same instant, one gets its id. Only
        `flows/closing.py` calls it.
        """
        # The array is made once; a subquery might be run again for each row, with other rows for a limit.
        chosen, parameters = self.values("pk").query.sql_with_params()
        completed_at = now if status == FlowStatus.COMPLETE else None
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {PatientFlow._meta.db_table} SET status = %s, completed_at = %s"  # noqa: S608  all of it is ours
                f" WHERE id = ANY(ARRAY({chosen})) AND status = %s RETURNING id",
                [status, completed_at, *parameters, FlowStatus.OPEN],
            )
            return [flow_id for (flow_id,) in cursor.fetchall()]


# As an index has it: PostgreSQL uses a partial index where a query repeats its condition.
_NOT_COMPLETE = ~Q(status="complete")


class PatientFlow(models.Model):
    """The journey of one patient through the browser, from the app and back to it."""

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    # Foreign keys and the digest have their indexes below: Django's own come in pairs, and every flow pays for each.
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="flows", db_index=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="flows", db_index=False)
    dialect_name = models.CharField(max_length=20, choices=[(name, name) for name in DIALECTS])
    source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Set: direct mode.",
    )
    recommended_source_ids = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    return_url = models.TextField()
    return_button_label = models.CharField(max_length=60, null=True, blank=True)
    status = models.CharField(max_length=10, choices=FlowStatus, default=FlowStatus.OPEN)
    metadata = models.JSONField(default=dict, blank=True)
    link_digest = models.CharField(max_length=64, editable=False)
    expires_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PatientFlowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["link_digest"], name="flows_flow_link_digest_unique"),
            models.CheckConstraint(
                condition=Q(status="complete") ^ Q(completed_at=None), name="flows_flow_complete_has_time"
            ),
            models.CheckConstraint(
                condition=Q(source=None) | Q(recommended_source_ids=[]), name="flows_flow_direct_or_recommended"
            ),
            models.CheckConstraint(condition=Q(dialect_name__in=list(DIALECTS)), name="flows_flow_dialect_known"),
        ]
        indexes = [
            # A patient's flows, newest first: all of them (the open ones are its first day), and those that a status
            # asks for. The patient that developers test with has very many.
            models.Index(fields=["patient", "-created_at", "-id"], name="flows_flow_newest"),
            models.Index(
                fields=["patient", "-created_at", "-id"],
                condition=Q(status="complete"),
                name="flows_flow_newest_complete",
            ),
            models.Index(
                fields=["patient", "-created_at", "-id"], condition=_NOT_COMPLETE, name="flows_flow_newest_others"
            ),
            models.Index(
                fields=["patient", "-created_at", "-id"], condition=Q(status="open"), name="flows_flow_newest_open"
            ),
            models.Index(fields=["organization", "-id"], name="flows_flow_by_organization"),
            models.Index(fields=["source"], condition=Q(source__isnull=False), name="flows_flow_by_source"),
            models.Index(fields=["expires_at"], condition=Q(status="open"), name="flows_flow_open_by_expiry"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.dialect_name]

    @property
    def public_id(self) -> str:
        return self.dialect.public_id(self.id)

    @property
    def session_id(self) -> str:
        """The id that every return URL carries, whatever dialect made the flow."""
        return PATIENT_SESSION.public_id(self.id)

    @cached_property
    def link_token(self) -> str:
        """The secret of its link. A page with results names it in each of them."""
        return links.token_with_digest(self.id, self.link_digest)

    @property
    def url(self) -> str:
        """The patient's link. Whoever has it can act for the patient until it closes."""
        return f"{settings.BASE_URL}/c/{self.link_token}"

    @property
    def is_direct(self) -> bool:
        return self.source_id is not None

    def status_at(self, now: datetime) -> str:
        """The status as of `now`: a lapsed flow reads expired before any sweep touched it."""
        if self.status == FlowStatus.OPEN and self.expires_at <= now:
            return FlowStatus.EXPIRED
        return self.status

    def is_open(self, now: datetime) -> bool:
        return self.status_at(now) == FlowStatus.OPEN

    def sources_used_before(self) -> SourceQuerySet:
        """What the patient signed in to or tried to, in any flow, and may again; each once, the latest first."""
        used = Source.objects.offered_to(self.organization).filter(connections__patient=self.patient)
        last = Max(Coalesce("connections__connected_at", "connections__created_at"))
        return used.annotate(last_used_at=last).order_by("-last_used_at", "id")


_PATIENT = ("id", "organization_id", "reference")
# Apps ask for it again and again while a patient is away.
_WITH_ID = Statement(
    "SELECT {columns} FROM {flow} JOIN {patient} ON patient.id = flow.patient_id"
    " WHERE flow.id = %s AND flow.organization_id = %s",
    flow=(PatientFlow, None),
    patient=(Patient, _PATIENT),
)
# Every page of a patient begins with it, and every keystroke of a search. Only whole pages show a logo.
_WITH_DIGEST = Statement(
    "SELECT {columns} FROM {flow} JOIN {organization} ON organization.id = flow.organization_id"
    " JOIN {patient} ON patient.id = flow.patient_id LEFT JOIN {source} ON source.id = flow.source_id"
    " WHERE flow.link_digest = %s",
    flow=(PatientFlow, None),
    organization=(Organization, columns_but(Organization, "logo")),
    patient=(Patient, _PATIENT),
    source=(Source, None),
)
