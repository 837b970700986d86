"""`manage.py worker`: runs background jobs and delivers events until it is asked to stop."""

import asyncio
import signal
from argparse import ArgumentTypeError
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from procrastinate import PsycopgConnector
from procrastinate.connector import BaseConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.utils import connector_params

from common.stopping import stopping
from records.operations import QUEUE as PULLS
from records.progress import AT_ONCE_PER_SOURCE
from webhooks.dispatcher import AT_ONCE as DELIVERIES_AT_ONCE
from webhooks.dispatcher import Dispatcher
from webhooks.mails import QUEUE as MAILS

# A job that was put off is looked for so often; new ones announce themselves.
POLLING_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
# After so long without a heartbeat a worker is believed dead, and what it was doing is done again.
STALLED_SECONDS = 30.0
# A worker that gets no connection for so long has lost the database.
DATABASE_SECONDS = 10.0
# More than one portal may take up, so that one that hangs leaves room for the others.
AT_ONCE = 2 * AT_ONCE_PER_SOURCE
# One mail at a time: a mail server that hangs holds up nothing else.
MAILS_AT_ONCE = 1
# One delivers events; the others are what asyncio itself wants while all jobs run, to look up the database's host.
_SPARE_THREADS = 3
_ASKED_TO_END = (signal.SIGINT, signal.SIGTERM)
ENDED = "The worker ended by itself; its log says why. Start it again: what it was doing is done again."


class Command(BaseCommand):
    help = (
        "Run background jobs and deliver events. Pulls of records, deliveries and mails have threads of their own, so "
        "that they never hold up the rest. "
        "Start as many as you like, on as many machines. SIGTERM ends it at the next page of what it is doing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--pulls", type=_number, default=AT_ONCE, help="how many pulls at once (default: %(default)s)"
        )
        parser.add_argument(
            "--others", type=_number, default=4, help="how many other jobs at once (default: %(default)s)"
        )
        deliveries = "how many deliveries of events at once, 0 for none at all (default: %(default)s)"
        parser.add_argument("--deliveries", type=_number, default=DELIVERIES_AT_ONCE, help=deliveries)

    def handle(self, *args: Any, **options: Any) -> None:
        connector = Connector(kwargs=connector_params(), timeout=DATABASE_SECONDS)
        try:
            with app.replace_connector(connector):
                asyncio.run(_run(options["pulls"], options["others"], options["deliveries"]))
        finally:
            # It ends by now: whoever asks again must not cut off what Python itself still has to close.
            for number in _ASKED_TO_END:
                signal.signal(number, signal.SIG_IGN)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError("This is a number from 0.")
    return int(text)


class Connector(PsycopgConnector):
    """The queue for the loop; for the threads of the jobs it is Django's connection.

    So what a job enqueues comes with the transaction around it, as everywhere.
    """

    def get_sync_connector(self) -> BaseConnector:
        return DjangoConnector()


async def _run(pulls: int, others: int, deliveries: int) -> None:
    """All kinds of work side by side, until all have come to their end."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(
        ThreadPoolExecutor(pulls + others + MAILS_AT_ONCE + _SPARE_THREADS, thread_name_prefix="job")
    )
    other_queues = sorted({task.queue for task in app.tasks.values()} - {PULLS, MAILS})
    dispatcher = Dispatcher(deliveries) if deliveries else None
    async with app.open_async():
        workers = [
            asyncio.create_task(_worker("pulls", [PULLS], pulls)),
            asyncio.create_task(_worker("jobs", other_queues, others)),
            asyncio.create_task(_worker("mails", [MAILS], MAILS_AT_ONCE)),
        ]
        sending = [asyncio.create_task(asyncio.to_thread(dispatcher.run))] if dispatcher else []

        def stop() -> None:
            _stop(workers)
            if dispatcher:
                dispatcher.wake()

        def asked(*_: object) -> None:
            if not stopping.is_set():
                loop.call_soon_threadsafe(stop)

        # Not the loop's own handlers: it takes those away when it closes, and the next signal would kill.
        for number in _ASKED_TO_END:
            signal.signal(number, asked)
        await asyncio.wait([*workers, *sending], return_when=asyncio.FIRST_COMPLETED)
        was_asked = stopping.is_set()
        stop()
        ends = await asyncio.gather(*workers, *sending, return_exceptions=True)
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
        # Who listens keeps a connection to itself. Mails may come a second later.
        listen_notify=name != "mails",
    )


def _stop(workers: "list[asyncio.Task[None]]") -> None:
    """Take no new jobs; let those that run come to a good moment. Once: a second cancellation would cut them off."""
    if stopping.is_set():
        return
    stopping.set()
    for worker in workers:
        worker.cancel()
