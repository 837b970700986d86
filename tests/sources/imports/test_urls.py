"""Importing from URLs: only what is new, only what is whole, and every week."""

import hashlib

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from sources.imports import DownloadFailedError, ImportRefusedError, import_again, import_url
from sources.models import Catalogue, Directory, DirectoryImport, Facility, Status
from sources.tasks import import_directory, import_watched
from tests.portals import Answer, Listener
from tests.sources.bundles import bundle, endpoint, organization
from tests.sources.imports.listings import RIVER, catalogue

pytestmark = pytest.mark.django_db


class Publisher:
    """Publishes one file, with or without saying which edition it is."""

    def __init__(self):
        self.etag, self.status, self.asked = "", 200, []
        self.publish("River", "Lake")

    def publish(self, *names: str) -> None:
        places = [organization(number, name, endpoints=(1,)) for number, name in enumerate(names, start=2)]
        self.body = bundle(endpoint(1, RIVER), *places)

    def answer(self, request) -> Answer:
        self.asked.append(request)
        if self.etag and request.headers.get("If-None-Match") == self.etag:
            return Answer(304)
        return Answer(self.status, self.body, {"ETag": self.etag} if self.etag else {})


@pytest.fixture
def publisher():
    return Publisher()


@pytest.fixture
def url(publisher):
    with Listener("publisher", publisher.answer) as running:
        yield f"{running.origin}/brands"


def imported(url, **order):
    return import_url(url, environment="sandbox", **order)


def test_a_url_is_imported_and_names_its_directory(url, publisher):
    report = imported(url, vendor="epic")

    assert report.of("facilities") == {"added": 2}
    directory = Directory.objects.get()
    assert (directory.name, directory.url, directory.vendor, directory.is_watched) == (url, url, "epic", False)
    assert directory.sha256 == hashlib.sha256(publisher.body).hexdigest()
    assert directory.last_result == "Facilities: 2 added; sources: 1 added."


@pytest.mark.parametrize("etag", ['"1"', ""], ids=["by its ETag", "by its content"])
def test_an_edition_that_was_imported_is_nothing_new(url, publisher, etag):
    publisher.etag = etag
    imported(url)
    before, version = catalogue(), Catalogue.current_version()

    report = imported(url)

    assert report.status == Status.UNCHANGED
    assert (catalogue(), Catalogue.current_version()) == (before, version)
    assert publisher.asked[-1].headers.get("If-None-Match") == (etag or None)
    assert Directory.objects.get().last_result == "The publisher has nothing newer."


def test_another_vendor_is_something_new_about_the_same_edition(url, publisher):
    publisher.etag = '"1"'
    imported(url)

    assert imported(url, vendor="epic").of("sources") == {"changed": 1}


@pytest.mark.parametrize("status", [404, 500, 304])
def test_what_is_not_there_changes_nothing_and_is_noted(url, publisher, status):
    imported(url)
    before = catalogue()
    publisher.status = status
    Directory.objects.update(sha256="")

    with pytest.raises(DownloadFailedError, match=f"status {status}"):
        imported(url)

    assert catalogue() == before
    assert f"status {status}" in Directory.objects.get().last_result
    assert DirectoryImport.objects.order_by("pk").last().status == Status.REFUSED


def test_a_file_that_cannot_be_read_changes_nothing_and_is_noted(url, publisher):
    imported(url)
    before = catalogue()
    publisher.body = publisher.body[:-20]

    with pytest.raises(ImportRefusedError):
        imported(url)

    assert catalogue() == before
    assert Directory.objects.get().last_result.startswith("Refused. ")


def test_production_goes_to_public_addresses_only(url):
    with pytest.raises(DownloadFailedError, match=r"not allowed|not https"):
        import_url(url, environment="production")
    assert not Directory.objects.exists()


def test_a_dry_run_leaves_no_directory(url):
    assert imported(url, dry_run=True).of("facilities") == {"added": 2}
    assert not Directory.objects.exists()


class TestEveryWeek:
    def test_each_watched_directory_gets_one_job(self, url):
        imported(url, is_watched=True)
        Directory.objects.create(name="unwatched", environment="sandbox", url="https://x.example/")

        import_watched(timestamp=0)
        import_watched(timestamp=0)

        # Tests whose transactions end for good may have left jobs of other kinds.
        [job] = ProcrastinateJob.objects.filter(task_name="sources.tasks.import_directory")
        directory = Directory.objects.get(is_watched=True)
        assert job.args["directory_id"] == directory.pk

    def test_the_job_brings_the_next_edition_with_the_same_name_and_vendor(self, url, publisher):
        imported(url, is_watched=True, directory="Brands", vendor="epic")
        publisher.publish("River Health", "Lake")

        report = import_again(Directory.objects.get().pk, by="weekly job")

        assert report.of("facilities") == {"renamed": 1}
        assert DirectoryImport.objects.get(pk=report.import_id).by == "weekly job"
        assert set(Facility.objects.values_list("sources__type", flat=True)) == {"epic"}

    def test_a_directory_that_is_gone_is_no_error(self):
        assert import_again(4711, by="weekly job") is None

    def test_a_network_fault_is_tried_again_later_and_a_bad_file_is_not(self, url, publisher):
        imported(url)
        directory = Directory.objects.get()
        publisher.status = 500
        with pytest.raises(DownloadFailedError) as network_fault:
            import_directory(directory.pk, by="boss")
        publisher.status, publisher.body = 200, b"no directory"
        with pytest.raises(ImportRefusedError) as bad_file:
            import_directory(directory.pk, by="boss")

        assert decision(network_fault.value, attempts=1) is not None
        assert decision(network_fault.value, attempts=5) is None
        assert decision(bad_file.value, attempts=1) is None


def decision(exception: Exception, *, attempts: int):
    """Whether and when the job is tried again."""
    job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="x", task_kwargs={}, attempts=attempts)
    return import_directory.get_retry_exception(exception, job)
