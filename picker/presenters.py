"""Turning flows and outcomes into words for a page. No rules, no queries."""

from dataclasses import dataclass
from datetime import datetime

from flows.models import Authorization, Outcome, PatientFlow
from sources.models import Facility, Source

# What happened, and what to do now. Never the portal's own words; never the patient's fault.
FAILURES: dict[str, tuple[str, str]] = {
    Outcome.USER_DENIED: (
        "You chose not to share your records from here.",
        "Nothing was shared. If you change your mind, you can try again.",
    ),
    Outcome.OAUTH_CALLBACK_FAILED: (
        "Their sign-in page reported a problem, so the connection was not made.",
        "Nothing was shared. Please try again in a few minutes. If it happens again, tell the team behind your app.",
    ),
    Outcome.OAUTH_STATE_EXPIRED: (
        "Signing in took longer than 15 minutes, so for your safety we stopped waiting.",
        "Nothing was shared. Please try again.",
    ),
    Outcome.TOKEN_EXCHANGE_FAILED: (
        "You signed in, but their system did not complete the connection.",
        "Nothing was shared. Please try again. If it happens again, tell the team behind your app.",
    ),
    Outcome.INVALID_TOKEN_RESPONSE: (
        "You signed in, but their system sent an answer we could not use.",
        "Nothing was shared. Please try again later. If it happens again, tell the team behind your app.",
    ),
    Outcome.PORTAL_UNREACHABLE: (
        "Their sign-in page is not answering at the moment.",
        "Nothing was shared. Please try again in a few minutes.",
    ),
    Outcome.DISCOVERY_FAILED: (
        "Their sign-in page is not set up in a way we can use safely.",
        "Nothing was shared. This is not something you can fix; the team behind your app can.",
    ),
    Outcome.MISSING_PATIENT_CONTEXT: (
        "You signed in, but their system did not say whose records to open.",
        "Nothing was shared. If you have access to several people's records, choose one when you try again.",
    ),
}

# Of a sign-in that could not begin because our registration there is not to be used: their page was not even asked.
NOT_OPEN = (
    "Signing in is not possible there at the moment.",
    "Nothing was shared. This is not something you can fix; the team behind your app can.",
)


@dataclass(frozen=True)
class Result:
    """What came of one source, for the completion screen."""

    name: str
    through: str
    """The portal's name, where it is another than the place's."""
    happened: str
    advice: str
    retry_url: str
    is_connected: bool
    """Now, by this sign-in or by an earlier one that still holds."""
    may_retry: bool
    charts: int
    """Of how many people these sign-ins connected the records; 0 where an earlier one did."""
    has_ended: bool
    """The sign-in worked, and what it led to is over."""


def link_path(flow: PatientFlow, page: str = "") -> str:
    """The path of one of the flow's pages."""
    return f"/c/{flow.link_token}/{page}" if page else f"/c/{flow.link_token}"


def confirm_path(
    flow: PatientFlow,
    source: Source,
    facility: Facility | None = None,
    search: str = "",
) -> str:
    """The page that says where the patient is going. `search`, as in an address, leads back to what found it."""
    chosen = [f"connection_id={source.id}", f"facility={facility.pk}" if facility else "", search]
    return f"{link_path(flow, 'confirm')}?{'&'.join(filter(None, chosen))}"


def says(text: str, name: str) -> bool:
    """Whether the name need not be said beside the text, which has it already."""
    return name.casefold() in text.casefold()


# Trying again would only repeat it.
BEYOND_THE_PATIENT = {Outcome.DISCOVERY_FAILED}
STILL_CONNECTED = "Your earlier connection still works; nothing has changed."
# By the patient, by staff, or because the portal no longer lets us in: the page cannot tell, and need not.
ENDED = (
    "You were connected here, but that connection has ended since.",
    "Nothing new is shared from here. If you want to share your records, connect again.",
)


def result(
    flow: PatientFlow, authorization: Authorization, connected_source_ids: set[str], charts: dict[str, int]
) -> Result:
    """What came of a sign-in, given the sources that the patient has an active connection to now.

    `charts` are how many of them this browser's sign-ins connected, by source.
    """
    source = authorization.source
    is_connected = source.id in connected_source_ids
    has_ended = authorization.has_succeeded and not is_connected
    happened, advice = ENDED if has_ended else failure_in_words(authorization)
    if is_connected and happened:
        advice = STILL_CONNECTED
    facility = authorization.facility
    return Result(
        name=facility.name if facility else source.name,
        through=source.name if facility and facility.name != source.name else "",
        happened=happened,
        advice=advice,
        retry_url=link_path(flow) if flow.is_direct else confirm_path(flow, source, facility),
        may_retry=authorization.outcome not in BEYOND_THE_PATIENT,
        is_connected=is_connected,
        charts=charts.get(source.id, 0),
        has_ended=has_ended,
    )


def failure_in_words(authorization: Authorization) -> tuple[str, str]:
    """What happened and what to do now; empty where nothing failed."""
    if authorization.outcome == Outcome.DISCOVERY_FAILED and authorization.registration_id is None:
        return NOT_OPEN
    return FAILURES.get(authorization.outcome, ("", ""))


NO_SIGN_IN = "The patient did not sign in. Nothing was shared."


def outcome_parameters(authorization: Authorization | None) -> dict[str, str]:
    """What direct mode tells the app (contract §6): success and the source, or the error in plain words."""
    if authorization is None:
        return {"success": "false", "error": Outcome.OAUTH_CALLBACK_FAILED.value, "error_description": NO_SIGN_IN}
    if authorization.has_succeeded:
        return {"success": "true", "connection_id": authorization.source_id}
    happened, advice = failure_in_words(authorization)
    return {"success": "false", "error": authorization.outcome, "error_description": f"{happened} {advice}"}


def return_label(flow: PatientFlow) -> str:
    """The words on the button that leads back to the app."""
    return flow.return_button_label or f"Return to {flow.organization.name}"


def closing_time(flow: PatientFlow, now: datetime) -> dict[str, str | int]:
    """What `components/closing_time.html` needs."""
    return {"minutes_left": minutes_left(flow, now), "closes_in": closes_in(flow, now)}


def minutes_left(flow: PatientFlow, now: datetime) -> int:
    return max(1, int((flow.expires_at - now).total_seconds() // 60))


def closes_in(flow: PatientFlow, now: datetime) -> str:
    """How long the link still works: "25 minutes", "1 minute", "3 hours"."""
    minutes = minutes_left(flow, now)
    number, unit = (minutes, "minute") if minutes < 120 else (minutes // 60, "hour")
    return f"{number} {unit}" + ("" if number == 1 else "s")
