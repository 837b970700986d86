"""`manage.py worker`: runs background jobs until it is asked to stop."""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params

from common.stopping import stopping
from records.operations import QUEUE as PULLS
from records.progress import AT_ONCE_PER_SOURCE

# A job that was put off is looked for so often; new ones announce themselves.
POLLING_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
# After so long without a heartbeat a worker is believed dead, and what it was doing is done again.
STALLED_SECONDS = 30.0
# A worker that gets no connection for so long has lost the database.
DATABASE_SECONDS = 10.0
# More than one portal may take up, so that one that hangs leaves room for the others.
AT_ONCE = 2 * AT_ONCE_PER_SOURCE
# For what asyncio itself wants a thread for while all jobs run: looking up the database's host.
_SPARE_THREADS = 2
ENDED = "The worker ended by itself; its log says why. Start it again: what it was doing is done again."


class Command(BaseCommand):
    help = (
        "Run background jobs. Pulls of records have threads of their own, so that they never hold up the rest. "
        "Start as many as you like, on as many machines. SIGTERM ends it at the next page of what it is doing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--pulls", type=int, default=AT_ONCE, help="how many pulls at once (default: %(default)s)")
        parser.add_argument("--others", type=int, default=4, help="how many other jobs at once (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        connector = PsycopgConnector(kwargs=connector_params(), timeout=DATABASE_SECONDS)
        with app.replace_connector(connector):
            asyncio.run(_run(options["pulls"], options["others"]))


async def _run(pulls: int, others: int) -> None:
    """Both kinds of work side by side, until both have come to their end."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(pulls + others + _SPARE_THREADS, thread_name_prefix="job"))
    other_queues = sorted({task.queue for task in app.tasks.values()} - {PULLS})
    async with app.open_async():
        workers = [
            asyncio.create_task(_worker("pulls", [PULLS], pulls)),
            asyncio.create_task(_worker("jobs", other_queues, others)),
        ]
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _stop, workers)
        await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
        was_asked = stopping.is_set()
        _stop(workers)
        ends = await asyncio.gather(*workers, return_exceptions=True)
    if not was_asked:
        # Procrastinate's worker ends without an error when it loses the database; half a worker would be worse.
        raise CommandError(ENDED) from next((end for end in ends if isinstance(end, Exception)), None)


async def _worker(name: str, queues: list[str], at_once: int) -> None:
    await app.run_worker_async(
        queues=queues,
        name=name,
        concurrency=at_once,
        fetch_job_polling_interval=POLLING_SECONDS,
        update_heartbeat_interval=HEARTBEAT_SECONDS,
        stalled_worker_timeout=STALLED_SECONDS,
        install_signal_handlers=False,
    )


def _stop(workers: "list[asyncio.Task[None]]") -> None:
    """Take no new jobs; let those that run come to a good moment. Once: a second cancellation would cut them off."""
    if stopping.is_set():
        return
    stopping.set()
    for worker in workers:
        worker.cancel()
