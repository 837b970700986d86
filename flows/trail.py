"""The trail of a sign-in: what staff read when a patient asks why it did not work."""

import logging
from datetime import datetime

from common.logs import current_request_id
from flows.models import Authorization, AuthorizationEvent, EventKind

logger = logging.getLogger("medblocks.authorization")


def record(
    authorization: Authorization,
    kind: EventKind,
    now: datetime,
    *,
    code: str = "",
    portal_code: str = "",
    portal_description: str = "",
) -> None:
    """Append one line. The portal's words must have gone through `portal_errors.portal_words`."""
    AuthorizationEvent.objects.create(
        authorization=authorization,
        kind=kind,
        code=code,
        portal_code=portal_code,
        portal_description=portal_description,
        request_id=current_request_id.get() or "",
        at=now,
    )
    logger.info(
        "authorization %s",
        kind,
        extra={
            "authorization_id": authorization.id,
            "flow_id": authorization.flow_id,
            "source_id": authorization.source_id,
            "outcome": code or None,
        },
    )
