"""`GET /health/ready`: whether everything that the product needs is there (contract §10)."""

import logging
from datetime import timedelta

from django.db import DatabaseError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.http import HttpRequest, JsonResponse
from procrastinate.contrib.django.models import ProcrastinateWorker

from common.errors import only_read
from sources.searching import index

# A worker says every ten seconds that it is alive.
HEARTBEAT_IS_OLD = timedelta(seconds=60)
# A worker that starts, and a database that comes back, are there after so long.
RETRY_AFTER_SECONDS = 10

logger = logging.getLogger(__name__)


def ready(request: HttpRequest) -> JsonResponse:
    """200 where all checks pass, else 503 and when to ask again; each check with a plain reason, which says nothing of
    the installation."""
    if request.method not in ("GET", "HEAD"):
        return only_read(request)
    reasons = what_is_missing()
    all_there = not any(reasons.values())
    checks = {name: {"ok": reason is None, "reason": reason} for name, reason in reasons.items()}
    if all_there:
        return JsonResponse({"ok": True, "checks": checks})
    return JsonResponse({"ok": False, "checks": checks}, status=503, headers={"Retry-After": RETRY_AFTER_SECONDS})


def what_is_missing() -> dict[str, str | None]:
    """By check: a sentence, or None where all is well. What the database would say is not asked when it is away."""
    reasons = dict.fromkeys(("database", "migrations", "worker"), _database())
    if reasons["database"] is None:
        reasons |= {"migrations": _migrations(), "worker": _worker()}
    return reasons | {"search_index": _search_index()}


def _database() -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.warning("the database does not answer", exc_info=True)
        return "The database does not answer."
    return None


def _migrations() -> str | None:
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return f"{waiting} migrations are not applied: run manage.py migrate." if waiting else None


def _worker() -> str | None:
    try:
        # By the database's clock, which the heartbeats are written by.
        is_alive = ProcrastinateWorker.objects.filter(last_heartbeat__gt=Now() - HEARTBEAT_IS_OLD).exists()
    except ProgrammingError:  # a database without its tables; migrations say so
        is_alive = False
    if is_alive:
        return None
    return "No worker is running: start manage.py worker."


def _search_index() -> str | None:
    return None if index.is_there() else "There is no search index on this machine yet. The first search makes it."
