"""What becomes of a pull's rows. Whoever works on a pull has its `turn`: once another took it up, nothing is written.

Each step forward is one transaction that holds the patient: what came, how far the step is, and the pull's totals.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import F, QuerySet

from patients.holding import holding
from records.fhir import FhirProblem, Page
from records.models import OPEN, Pause, Pull, PullStatus, PullStep, Record, Reference, StepStatus
from records.operations import enqueue
from records.plans import Question
from records.storing import store
from records.verdicts import Verdict

# Longer than one exchange with a portal may take: after it, whoever had the turn is believed dead.
LEASE = timedelta(seconds=90)
# So many pulls at the same source at once, over all workers. Each asks one thing at a time.
AT_ONCE_PER_SOURCE = 4
# A record that refers to more than that is not a person's.
MAX_REFERENCES = 5_000


class TakenOver(Exception):
    """Somebody else goes on with this pull, or it has ended."""


def claim(pull_id: str, now: datetime) -> Pull | None:
    """Take up an open pull whose time has come.

    None where there is nothing to do, where somebody is at it, and where as many are at its source as may be, or come
    first: then whoever leaves wakes it up.
    """
    due = Pull.objects.filter(pk=pull_id, status__in=OPEN, wake_at__lte=now)
    source_id = due.values_list("source_id", flat=True).first()
    if source_id is None:
        return None
    with transaction.atomic(), database.cursor() as cursor:
        # One after the other, so that they can be counted.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"records.pull.{source_id}"])
        if _before(due.values_list("wake_at", flat=True).first(), source_id, now) >= _room(source_id, now):
            wake_next(source_id, now)
            return None
        if not due.update(status=PullStatus.RUNNING, turn=F("turn") + 1, wake_at=now + LEASE, problem=""):
            return None
    pull = Pull.objects.select_related("connection__source", "connection__patient__organization").get(pk=pull_id)
    pull.noted, pull.unanswered, pull.not_taken = set(), None, 0
    if pull.started_at is None:
        pull.started_at = now
        _mine(pull).update(started_at=now)
    return pull


@contextmanager
def advancing(pull: Pull, now: datetime) -> Iterator[dict[str, Any]]:
    """A transaction that holds the patient, and at its end the turn. What to change of the pull goes into the dict.

    Raises TakenOver or PatientErased, with nothing written.
    """
    changes: dict[str, Any] = {"wake_at": now + LEASE}
    with holding(pull.connection.patient_id):
        yield changes
        if not _mine(pull).update(**changes):
            raise TakenOver


def plan(pull: Pull, questions: Iterable[Question], since: dict[tuple[str, str], datetime], now: datetime) -> None:
    """Write the steps of a pull down. `since` has from when changes are enough, by type and parameters."""
    pull.is_whole = not since
    with advancing(pull, now) as changes:
        changes["is_whole"] = pull.is_whole
        PullStep.objects.bulk_create(
            [
                PullStep(
                    pull=pull,
                    position=position,
                    resource_type=question.resource_type,
                    parameters=question.parameters,
                    retreat=question.retreat,
                    follows_references=question.follows_references,
                    changed_since=since.get((question.resource_type, question.parameters)),
                    status=StepStatus.SKIPPED if question.skipped else StepStatus.WAITING,
                    verdict=question.skipped or "",
                )
                for position, question in enumerate(questions)
            ]
        )


def keep_page(pull: Pull, step: PullStep, page: Page, now: datetime) -> None:
    """Store a page and move the step behind it: to the next page, or to its end. `step` is as stored afterwards."""
    with advancing(pull, now) as changes:
        changes |= _kept(pull, step, page, now)
        step.started_at = step.started_at or now
        step.failures, step.retry_at = 0, None
        changes["failures"] = pull.failures = 0
        pull.unanswered, pull.not_taken = None, 0
        step.next_url = page.next_url or ""
        step.portal_words = page.words or step.portal_words
        step.verdict = page.problem or step.verdict
        _note_loop(step)
        if not step.next_url:
            _end(step, now)
        step.save()


def keep_referred(pull: Pull, step: PullStep, reference: Reference, page: Page | None, now: datetime) -> None:
    """Store a resource that others refer to, or note that it is not to be had."""
    with advancing(pull, now) as changes:
        step.failures = step.failures + 1 if page is None else 0  # refusals in a row
        if page is None:
            step.unusable += 1
        else:
            changes |= _kept(pull, step, page, now)
        step.started_at = step.started_at or now
        step.retry_at = None
        Reference.objects.filter(pk=reference.pk).update(is_read=True)
        step.save()


def end_step(pull: Pull, step: PullStep, verdict: Verdict | None, words: str, now: datetime) -> None:
    """The step goes no further. What came before stays."""
    with advancing(pull, now):
        step.verdict = verdict or step.verdict
        step.portal_words = words or step.portal_words
        _end(step, now)
        step.save()


def replace_step(pull: Pull, step: PullStep, others: list[Question], now: datetime) -> None:
    """Ask the same in other words: the first takes the step's place, further ones come at the end."""
    with advancing(pull, now):
        first, *further = others
        step.retreat, step.parameters = first.retreat, first.parameters
        step.failures, step.retry_at = 0, None
        step.save()
        last = PullStep.objects.filter(pull=pull).order_by("-position").values_list("position", flat=True)[0]
        PullStep.objects.bulk_create(
            PullStep(
                pull=pull,
                position=last + offset,
                resource_type=each.resource_type,
                parameters=each.parameters,
                retreat=each.retreat,
                changed_since=step.changed_since,
            )
            for offset, each in enumerate(further, 1)
        )


def postpone_step(pull: Pull, step: PullStep, problem: FhirProblem, until: datetime, now: datetime) -> None:
    """The page at hand is asked for again at `until`."""
    with advancing(pull, now):
        step.failures += 1
        step.retry_at = until
        step.portal_words = problem.words
        step.save()


def pause_source(pull: Pull, until: datetime) -> None:
    """Nobody asks this source before `until`. One pause does not shorten another."""
    Pause.objects.bulk_create([Pause(source_id=pull.connection.source_id, until=until)], ignore_conflicts=True)
    Pause.objects.filter(source_id=pull.connection.source_id, until__lt=until).update(until=until)


def paused_until(pull: Pull, now: datetime) -> datetime | None:
    """When the source may be asked again, if it asked everybody to wait."""
    pauses = Pause.objects.filter(source_id=pull.connection.source_id, until__gt=now)
    return pauses.values_list("until", flat=True).first()


def sleep(pull: Pull, until: datetime, problem: str) -> None:
    """Give the turn back; somebody goes on at `until`. `problem` says what it waits for, in words for staff."""
    with holding(pull.connection.patient_id):
        if not _mine(pull).update(status=PullStatus.WAITING, wake_at=until, problem=problem[:500]):
            raise TakenOver
        enqueue(pull.pk, pull.connection.patient_id, until)


def note_silence(pull: Pull, now: datetime) -> None:
    """The portal is not there at all, for so many times in a row."""
    with advancing(pull, now) as changes:
        changes["failures"] = pull.failures + 1


def wake_next(source_id: str, now: datetime) -> None:
    """Where there is room at this source, those go on whose time came first."""
    first = _waiting(source_id, now).order_by("wake_at").values_list("pk", "connection__patient_id")
    for pull_id, patient_id in first[: _room(source_id, now)]:
        enqueue(pull_id, patient_id, now)


def _room(source_id: str, now: datetime) -> int:
    running = Pull.objects.filter(source_id=source_id, status=PullStatus.RUNNING, wake_at__gt=now)
    return max(0, AT_ONCE_PER_SOURCE - running.count())


def _waiting(source_id: str, now: datetime) -> QuerySet[Pull]:
    return Pull.objects.filter(source_id=source_id, status=PullStatus.WAITING, wake_at__lte=now)


def _before(wake_at: datetime | None, source_id: str, now: datetime) -> int:
    """How many wait for this source since before `wake_at`."""
    return _waiting(source_id, now).filter(wake_at__lt=wake_at).count() if wake_at else 0


def _mine(pull: Pull) -> QuerySet[Pull]:
    return Pull.objects.filter(pk=pull.pk, turn=pull.turn, status=PullStatus.RUNNING)


def _kept(pull: Pull, step: PullStep, page: Page, now: datetime) -> dict[str, Any]:
    """Store a page and count it with the step; what changes of the pull."""
    stored = store(pull.connection, page)
    _add_references(pull, page)
    step.pages += 1
    kept = len(page.found) - stored.unusable
    step.received += kept
    step.added += stored.added
    step.changed += stored.changed
    step.unusable += page.unusable + stored.unusable
    return {
        "received": F("received") + kept,
        "added": F("added") + stored.added,
        "changed": F("changed") + stored.changed,
    }


def _end(step: PullStep, now: datetime) -> None:
    if step.unusable and not step.verdict:
        step.verdict = Verdict.UNUSABLE
    if not step.verdict:
        step.status = StepStatus.DONE
    else:
        step.status = StepStatus.PARTLY if step.received else StepStatus.FAILED
    step.ended_at, step.next_url, step.mark, step.retry_at = now, "", "", None


def _note_loop(step: PullStep) -> None:
    """Notice pages that lead in a circle, of whatever length, with one digest to remember (Brent's algorithm)."""
    if not step.next_url:
        return
    digest = hashlib.sha256(step.next_url.encode()).hexdigest()
    if digest == step.mark:
        step.verdict, step.next_url = Verdict.LOOP, ""
    elif step.pages & (step.pages - 1) == 0:  # a power of two
        step.mark = digest


def _add_references(pull: Pull, page: Page) -> None:
    """Note what is still to be read of what the page refers to. A pull of changes reads only what is not here."""
    wanted = {reference for found in page.found for reference in found.references} - pull.noted
    pull.noted |= wanted
    if wanted and not pull.is_whole:
        wanted -= _here(pull, wanted)
    room = MAX_REFERENCES - Reference.objects.filter(pull=pull).count() if wanted else 0
    Reference.objects.bulk_create(
        [Reference(pull=pull, resource_type=kind, resource_id=name) for kind, name in sorted(wanted)[: max(0, room)]],
        ignore_conflicts=True,
    )


def _here(pull: Pull, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those that an earlier pull brought."""
    connection = pull.connection
    records = Record.objects.filter(patient_id=connection.patient_id, source_id=connection.source_id)
    kinds, names = {kind for kind, _ in wanted}, {name for _, name in wanted}
    here = records.filter(resource_type__in=kinds, resource_id__in=names).values_list("resource_type", "resource_id")
    return wanted & set(here)
