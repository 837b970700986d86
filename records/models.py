"""Records of patients, and how they were pulled from their sources."""

from django.db import models
from django.db.models import Q

from common.ids import new_ulid
from patients.models import Connection, Patient
from records.verdicts import Verdict
from sources.models import Source

MAX_ID_LENGTH = 256


class PullKind(models.TextChoices):
    FIRST = "first", "after connecting"
    RECONNECTED = "reconnected", "after signing in again"
    SCHEDULED = "scheduled", "on schedule"
    MANUAL = "manual", "by hand"


class PullStatus(models.TextChoices):
    WAITING = "waiting", "waiting"
    RUNNING = "running", "running"
    COMPLETED = "completed", "completed"
    FAILED = "failed", "failed"


OPEN = (PullStatus.WAITING, PullStatus.RUNNING)


class Pull(models.Model):
    """One time of bringing the records of a connection here. The row is the truth, its job only an alarm clock.

    An open pull has a `wake_at`: at that moment at the latest somebody goes on with it. Whoever works on it moves that
    ahead page by page, so that one whose worker died is found.
    """

    id = models.CharField(max_length=26, primary_key=True, default=new_ulid, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="pulls", db_index=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=PullKind)
    status = models.CharField(max_length=20, choices=PullStatus, default=PullStatus.WAITING)
    is_whole = models.BooleanField(default=True, help_text="Everything was asked for, not only what changed.")
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True)
    turn = models.PositiveIntegerField(default=0, help_text="Raised by whoever takes it up: others then leave it.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="How often in a row the portal was not there.")
    problem = models.CharField(max_length=500, blank=True, help_text="Why it failed, or what it waits for.")
    received = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    faults = models.PositiveIntegerField(default=0, help_text="Parts that are not, or not completely, here.")

    # References that whoever has the turn has noted already; most pages refer to the same few.
    noted: set[tuple[str, str]]
    # The step that was not answered last, and how many in a row had no token taken; since the last answer.
    unanswered: int | None
    not_taken: int

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection"], condition=Q(status__in=OPEN), name="records_pull_one_open_per_connection"
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN, wake_at__isnull=False, ended_at=None)
                | (~Q(status__in=OPEN) & Q(wake_at=None, ended_at__isnull=False)),
                name="records_pull_open_wakes_up",
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "-id"], name="records_pull_newest"),
            models.Index(fields=["wake_at"], condition=Q(wake_at__isnull=False), name="records_pull_by_wake"),
            models.Index(
                fields=["source", "wake_at"], condition=Q(status__in=OPEN), name="records_pull_open_at_source"
            ),
            models.Index(fields=["status", "-id"], name="records_pull_by_status"),
            # Staff look for the others among all that come on schedule.
            models.Index(fields=["kind", "-id"], condition=~Q(kind="scheduled"), name="records_pull_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.requested_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class StepStatus(models.TextChoices):
    WAITING = "waiting", "to do"
    DONE = "done", "complete"
    PARTLY = "partly", "partly here"
    FAILED = "failed", "not here"
    SKIPPED = "skipped", "not asked"


class PullStep(models.Model):
    """One question of a pull, page by page: resources of one type, or those of it that others referred to.

    `next_url` is the page to go on with, after so many `pages`; it is forgotten once the step has ended.
    """

    pull = models.ForeignKey(Pull, on_delete=models.CASCADE, related_name="steps", db_index=False)
    position = models.PositiveSmallIntegerField()
    resource_type = models.CharField(max_length=64)
    parameters = models.CharField(max_length=300, blank=True, help_text="Beside the patient: category=laboratory")
    follows_references = models.BooleanField(default=False, help_text="Reads what other resources referred to.")
    retreat = models.PositiveSmallIntegerField(default=0, help_text="How much simpler the portal wanted the question.")
    changed_since = models.DateTimeField(null=True, blank=True, help_text="Asked only for what changed after it.")
    status = models.CharField(max_length=20, choices=StepStatus, default=StepStatus.WAITING)
    next_url = models.TextField(blank=True)
    mark = models.CharField(max_length=64, blank=True, help_text="Digest of an earlier page's address: see loops.")
    pages = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row, of the page at hand.")
    retry_at = models.DateTimeField(null=True, blank=True)
    received = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unusable = models.PositiveIntegerField(default=0, help_text="Resources that could not be kept.")
    verdict = models.CharField(max_length=20, choices=Verdict, blank=True)
    portal_words = models.CharField(max_length=500, blank=True, help_text="The portal's own; for staff.")
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["pull", "position"], name="records_pullstep_position_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.resource_type}?{self.parameters}" if self.parameters else self.resource_type


class Reference(models.Model):
    """A resource that others refer to, for as long as a pull is open."""

    pull = models.ForeignKey(Pull, on_delete=models.CASCADE, related_name="references", db_index=False)
    resource_type = models.CharField(max_length=64)
    resource_id = models.CharField(max_length=MAX_ID_LENGTH)
    is_read = models.BooleanField(default=False, help_text="Or found not to be had. Not to be read again.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pull", "resource_type", "resource_id"], name="records_reference_once_in_a_pull"
            )
        ]

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.resource_id}"


class Record(models.Model):
    """The latest version of one FHIR resource of a patient, as a source gave it: unique by source, type and id.

    `body_hash` is SHA-256 over the body as PostgreSQL writes it: what did not change is not written again.
    """

    # The indexes below begin with these; each more is one more to write for each resource.
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="records", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="records", db_index=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    resource_type = models.CharField(max_length=64)
    resource_id = models.CharField(max_length=MAX_ID_LENGTH)
    body = models.JSONField()
    body_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(help_text="When we last got another version.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "source", "resource_id", "resource_type"], name="records_record_unique"
            )
        ]
        indexes = [
            # By the order in which they first came, which never changes: pages neither skip nor repeat.
            models.Index(fields=["patient", "-id"], name="records_record_newest"),
            models.Index(fields=["patient", "resource_type", "-id"], name="records_record_by_type"),
            models.Index(fields=["patient", "-updated_at"], name="records_record_by_change"),
            models.Index(fields=["connection", "resource_type"], name="records_record_by_connection"),
        ]

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.resource_id}"


class Pause(models.Model):
    """A source asked everybody to wait (`Retry-After`): no pull asks it before `until`."""

    source = models.OneToOneField(Source, on_delete=models.CASCADE, primary_key=True, related_name="+")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source_id} until {self.until:%H:%M:%S}"
