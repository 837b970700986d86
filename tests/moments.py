"""Moments of a test that is told of them before it begins."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

NOW = timedelta()


def from_now(row: dict[str, Any]) -> dict[str, Any]:
    """The row with moments in place of its durations. (`timezone.now()` among parameters is when tests are collected,
    which may be an hour ago.)
    """
    now = timezone.now()
    return {name: now + value if isinstance(value, timedelta) else value for name, value in row.items()}
