"""What `make bench-webhooks` measures: events are delivered, the bare loop posts the same, claims stay cheap."""

import json

import pytest
from django.db import connection
from django.utils import timezone

from bench import webhooks, webhooks_beside
from tests.webhooks.dispatching import dispatching
from tests.webhooks.receivers import Receiver
from tests.webhooks.receivers.behaviours import answers
from webhooks.claiming import claim
from webhooks.sharing import Slots

pytestmark = pytest.mark.django_db(transaction=True)

# Of 8 kB. Reading one table whole takes several times as many.
MOST_PAGES = 400


def test_the_bare_loop_posts_what_was_delivered():
    with Receiver(answers()) as first, Receiver(answers()) as second:
        endpoints = webhooks.made([first.port, second.port])
        with dispatching():
            written = webhooks.write(endpoints, 20, together=3)
            webhooks.wait_until_delivered(written.healthy | written.hanging)
        delivered = [heard.body for heard in second.heard]
        webhooks.bare_loop(written.healthy)

        assert (len(written.hanging), len(written.healthy)) == (10, 10)
        assert len(first.heard) == 10
        assert sorted(heard.body for heard in second.heard) == sorted(delivered * 2)


@pytest.mark.parametrize(("endpoints", "deliveries"), [(1, 20_000), (2_000, 20_000)])
def test_a_claim_reads_little_however_much_is_waiting(endpoints, deliveries):
    webhooks_beside.fill(endpoints=endpoints, deliveries=deliveries, due=timezone.now())
    claim(Slots(total=4), timezone.now())
    pages: list[int] = []

    def explaining(execute, sql, params, many, context):
        if "webhooks_" in sql and "EXPLAIN" not in sql:
            pages.append(pages_of(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explaining):
        claim(Slots(total=4), timezone.now())

    assert len(pages) == 3
    assert sum(pages) < MOST_PAGES + 20 * min(endpoints, 250)


def pages_of(sql: str, parameters) -> int:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, parameters)
        [(found,)] = cursor.fetchall()
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
