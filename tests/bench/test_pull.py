"""What `make bench-pull` measures: the pull brings what the bare loop sees, and a second one writes nothing."""

import threading
from http.server import ThreadingHTTPServer

import pytest
from django.db import connection as database
from django.utils import timezone

from bench.fhir_server import handler, made_pages
from bench.pull import asked, bare_loop, connected
from patients.holding import holding
from records import pulling
from records.models import Pull, PullKind, PullStatus, Record
from records.operations import request_pull

COUNT = 250


@pytest.fixture
def port():
    pages: list[bytes] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(pages, 0.0))
    pages += made_pages(f"http://127.0.0.1:{server.server_port}/fhir", COUNT)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("kind", "received"), [(PullKind.MANUAL, COUNT + 21), (PullKind.SCHEDULED, 1)])
def test_a_pull_brings_what_the_bare_loop_sees_and_a_second_one_writes_nothing(port, kind, received):
    connection = connected(port)

    def pulled(kind: PullKind) -> Pull:
        with holding(connection.patient_id):
            pull = request_pull(connection, kind, timezone.now())
        with database.cursor() as cursor:  # no worker is to take it
            cursor.execute("DELETE FROM procrastinate_jobs")
        pulling.go_on(pull.pk, timezone.now())
        return Pull.objects.get(pk=pull.pk, status=PullStatus.COMPLETED)

    assert bare_loop(port)[1] == COUNT
    assert pulled(PullKind.FIRST).added == COUNT + 21  # the patient and twenty practitioners
    before = int(asked("SELECT pg_current_xact_id()::text::bigint"))
    second = pulled(kind)

    assert (second.received, second.added, second.changed) == (received, 0, 0)
    assert Record.objects.extra(where=[f"xmin::text::bigint >= {before}"]).count() == 0
