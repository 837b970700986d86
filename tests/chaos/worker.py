"""`manage.py worker` on a test's database. With `--hurry` it notices within seconds what otherwise takes a minute."""

import os
import sys
from datetime import timedelta

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.chaos.settings"

import attr  # noqa: E402
import django  # noqa: E402

django.setup()

from django.core.management import ManagementUtility  # noqa: E402
from procrastinate.contrib.django import app  # noqa: E402

from medblocks_connect import tasks  # noqa: E402
from medblocks_connect.management.commands import worker  # noqa: E402
from patients import renewal  # noqa: E402
from records import progress, scheduling  # noqa: E402

EACH_MINUTE, EACH_SECOND = "* * * * *", "* * * * * *"


def hurry() -> None:
    """Shorter times, in the same order as the real ones: a lease still outlives an exchange with the sandbox."""
    worker.HEARTBEAT_SECONDS = 0.5
    worker.STALLED_SECONDS = tasks.STALLED_SECONDS = 3.0
    renewal.LEASE = timedelta(seconds=6)
    progress.LEASE = timedelta(seconds=8)
    scheduling.OVERDUE = timedelta(seconds=1)
    periodic = app.periodic_registry.periodic_tasks
    periodic |= {key: attr.evolve(task, cron=EACH_SECOND) for key, task in periodic.items() if task.cron == EACH_MINUTE}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if "--hurry" in arguments:
        arguments.remove("--hurry")
        hurry()
    ManagementUtility(["manage.py", "worker", *arguments]).execute()
