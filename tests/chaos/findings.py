"""What is there after the kills, beside what a quiet pull of the same chart brought."""

import hashlib
import uuid
from dataclasses import dataclass, field
from itertools import pairwise

from django.db.models import Sum
from oauth2_provider.models import RefreshToken
from procrastinate.contrib.django.models import ProcrastinateJob

from patients.models import Connection, ConnectionStatus, RenewalOutcome
from records.models import Pull, PullStatus, PullStep, Record
from sandbox.people import find_user
from sandbox.synthetic.chart import chart_of
from sandbox.systems import find_system

GIVEN = "given"
INTERRUPTED, REJECTED, RENEWED = RenewalOutcome.INTERRUPTED, RenewalOutcome.REJECTED, RenewalOutcome.RENEWED


@dataclass
class Subject:
    """A connection under fire, the same chart's that nobody disturbed, and all the refresh tokens of its sign-in."""

    connection: Connection
    quiet: Connection
    family: uuid.UUID = field(init=False)

    def __post_init__(self) -> None:
        self.family = _family_of(self.connection)

    @property
    def name(self) -> str:
        return str(self.connection.patient)

    def is_alive(self) -> bool:
        self.connection.refresh_from_db()
        return self.connection.status == ConnectionStatus.ACTIVE

    def trail(self) -> list[str]:
        return list(self.connection.renewals.order_by("pk").values_list("outcome", flat=True))

    def lost_answers(self) -> int:
        """How many answers of the portal's were given and never stored. Its own books say when it gave one."""
        tokens = RefreshToken.objects.filter(token_family=self.family).order_by("created", "pk")
        given = [(created, GIVEN) for created in tokens.values_list("created", flat=True)[1:]]  # after the code's
        lines = sorted(given + list(self.connection.renewals.values_list("at", "outcome")))
        return sum(pair == (GIVEN, INTERRUPTED) for pair in pairwise(line for _, line in lines))


def _family_of(connection: Connection) -> uuid.UUID:
    checksum = hashlib.sha256((connection.refresh_token or "").encode()).hexdigest()
    return RefreshToken.objects.get(token_checksum=checksum).token_family


def check_quiet(connection: Connection, portal: str, username: str, left_out: list[str]) -> None:
    """What the others are compared with is all that the portal has of a record, by the portal's own books.

    All but the types that nobody asked for.
    """
    system, user = find_system(portal), find_user(username)
    assert system
    assert user
    chart = chart_of(system, user.charts[0])
    here = {(kind, name) for kind, name, _ in _bodies(connection)}
    asked = {kind: resources for kind, resources in chart.by_type.items() if kind not in left_out}
    there = {(kind, each["id"]) for kind, resources in asked.items() for each in resources}
    # A Medication cannot be searched for: one that no resource refers to is not to be found.
    assert here <= there
    assert {kind for kind, _ in there - here} <= {"Medication"}


def check_records(subject: Subject) -> None:
    """Every resource once, with the body that the quiet pull brought; counted once, too."""
    mine, quiet = _bodies(subject.connection), _bodies(subject.quiet)
    assert len(mine) == len(set(mine)), subject.name
    assert set(mine) == set(quiet), subject.name
    assert subject.connection.records_count == len(quiet)
    added = Pull.objects.filter(connection=subject.connection).aggregate(Sum("added"), Sum("changed"))
    assert added == {"added__sum": len(quiet), "changed__sum": 0}, subject.name


def check_pulls(subject: Subject) -> None:
    """Every pull has asked what the quiet one asked, with the same pages and counts.

    Of a connection that ended this holds since the patient signed in again.
    """
    first = Pull.objects.get(connection=subject.quiet)
    pulls = Pull.objects.filter(connection=subject.connection, requested_at__gte=subject.connection.connected_at)
    assert pulls.exists(), subject.name
    for pull in pulls:
        assert pull.status == PullStatus.COMPLETED, (subject.name, pull.problem)
        assert (pull.received, pull.faults) == (first.received, first.faults), subject.name
        assert _answers(pull) == _answers(first), subject.name


def check_renewals(subject: Subject) -> None:
    """The trail and the portal's books agree. Only an answer that was lost may have ended the access."""
    trail = subject.trail()
    assert set(trail) <= {RENEWED, INTERRUPTED, REJECTED}, (subject.name, trail)
    assert trail.count(INTERRUPTED) >= subject.lost_answers() >= 0, subject.name
    if subject.is_alive():
        assert REJECTED not in trail
        assert RefreshToken.objects.filter(token_family=subject.family, revoked=None).exists()
        assert subject.connection.spending_since is None
    else:
        assert trail[-2:] == [INTERRUPTED, REJECTED], (subject.name, trail)
        assert subject.lost_answers() == 1, subject.name


def check_jobs() -> None:
    """No job is left with a worker that is dead, and none has failed."""
    left = ProcrastinateJob.objects.exclude(status__in=["succeeded", "aborted", "todo"])
    assert list(left.values_list("task_name", "status")) == []
    assert not ProcrastinateJob.objects.filter(task_name="records.tasks.pull", status="todo").exists()


def pages_of(subjects: list[Subject]) -> int:
    steps = PullStep.objects.filter(pull__connection__in=[subject.connection for subject in subjects])
    return steps.aggregate(Sum("pages"))["pages__sum"] or 0


def _bodies(connection: Connection) -> list[tuple[str, str, bytes]]:
    rows = Record.objects.filter(connection=connection).values_list("resource_type", "resource_id", "body_hash")
    return [(kind, name, bytes(digest)) for kind, name, digest in rows]


def _answers(pull: Pull) -> list[tuple[object, ...]]:
    steps = pull.steps.values_list(
        "resource_type", "parameters", "retreat", "status", "pages", "received", "unusable", "verdict"
    )
    return sorted(steps)
