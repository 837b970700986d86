"""`manage.py worker` on a test's database. With `--hurry` it notices within seconds what otherwise takes a minute."""

import os
import sys
from datetime import timedelta

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.chaos.settings"
    import django

    django.setup()

import attr
from django.core.management import ManagementUtility
from procrastinate.contrib.django import app

from medblocks_connect import tasks
from medblocks_connect.management.commands import worker
from patients import renewal
from records import progress, scheduling
from webhooks import claiming, schedule, senders, sending

# After it, whoever worked on a pull is believed dead. Longer where more is done at once.
LEASE = timedelta(seconds=int(os.environ.get("CHAOS_LEASE", "5")))
EACH_MINUTE, EACH_SECOND = "* * * * *", "* * * * * *"


def hurry() -> None:
    """Shorter times, in the same order as the real ones: a lease still outlives an exchange with the sandbox."""
    worker.HEARTBEAT_SECONDS = 0.5
    worker.STALLED_SECONDS = tasks.STALLED_SECONDS = 3.0
    worker.DATABASE_SECONDS = 3.0
    renewal.LEASE = LEASE - timedelta(seconds=1)
    progress.LEASE = LEASE
    scheduling.OVERDUE = timedelta(seconds=1)
    sending.SECONDS = senders.SECONDS = 2.0
    claiming.CLAIM = timedelta(seconds=4)
    schedule.WAITS = [timedelta(seconds=1)] * len(schedule.WAITS)
    periodic = app.periodic_registry.periodic_tasks
    periodic |= {key: attr.evolve(task, cron=EACH_SECOND) for key, task in periodic.items() if task.cron == EACH_MINUTE}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if "--hurry" in arguments:
        arguments.remove("--hurry")
        hurry()
    ManagementUtility(["manage.py", "worker", *arguments]).execute()
