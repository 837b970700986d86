"""What a pull did, as staff read it: what came, what did not and why, and each question that was asked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.safestring import SafeString

from records.admin_advice import ADVICE
from records.admin_words import conditions_of, duration, is_about_changes, step_badge, waits_for
from records.models import Pull, PullStep, StepStatus
from records.verdicts import NOT_A_FAULT, Verdict

# A plan has some dozens of questions.
SHOWN_STEPS = 300


@dataclass
class Bar:
    """What came of one resource type, over all questions about it. `width` is in percent of the longest bar."""

    resource_type: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    unusable: int = 0
    width: int = 0

    @property
    def total(self) -> int:
        return self.added + self.changed + self.unchanged + self.unusable

    @property
    def parts(self) -> list[tuple[str, str, int]]:
        """Class, word and number of what there is any of."""
        parts = [
            ("added", "added", self.added),
            ("changed", "changed", self.changed),
            ("unchanged", "unchanged", self.unchanged),
            ("unusable", "not usable", self.unusable),
        ]
        return [part for part in parts if part[2]]

    def count(self, step: PullStep) -> None:
        self.added += step.added
        self.changed += step.changed
        self.unchanged += max(step.received - step.added - step.changed, 0)
        self.unusable += step.unusable


@dataclass(frozen=True)
class Question:
    """One step. The portal's words are hostile text: a template escapes them."""

    step: PullStep
    status: SafeString
    conditions: list[str]
    took: str
    verdict: str


@dataclass
class Gap:
    """Questions that share the reason why their answers are not, or not completely, here."""

    reason: str
    advice: str
    tone: str = "warning"
    questions: list[Question] = field(default_factory=list)


@dataclass(frozen=True)
class Story:
    pull: Pull
    waits_for: str
    ended_steps: int
    gaps: list[Gap]
    bars: list[Bar]
    nothing_came: list[tuple[str, list[str]]]
    questions: list[Question]


def story_of(pull: Pull, now: datetime) -> Story:
    """All of it, in one query."""
    steps = list(pull.steps.order_by("position")[:SHOWN_STEPS])
    bars = _bars(steps)
    return Story(
        pull=pull,
        waits_for=waits_for(pull, now) if pull.is_open else "",
        ended_steps=sum(step.status != StepStatus.WAITING for step in steps),
        gaps=_gaps(pull, steps),
        bars=[bar for bar in bars.values() if bar.total],
        nothing_came=_nothing_came(steps, bars),
        questions=[_question(step) for step in steps],
    )


def _bars(steps: Iterable[PullStep]) -> dict[str, Bar]:
    bars: dict[str, Bar] = {}
    for step in steps:
        bars.setdefault(step.resource_type, Bar(step.resource_type)).count(step)
    longest = max((bar.total for bar in bars.values()), default=0)
    for bar in bars.values():
        bar.width = max(bar.total * 100 // longest, 1) if bar.total else 0
    return bars


def _gaps(pull: Pull, steps: Iterable[PullStep]) -> list[Gap]:
    """The reasons, in the order in which they were met; what is not here at all is marked as worse."""
    gaps: dict[str, Gap] = {}
    for step in steps:
        explained = _explained(pull, step)
        if explained is None:
            continue
        gap = gaps.setdefault(explained[0], Gap(*explained))
        gap.questions.append(_question(step))
        if step.status == StepStatus.FAILED:
            gap.tone = "danger"
    return list(gaps.values())


def _explained(pull: Pull, step: PullStep) -> tuple[str, str] | None:
    """The reason why something is missing and what to do about it; None where nothing is."""
    if step.verdict and step.verdict not in NOT_A_FAULT:
        return str(step.get_verdict_display()), ADVICE.get(step.verdict, "")
    if step.status == StepStatus.WAITING:
        if not pull.is_open:
            return "the pull ended before this was asked to the end", "The next pull asks again."
        if step.failures:
            return "no good answer so far", "Nothing to do yet: it is asked again by itself."
    return None


def _nothing_came(steps: Iterable[PullStep], bars: dict[str, Bar]) -> list[tuple[str, list[str]]]:
    """Types of which nothing came although nothing went wrong, by why."""
    groups: dict[str, list[str]] = {}
    for resource_type, reason in _reasons(steps):
        types = groups.setdefault(reason, [])
        if not bars[resource_type].total and resource_type not in types:
            types.append(resource_type)
    return [(reason, types) for reason, types in groups.items() if types]


def _reasons(steps: Iterable[PullStep]) -> Iterator[tuple[str, str]]:
    for step in steps:
        if step.verdict in NOT_A_FAULT:
            yield step.resource_type, str(Verdict(step.verdict).label)
        elif step.status == StepStatus.DONE and not step.verdict:
            yield step.resource_type, "nothing changed" if is_about_changes(step) else "nothing there"


def _question(step: PullStep) -> Question:
    return Question(
        step=step,
        status=step_badge(step),
        conditions=conditions_of(step),
        took=duration(step.started_at, step.ended_at),
        verdict=str(step.get_verdict_display()) if step.verdict else "",
    )
