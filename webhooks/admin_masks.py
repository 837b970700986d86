"""What was sent and answered, without what is not for staff: links of flows, and signatures.

Receivers can answer with what they were sent. So answers are masked too, for links and signatures in every form that
JSON and addresses give them, also where the answer was cut.
"""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from common.outbound.session import USER_AGENT
from webhooks.models import Delivery
from webhooks.signing import signature_headers

HIDDEN = "[hidden]"
UNREADABLE = "It cannot be read: the key that it was encrypted with is not among ENCRYPTION_KEYS."
# Longer ones are cut: a page with twenty of them still opens.
SHOWN_CHARACTERS = 10_000
_FLOWS = ("patient_flow.", "session.", "patient_session.")
_LINKS = re.compile(r"((?:/|\\/|%2F|\\u002F)c(?:/|\\/|%2F|\\u002F))[0-9a-f]{4,32}", re.IGNORECASE)
_SIGNATURES = re.compile(r"(\bv1(?:=|%3D|,|%2C))[\w+/%=\\-]{16,}", re.IGNORECASE)


def masked(text: str) -> str:
    return _SIGNATURES.sub(rf"\1{HIDDEN}", _LINKS.sub(rf"\1{HIDDEN}", text))


def body_for_staff(delivery: Delivery) -> str:
    """What a delivery's body says, set to be read. The body is empty where its key was lost."""
    if not delivery.body:
        return UNREADABLE
    content = delivery.content
    if _link(delivery):
        content["data"]["object"]["url"] = HIDDEN
    text = masked(json.dumps(content, indent=2, ensure_ascii=False))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} …"


def answer_for_staff(text: str, delivery: Delivery) -> str:
    """What a receiver answered to a delivery."""
    token = urlsplit(_link(delivery)).path.rpartition("/")[2]
    return masked(text.replace(token, HIDDEN) if token else text)


def headers_for_staff(delivery: Delivery, at: datetime) -> dict[str, str]:
    """Those of an attempt that was made at a moment. The secret is not needed, as what it makes is not shown."""
    signed = signature_headers([""], event_id=delivery.public_id, body=b"", now=at)
    sent = {"Content-Type": "application/json", "User-Agent": USER_AGENT} | signed
    return {name: masked(value) for name, value in sent.items()}


def _link(delivery: Delivery) -> str:
    """The link of the flow that a delivery tells of; empty where it tells of none."""
    if not delivery.body or not delivery.type.startswith(_FLOWS):
        return ""
    told: dict[str, Any] = delivery.content["data"]["object"]
    return str(told.get("url") or "")
