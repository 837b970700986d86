"""When an event is tried again (contract §9)."""

from datetime import datetime, timedelta

from common.outbound import retry_after
from webhooks.sending import Answer

# Between one failed attempt and the next.
WAITS = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 720, 1440, 1440, 1440)]
ATTEMPTS = len(WAITS) + 1
# Waits are up to so much longer: what failed together does not come again together.
JITTER = 0.05
# From the first attempt to the ninth, at most, if no receiver asks to be left alone for longer.
WHOLE_SCHEDULE = sum(WAITS, timedelta()) * (1 + JITTER)
# Answers whose `Retry-After` is heeded, up to a limit.
ASK_TO_WAIT = (429, 503)
LONGEST_ASKED_FOR = timedelta(hours=24)


def next_attempt(failures: int, answer: Answer, now: datetime, *, lot: float) -> datetime | None:
    """When a delivery is tried again of which so many attempts failed in a row, the last at `now`.

    None for not any more. `lot`, drawn from 0 to 1, says how much of the jitter there is. A receiver may put it off,
    and not bring it forward.
    """
    if failures >= ATTEMPTS:
        return None
    planned = now + WAITS[failures - 1] * (1 + JITTER * lot)
    asked = retry_after(answer.retry_after, now) if answer.status in ASK_TO_WAIT else None
    return planned if asked is None else max(planned, now + min(asked, LONGEST_ASKED_FOR))
