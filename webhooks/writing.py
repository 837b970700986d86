"""What an endpoint is sent of a fact: one row per endpoint, with the bytes of all its attempts."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from common import versions
from common.fields import TimestampField
from common.ids import new_ulid
from webhooks.models import Delivery, Endpoint, Event
from webhooks.models.event import PREFIX

_timestamp = TimestampField().to_representation


def deliveries_of(
    event: Event, endpoints: Iterable[Endpoint], synonyms: Mapping[str, dict[str, Any]]
) -> list[Delivery]:
    """The deliveries of an event, not saved, to those of `endpoints` that want it.

    `synonyms` are the other names of its fact, each with what is different in its object then. Disabled endpoints get
    theirs too, with no time to be sent at.
    """
    names, told, now = [event.type, *synonyms], event.full_object, event.created_at
    wanted = [(endpoint, endpoint.wants(names)) for endpoint in endpoints]
    return [
        delivery_to(
            endpoint,
            name,
            told | synonyms.get(name, {}),
            now=now,
            event=event,
            at=now if endpoint.is_active else None,
        )
        for endpoint, name in wanted
        if name
    ]


def delivery_to(
    endpoint: Endpoint,
    type: str,  # noqa: A002  the word of the contract
    told: dict[str, Any],
    *,
    now: datetime,
    event: Event | None,
    at: datetime | None,
) -> Delivery:
    """One delivery, not saved, due at `at`; None is for later. Without an event it is a test."""
    ulid = new_ulid()
    body = {
        "id": f"{PREFIX}{ulid}",
        "object": "event",
        "type": type,
        "api_version": endpoint.api_version,
        "created_at": _timestamp(now),
        "fact_id": event and event.public_id,
        "data": {"object": versions.answer_down("", told, endpoint.api_version)},
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Delivery(id=ulid, endpoint=endpoint, event=event, type=type, body=text, next_attempt_at=at, created_at=now)
