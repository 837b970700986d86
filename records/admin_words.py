"""How the staff's pages put a pull into words."""

from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.admin_html import badge
from records.models import Pull, PullStatus, PullStep, StepStatus
from records.plans import Retreat

STATUS_TONES = {
    PullStatus.WAITING: "info",
    PullStatus.RUNNING: "info",
    PullStatus.COMPLETED: "success",
    PullStatus.FAILED: "danger",
}
STEP_TONES = {
    StepStatus.WAITING: "info",
    StepStatus.DONE: "success",
    StepStatus.PARTLY: "warning",
    StepStatus.FAILED: "danger",
    StepStatus.SKIPPED: "neutral",
}
# A worker that lives goes on with a pull at its time, give or take a minute.
OVERDUE = timedelta(minutes=10)


def status_badge(pull: Pull) -> SafeString:
    """Its status; one that completed without bringing everything says so."""
    status = PullStatus(pull.status)
    if status == PullStatus.COMPLETED and pull.faults:
        return badge("warning", "completed in part")
    return badge(STATUS_TONES[status], status.label)


def step_badge(step: PullStep) -> SafeString:
    status = StepStatus(step.status)
    return badge(STEP_TONES[status], status.label)


def duration(started_at: datetime | None, ended_at: datetime | None) -> str:
    """How long something took, in its two largest units; a dash where it did not begin or has not ended."""
    if started_at is None or ended_at is None:
        return "–"
    seconds = max(int((ended_at - started_at).total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def took(pull: Pull, now: datetime) -> SafeString:
    """How long it took, or has been at it."""
    so_far = " so far" if pull.is_open and pull.started_at else ""
    words = duration(pull.started_at, now if pull.is_open else pull.ended_at)
    return format_html('<span class="staff-moment">{}{}</span>', words, so_far)


def waits_for(pull: Pull, now: datetime) -> str:
    """What has to happen for an open pull to go on."""
    if pull.wake_at is not None and pull.wake_at < now - OVERDUE:
        return "Its time has passed and nobody went on with it: check that a worker is running."
    if pull.status == PullStatus.RUNNING:
        return "A worker is at it. Should that one die, another goes on at the time below."
    if pull.wake_at is not None and pull.wake_at > now:
        return "It goes on by itself at the time below."
    return "It goes on as soon as a worker is free."


def conditions_of(step: PullStep) -> list[str]:
    """What was particular about a question."""
    told = []
    if step.follows_references:
        told.append("read because other records refer to them")
    if step.changed_since is not None and is_about_changes(step):
        told.append(f"only what changed since {step.changed_since:%d %b %Y, %H:%M} UTC")
    if step.retreat:
        told.append("asked in a simpler form than other portals")
    return told


def is_about_changes(step: PullStep) -> bool:
    """Whether it asks only for what changed: some portals do not take the question so."""
    return step.changed_since is not None and step.retreat < Retreat.NO_LAST_UPDATED
