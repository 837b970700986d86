"""Bringing the records of a connection here, as far as one worker gets in one go.

    claim the pull → plan its steps → for each step: ask for a page, store it, go on → the end

Whatever a portal answers ends in a verdict on the step at hand; the others go on. What needs time (Retry-After, an
outage, other patients' turn) puts the pull to sleep: its rows say where to go on.
"""

import logging
import time
import traceback
from datetime import datetime, timedelta

from django.utils import timezone

from common.stopping import stopping
from patients.holding import PatientErased
from patients.tokens import AccessEnded, AccessUnavailable
from records import progress
from records.asking import Asker
from records.ending import end
from records.fhir import FhirProblem, Final, Page, QuestionRefused
from records.models import Pull, PullStep, Reference, StepStatus
from records.patience import GivenUp, Sleep, note_problem
from records.planning import plan
from records.verdicts import Verdict

logger = logging.getLogger("medblocks.records")

# After so long others have their turn: pulls of the same source wait for each other.
SLICE_SECONDS = 30.0
# A pull that could not go on for so long does not go on: the app has to hear of it.
MAX_AGE = timedelta(days=2)
# After a fault of ours, until somebody mends it.
AFTER_A_FAULT, MENDED_WITHIN = timedelta(minutes=10), timedelta(days=1)
# More than any person's record has; a portal that never ends its pages does.
MAX_PAGES = 5_000
# So many refusals in a row, and no other resource of the type is asked for.
MAX_REFUSED = 5


def go_on(pull_id: str, now: datetime) -> None:
    """Go on with a pull for a while. Does nothing for one that has ended or is being worked on.

    Must not be called inside a transaction.
    """
    pull = progress.claim(pull_id, now)
    if pull is None:
        return
    try:
        _work_on(pull)
    except (progress.TakenOver, PatientErased):
        logger.info("pull was taken over, or its patient erased")
    progress.wake_next(pull.source_id, timezone.now())


def _work_on(pull: Pull) -> None:
    try:
        with Asker(pull.connection) as asker:
            _for_a_while(pull, asker)
    except Sleep as nap:
        progress.sleep(pull, nap.until, str(nap))
    except (progress.TakenOver, PatientErased):
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the pull has to go on one day
        # Without the message: PostgreSQL's quote what was to be written.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("pull broke off with %s\n%s", type(error).__name__, where)
        _after_a_fault_of_ours(pull)


def _for_a_while(pull: Pull, asker: Asker) -> None:
    is_old = timezone.now() - pull.requested_at > MAX_AGE
    until = progress.paused_until(pull, timezone.now())
    if until and not is_old:
        raise Sleep(until, "The portal asked us to wait.")
    try:
        if until:
            raise GivenUp(Verdict.RATE_LIMITED)
        if not pull.steps.exists():
            plan(pull, asker.supported_types(), timezone.now())
        _read(pull, asker, time.monotonic() + SLICE_SECONDS)
    except AccessUnavailable as problem:
        if not is_old:
            raise Sleep(problem.retry_at, f"The access could not be renewed: {problem}") from problem
        _give_up(pull, GivenUp(Verdict.NOT_TAKEN))
    except AccessEnded:
        _give_up(pull, GivenUp(Verdict.ACCESS_ENDED))
    except GivenUp as given_up:
        if given_up.verdict == Verdict.NOT_TAKEN:
            asker.end_access_for_one_time()
        _give_up(pull, given_up)
    end(pull, timezone.now())


def _read(pull: Pull, asker: Asker, deadline: float) -> None:
    """Do all steps. Raises Sleep where not all of them can be done now."""
    while True:
        waiting = list(pull.steps.filter(status=StepStatus.WAITING))
        due = [step for step in waiting if not step.retry_at or step.retry_at <= timezone.now()]
        questions = [each for each in due if not each.follows_references]
        step = min(questions, key=lambda each: (each.failures, each.position), default=None)
        if step is not None:
            step.retry_at = None
            _read_step(pull, step, asker, deadline)
        elif any(not each.follows_references for each in waiting):
            raise Sleep(min(each.retry_at for each in waiting if each.retry_at), "The portal failed; we ask again.")
        elif not _read_references(pull, waiting, due, asker, deadline):
            return


def _read_step(pull: Pull, step: PullStep, asker: Asker, deadline: float) -> None:
    while step.status == StepStatus.WAITING and not step.retry_at:
        _leave_when_late(deadline)
        try:
            page = asker.following(step.next_url) if step.next_url else asker.first(step)
        except FhirProblem as problem:
            note_problem(pull, step, problem)
        else:
            if page.next_url and step.pages + 1 >= MAX_PAGES:
                progress.keep_page(pull, step, page, timezone.now())
                progress.end_step(pull, step, Verdict.TOO_MANY_PAGES, "", timezone.now())
                return
            if page.next_url:
                asker.ask_ahead(page.next_url)
            progress.keep_page(pull, step, page, timezone.now())


def _read_references(pull: Pull, waiting: list[PullStep], due: list[PullStep], asker: Asker, deadline: float) -> bool:
    """Read one resource that others refer to; False where there is none left, and all such steps are at their end."""
    for step in due:
        reference = Reference.objects.filter(pull=pull, resource_type=step.resource_type, is_read=False).first()
        if reference is not None:
            _leave_when_late(deadline)
            _read_reference(pull, step, reference, asker)
            return True
    later = [each.retry_at for each in waiting if each.retry_at and each not in due]
    if later:
        raise Sleep(min(later), "The portal failed; we ask again.")
    for step in waiting:
        progress.end_step(pull, step, None, "", timezone.now())
    return False


def _read_reference(pull: Pull, step: PullStep, reference: Reference, asker: Asker) -> None:
    page: Page | None
    try:
        page = asker.referred(reference.resource_type, reference.resource_id)
    except (Final, QuestionRefused) as problem:
        if problem.verdict == Verdict.NOT_PERMITTED:
            progress.end_step(pull, step, problem.verdict, problem.words, timezone.now())
            return
        if step.failures + 1 >= MAX_REFUSED:
            progress.end_step(pull, step, Verdict.UNUSABLE, problem.words, timezone.now())
            return
        page, step.portal_words = None, problem.words
    except FhirProblem as problem:
        note_problem(pull, step, problem)
        return
    progress.keep_referred(pull, step, reference, page, timezone.now())


def _after_a_fault_of_ours(pull: Pull) -> None:
    """Try again for a day: what broke may be mended by then. What was stored stays."""
    now = timezone.now()
    if now - pull.requested_at < MENDED_WITHIN:
        progress.sleep(pull, now + AFTER_A_FAULT, "Something broke on our side. It is logged, and tried again.")
    else:
        _give_up(pull, GivenUp(Verdict.BROKEN))
        end(pull, now)


def _leave_when_late(deadline: float) -> None:
    if stopping.is_set() or time.monotonic() > deadline:
        raise Sleep(timezone.now(), "Others have their turn.")


def _give_up(pull: Pull, given_up: GivenUp) -> None:
    for step in pull.steps.filter(status=StepStatus.WAITING):
        progress.end_step(pull, step, given_up.verdict, given_up.words, timezone.now())
