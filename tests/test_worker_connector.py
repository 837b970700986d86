"""What a job enqueues in a worker comes with the transaction around it, as it does in a request."""

import asyncio

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params

from medblocks_connect.management.commands.worker import Connector

TASK = "webhooks.tasks.forget_old_events"

pytestmark = pytest.mark.django_db(transaction=True)


def in_a_worker(act) -> None:
    """Do this as a job of a worker does."""

    def job() -> None:
        try:
            act()
        finally:
            connection.close()

    async def run() -> None:
        async with app.open_async():
            await asyncio.to_thread(job)

    with app.replace_connector(Connector(kwargs=connector_params())):
        asyncio.run(run())


def enqueue(*, comes_about: bool = True) -> None:
    with transaction.atomic():
        app.configure_task(TASK, queueing_lock="of its own").defer(timestamp=0)
        transaction.set_rollback(not comes_about)


@pytest.mark.parametrize("comes_about", [True, False])
def test_a_job_is_there_if_the_transaction_was_not_taken_back(comes_about):
    ProcrastinateJob.objects.all()._raw_delete("default")

    in_a_worker(lambda: enqueue(comes_about=comes_about))

    assert ProcrastinateJob.objects.filter(task_name=TASK).exists() == comes_about
    ProcrastinateJob.objects.all()._raw_delete("default")
