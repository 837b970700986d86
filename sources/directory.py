"""Bringing a directory into the catalogue: one file, one transaction, and no change where nothing changed."""

import gzip
import hashlib
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from organizations.models import Environment
from sources import brands
from sources.base_urls import source_id
from sources.listing import ListedFacility, ListedSource, Listing, Refusal, UnreadableDirectoryError
from sources.models import Catalogue, Facility, Source

BATCH = 2000
_SOURCE_FIELDS = ["name", "type", "portal_url", "logo_url", "updated_at"]
_FACILITY_FIELDS = ["name", "aliases", "brand", "address_line", "city", "state", "postal_code", "country"]
_FACILITY_FIELDS += ["places", "website", "phone"]


@dataclass
class Tally:
    """What became of the rows of one kind."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def has_changes(self) -> bool:
        return self.added > 0 or self.updated > 0


@dataclass
class Report:
    """What an import did. `refusals` counts the entries left out, by reason."""

    sources: Tally
    facilities: Tally
    refusals: Counter[Refusal]


def import_directory(*, content: bytes, environment: str, vendor: str | None = None) -> Report:
    """Add what a User-access Brands Bundle (plain or gzipped) lists, and update what it lists differently.

    All or nothing; the same file twice changes nothing. Nothing is removed. What the file leaves open
    (vendor, portal, logo) stays as it is. Sources of the other environment and private ones are not
    touched. Raises UnreadableDirectoryError for a file that cannot be read as a whole.
    """
    listing = brands.read(_unpacked(content), sandbox=environment == Environment.SANDBOX)
    return store(listing, environment=environment, vendor=vendor)


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableDirectoryError(f"The gzip file is damaged or incomplete: {error}.") from error


@transaction.atomic
def store(listing: Listing, *, environment: str, vendor: str | None) -> Report:
    """Write a listing of any format into the catalogue, as `import_directory` promises."""
    # Imports wait here for each other.
    Catalogue.objects.select_for_update().get_or_create(id=1)
    refusals = +listing.refusals
    source_ids, sources = _store_sources(listing.sources, environment, vendor, refusals)
    facilities = _store_facilities(listing.facilities, source_ids, environment, refusals)
    if sources.has_changes or facilities.has_changes:
        Catalogue.changed()
    return Report(sources, facilities, refusals)


def _store_sources(
    listed: list[ListedSource], environment: str, vendor: str | None, refusals: Counter[Refusal]
) -> tuple[dict[str, str], Tally]:
    """The ids of the sources that the import may use, by base URL, and what became of them."""
    ids = {one.fhir_base_url: source_id(one.fhir_base_url) for one in listed}
    known = Source.objects.select_for_update().in_bulk(ids.values())
    added, updated = [], []
    for one in listed:
        given = {"name": one.name, "type": vendor, "portal_url": one.portal_url, "logo_url": one.logo_url}
        values = {name: value for name, value in given.items() if value is not None}
        existing = known.get(ids[one.fhir_base_url])
        if existing is None:
            key = {"id": ids[one.fhir_base_url], "fhir_base_url": one.fhir_base_url, "environment": environment}
            added.append(Source(**key, **values))
        elif (refusal := _refusal(existing, environment)) is not None:
            refusals[refusal] += 1
            del ids[one.fhir_base_url]
        elif _changed(existing, values):
            updated.append(existing)
    Source.objects.bulk_create(added, batch_size=BATCH)
    _rewrite(Source, updated, _SOURCE_FIELDS)
    return ids, Tally(len(added), len(updated), len(ids) - len(added) - len(updated))


def _refusal(source: Source, environment: str) -> Refusal | None:
    if source.environment != environment:
        return Refusal.OTHER_ENVIRONMENT
    return Refusal.PRIVATE if source.organization_id is not None else None


def _store_facilities(
    listed: list[ListedFacility], source_ids: dict[str, str], environment: str, refusals: Counter[Refusal]
) -> Tally:
    usable = [one for one in listed if any(url in source_ids for url in one.base_urls)]
    if len(usable) < len(listed):
        refusals[Refusal.NO_ENDPOINT] += len(listed) - len(usable)
    keys = {one.identity: _directory_key(one.identity, environment) for one in usable}
    known = Facility.objects.select_for_update().in_bulk(keys.values(), field_name="directory_key")
    new_ids = iter(_new_ids(len(keys) - len(known)))
    ids = {identity: known[key].pk if key in known else next(new_ids) for identity, key in keys.items()}
    added, changed = [], []
    for one in usable:
        values = _values(one, brand_id=ids.get(one.brand or ""))
        existing = known.get(keys[one.identity])
        if existing is None:
            added.append(Facility(id=ids[one.identity], directory_key=keys[one.identity], **values))
        elif _changed(existing, values):
            changed.append(existing)
    Facility.objects.bulk_create(added, batch_size=BATCH)
    _rewrite(Facility, changed, _FACILITY_FIELDS)
    links = {(ids[one.identity], source_ids[url]) for one in usable for url in one.base_urls if url in source_ids}
    relinked = _store_links(links, list(ids.values()))
    updated = {facility.pk for facility in changed} | (relinked - {facility.pk for facility in added})
    return Tally(len(added), len(updated), len(usable) - len(added) - len(updated))


def _directory_key(identity: str, environment: str) -> str:
    """The same for the same entry in the next edition. A sandbox file never rewrites production's facilities."""
    return hashlib.sha256(f"{environment}:{identity}".encode("utf-8", "surrogatepass")).hexdigest()


def _new_ids(count: int) -> list[int]:
    """Ids known before the rows are written, because the rows name each other as brands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [Facility._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


def _values(listed: ListedFacility, *, brand_id: int | None) -> dict[str, Any]:
    return {
        "name": listed.name,
        "aliases": list(listed.aliases),
        "brand_id": brand_id,
        "address_line": listed.address.line,
        "city": listed.address.city,
        "state": listed.address.state,
        "postal_code": listed.address.postal_code,
        "country": listed.address.country,
        "places": list(listed.places),
        "website": listed.website,
        "phone": listed.phone,
    }


def _changed(row: Source | Facility, values: dict[str, Any]) -> bool:
    """Give the row these values. Whether any of them is new to it."""
    differing = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in differing.items():
        setattr(row, name, value)
    return bool(differing)


def _rewrite(model: type[Source] | type[Facility], rows: list[Any], fields: list[str]) -> None:
    """Write these fields of rows that exist, in few statements."""
    if rows:
        model._default_manager.bulk_create(
            rows, batch_size=BATCH, update_conflicts=True, unique_fields=["pk"], update_fields=fields
        )


def _store_links(wanted: set[tuple[int, str]], facility_ids: list[int]) -> set[int]:
    """Tie these facilities to exactly these sources. The ids of those where that changed something."""
    through = Facility.sources.through
    rows = through.objects.filter(facility_id__in=facility_ids).values_list("facility_id", "source_id", "id")
    known = {(facility, source): pk for facility, source, pk in rows}
    gone, new = known.keys() - wanted, sorted(wanted - known.keys())
    through.objects.filter(pk__in=[known[pair] for pair in gone]).delete()
    through.objects.bulk_create(
        [through(facility_id=facility, source_id=source) for facility, source in new], batch_size=BATCH
    )
    return {facility for facility, _ in [*gone, *new]}
