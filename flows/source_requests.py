"""Noting what patients looked for and did not find."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Value
from django.db.models.functions import Lower

from flows.models import PatientFlow, SourceRequest
from patients.holding import holding
from sources.models import Source

MAX_IN_A_FLOW = 10


class TooManyRequests(Exception):
    """This flow has asked for as many places as one flow may."""


@dataclass(frozen=True)
class Wish:
    """What the patient typed, each field already within its column's length. Only the name is needed."""

    name: str
    place: str = ""
    portal_address: str = ""
    query: str = ""


def request_source(*, flow: PatientFlow, wish: Wish, source: Source | None, now: datetime) -> SourceRequest:
    """Note the wish for staff. The same one again, however it is capitalised, is the row that is there.

    `source` is what it is about where the place was found and only cannot be signed in to. Raises
    TooManyRequests for one more than MAX_IN_A_FLOW, PatientErased where the flow went with its patient.
    """
    with holding(flow.patient_id):
        # Two presses of the button come one after the other.
        PatientFlow.objects.select_for_update().only("pk").get(pk=flow.pk)
        if noted := _same(flow, wish):
            return noted
        if flow.source_requests.count() >= MAX_IN_A_FLOW:
            raise TooManyRequests
        return SourceRequest.objects.create(
            flow=flow,
            organization=flow.organization,
            name=wish.name,
            place=wish.place,
            portal_address=wish.portal_address,
            query=wish.query,
            source=source,
            created_at=now,
        )


def _same(flow: PatientFlow, wish: Wish) -> SourceRequest | None:
    # The database compares, as its unique constraint does: Python's idea of small letters differs.
    spelled = flow.source_requests.alias(
        small_name=Lower("name"), small_place=Lower("place"), small_address=Lower("portal_address")
    )
    return spelled.filter(
        small_name=Lower(Value(wish.name)),
        small_place=Lower(Value(wish.place)),
        small_address=Lower(Value(wish.portal_address)),
    ).first()
