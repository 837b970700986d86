"""What becomes of a question that was not answered: asked again, later, more simply, or given up."""

import random
import time
from datetime import datetime, timedelta

from django.utils import timezone

from records import progress
from records.fhir import FhirProblem, QuestionRefused, Temporary, TokenRefused
from records.models import Pull, PullStep
from records.plans import Question, Retreat, simpler
from records.verdicts import NOT_A_FAULT, Verdict

# Between tries of the same page, or of a portal that is not there. After the last it is given up.
WAITS = [timedelta(seconds=seconds) for seconds in (5, 30, 2 * 60, 10 * 60, 60 * 60)]
# A wait that is not worth going to sleep for.
SHORT = timedelta(seconds=2)
# Who asks for a moment's patience again and again gets more than that.
MOMENTS = 2
# After so many types in a row for which the portal took no token, the others are not asked for.
MAX_NOT_TAKEN = 3


class Sleep(Exception):
    """Nothing to do for this pull before `until`."""

    def __init__(self, until: datetime, problem: str) -> None:
        super().__init__(problem)
        self.until = until


class GivenUp(Exception):
    """No step of the pull gets any further."""

    def __init__(self, verdict: Verdict, words: str = "") -> None:
        super().__init__(verdict)
        self.verdict, self.words = verdict, words


def note_problem(pull: Pull, step: PullStep, problem: FhirProblem) -> None:
    """What becomes of a step whose page did not come. Raises Sleep or GivenUp where it concerns all of the pull."""
    now = timezone.now()
    if isinstance(problem, Temporary):
        _later(pull, step, problem, now)
    elif isinstance(problem, TokenRefused):
        pull.not_taken += 1
        if pull.not_taken >= MAX_NOT_TAKEN:  # each costs a renewal
            raise GivenUp(problem.verdict, problem.words)
        progress.end_step(pull, step, problem.verdict, problem.words, now)
    elif isinstance(problem, QuestionRefused) and not step.pages and step.resource_type != "Patient":
        _more_simply(pull, step, problem, now)
    else:
        progress.end_step(pull, step, _verdict_on(step, problem), problem.words, now)


def _verdict_on(step: PullStep, problem: FhirProblem) -> Verdict:
    """A patient, or a further page, that is not there is missing: it was there a moment ago."""
    is_missing = step.pages or step.resource_type == "Patient"
    return Verdict.GONE if is_missing and problem.verdict in NOT_A_FAULT else problem.verdict


def _more_simply(pull: Pull, step: PullStep, problem: FhirProblem, now: datetime) -> None:
    question = Question(step.resource_type, step.parameters, Retreat(step.retreat))
    others = simpler(question, incremental=step.changed_since is not None)
    if others:
        progress.replace_step(pull, step, others, now)
    else:
        progress.end_step(pull, step, problem.verdict, problem.words, now)


def _later(pull: Pull, step: PullStep, problem: Temporary, now: datetime) -> None:
    """Ask again later, or give the step up: one question that is never answered must not cost the others."""
    if step.failures >= len(WAITS):
        progress.end_step(pull, step, problem.verdict, problem.words, now)
        return
    wait = _wait(step.failures, problem)
    progress.postpone_step(pull, step, problem, now + wait, now)
    is_asked_to_wait = problem.verdict == Verdict.RATE_LIMITED or problem.retry_after is not None
    if is_asked_to_wait:
        progress.pause_source(pull, now + wait)
    if wait <= SHORT:
        time.sleep(wait.total_seconds())
        step.retry_at = None
    elif is_asked_to_wait:
        raise Sleep(now + wait, _told(problem.verdict))
    elif problem.verdict == Verdict.UNREACHABLE:
        _note_silence(pull, step, problem, now)


def _note_silence(pull: Pull, step: PullStep, problem: Temporary, now: datetime) -> None:
    """A portal that leaves two questions in a row unanswered is not there at all."""
    first, pull.unanswered = pull.unanswered, step.pk
    if first in (None, step.pk):
        return
    if pull.failures >= len(WAITS):
        raise GivenUp(problem.verdict, problem.words)
    until = now + _wait(pull.failures, problem)
    progress.note_silence(pull, now)
    raise Sleep(until, _told(problem.verdict))


def _wait(failures: int, problem: Temporary) -> timedelta:
    ours = WAITS[failures] * random.uniform(0.9, 1.1)  # noqa: S311  no secret
    if problem.retry_after is None:
        return ours
    return problem.retry_after if failures < MOMENTS else max(problem.retry_after, ours)


def _told(verdict: Verdict) -> str:
    return f"{verdict.label[:1].upper()}{verdict.label[1:]}; we ask again."
