"""Bringing a listing into the catalogue: one transaction, and no change where nothing changed."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from sources.imports.changes import Changes
from sources.imports.entries import store_entries
from sources.imports.facilities import Facilities
from sources.imports.matching import Place, gathered, match
from sources.imports.orders import Edition, ImportRefusedError, Order
from sources.imports.portals import store_portals
from sources.imports.report import Report, report_of
from sources.imports.retiring import Extent, extent_of, retire_and_return
from sources.imports.sources import Sources, usable
from sources.models import Catalogue, Directory, DirectoryImport, Rank, Status
from sources.reading.listing import Listing

MOST_RETIRED = 0.1


def store(listing: Listing, order: Order, edition: Edition, *, all_names: bool = False) -> Report:
    """Write a listing into the catalogue and say what that changed, with `all_names` or the first of each kind.

    Raises ImportRefusedError, and leaves the catalogue as it was, where nothing can be used or more than a
    tenth of what the directory listed would be retired without `force`.
    """
    with transaction.atomic():
        Catalogue.lock()
        storing = _Storing(listing, order, edition)
        storing.run()
        report = report_of(storing.record, all_names=all_names, dry_run=order.dry_run)
        transaction.set_rollback(order.dry_run)
    return report


def _directory(listing: Listing, order: Order) -> Directory:
    directory, _ = Directory.objects.get_or_create(environment=order.environment, name=order.directory)
    directory.rank = Rank.BUNDLE if listing.format.describes_well else Rank.LIST
    directory.vendor = order.vendor or directory.vendor
    directory.url = order.url or directory.url
    if order.is_watched is not None:
        directory.is_watched = order.is_watched
    directory.save()
    return directory


def _import(directory: Directory, listing: Listing, order: Order, edition: Edition) -> DirectoryImport:
    return DirectoryImport.objects.create(
        directory=directory,
        origin=order.origin,
        sha256=edition.sha256,
        size=edition.size,
        format=listing.format.value,
        environment=order.environment,
        vendor=order.vendor,
        started_at=order.started_at,
        by=order.by,
        status=Status.APPLIED,
    )


class _Storing:
    """One import in its transaction: its steps, in the order in which they need each other."""

    def __init__(self, listing: Listing, order: Order, edition: Edition) -> None:
        self.listing, self.order, self.edition = listing, order, edition
        self.directory = _directory(listing, order)
        self.record = _import(self.directory, listing, order, edition)
        self.changes = Changes(self.record)

    def run(self) -> None:
        now, known = timezone.now(), extent_of(self.directory)
        source_ids = Sources(self.directory, self.order.vendor, self.changes).store(self.listing, now)
        places = gathered(usable(self.listing, source_ids), self.directory.key)
        if not places:
            raise ImportRefusedError(f"Nothing in it can be used. {_reasons(self.listing)}".strip())
        match(self.directory, places, source_ids)
        Facilities(self.directory, self.changes).store(places)
        self._store_what_is_listed(places, source_ids, known, now)
        self.changes.write()
        self._note(Extent(len(places), len(source_ids)))

    def _store_what_is_listed(
        self, places: list[Place], source_ids: dict[str, str], known: Extent, now: datetime
    ) -> None:
        store_entries(self.directory, places, source_ids, self.changes)
        store_portals(self.directory, places, source_ids, self.changes)
        retired = retire_and_return(self.changes, now)
        if not self.order.force:
            _refuse_too_many(retired.facilities, known.facilities, "places")
            _refuse_too_many(retired.sources, known.sources, "sources")

    def _note(self, listed: Extent) -> None:
        """Note how it ended, with the import and with its directory."""
        counts = self.changes.counts
        has_changes = any(counts.values())
        run, directory = self.record, self.directory
        run.status = Status.APPLIED if has_changes else Status.UNCHANGED
        run.counts = {
            "facilities": {**counts["facilities"], "listed": listed.facilities},
            "sources": {**counts["sources"], "listed": listed.sources},
        }
        run.refusals = {
            refusal.value: {"count": count, "examples": self.listing.examples.get(refusal, [])}
            for refusal, count in self.listing.refusals.most_common()
            if count
        }
        run.finished_at = timezone.now()
        run.save()
        directory.etag, directory.last_modified = self.edition.etag, self.edition.last_modified
        directory.sha256, directory.last_checked_at = self.edition.sha256, run.finished_at
        directory.last_result = run.summary
        # Staff may have switched the watch meanwhile.
        directory.save(update_fields=["etag", "last_modified", "sha256", "last_checked_at", "last_result"])
        if has_changes:
            Catalogue.changed()


def _refuse_too_many(retired: int, known: int, what: str) -> None:
    """A directory that lost much was more likely cut off or mistaken than right. One may always go."""
    if retired > max(1, known * MOST_RETIRED):
        raise ImportRefusedError(
            f"It would retire {retired} of the {known} {what} that the directory listed: more than 10 %. "
            "If that is right, import it with --force; --dry-run --force shows which."
        )


def _reasons(listing: Listing) -> str:
    return " ".join(f"{count} × {refusal.value}." for refusal, count in listing.refusals.most_common(3))
