"""The plan of a pull: what to ask, in which words, and since when."""

from collections.abc import Collection
from datetime import datetime, timedelta

from records import progress
from records.models import Pull, PullKind, PullStatus, PullStep, StepStatus
from records.plans import Question, Retreat, questions

# What portals do not tell of as changed (corrections, merged charts) comes with the next pull of everything.
WHOLE_EVERY = timedelta(days=7)
# The portal's clock is not ours, and what it stores is found by searches a while later.
OVERLAP = timedelta(hours=1)
_ANSWERED = (StepStatus.DONE, StepStatus.PARTLY)


def plan(pull: Pull, supported: Collection[str] | None, now: datetime) -> None:
    """Write down the steps of a pull that has none yet."""
    connection = pull.connection
    last = connection.pulls.filter(status=PullStatus.COMPLETED).order_by("-pk").first()
    steps = list(last.steps.filter(follows_references=False)) if last else []
    since = {} if last is None or _is_whole(pull, now) else _since(last, steps)
    asked = questions(connection.source.type, connection.scopes, supported, _remembered(steps))
    progress.plan(pull, asked, since, now)


def _is_whole(pull: Pull, now: datetime) -> bool:
    if pull.kind != PullKind.SCHEDULED:
        return True
    whole = pull.connection.pulls.filter(status=PullStatus.COMPLETED, is_whole=True, ended_at__gt=now - WHOLE_EVERY)
    return not whole.exists()


def _remembered(steps: list[PullStep]) -> list[Question]:
    """How each type was asked that was answered at least in part."""
    answered = {step.resource_type for step in steps if step.status in _ANSWERED}
    return [
        Question(step.resource_type, step.parameters, Retreat(step.retreat))
        for step in steps
        if step.resource_type in answered and step.status != StepStatus.SKIPPED
    ]


def _since(last: Pull, steps: list[PullStep]) -> dict[tuple[str, str], datetime]:
    """From when changes are enough: of questions that were answered completely."""
    complete = [step for step in steps if step.status == StepStatus.DONE and step.retreat < Retreat.NO_LAST_UPDATED]
    return {
        (step.resource_type, step.parameters): (step.started_at or last.requested_at) - OVERLAP for step in complete
    }
