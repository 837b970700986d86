"""Reads lists that are not FHIR: Lantern's, and any list of names and FHIR base URLs, as JSON or CSV.

Each row is an organization at a URL. Its identity is the base URL, its name (whatever the case and punctuation)
and the first five digits of its postal code: so several organizations of one URL are kept apart, and the same
row twice is one. What a list nowhere says, such as the FHIR version, is known from the address or not at all
(`servers.py`); an address that says nothing is taken for R4 and for patients.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from sources.reading import addresses, servers
from sources.reading.addresses import AddressRefusedError
from sources.reading.brand_resources import ALIASES, NAME_LENGTH, NPIS, PLACE_LENGTH, npis_in
from sources.reading.columns import Column, Columns
from sources.reading.elements import name_in, text
from sources.reading.listing import (
    Address,
    Format,
    ListedFacility,
    ListedPortal,
    ListedSource,
    Listing,
    Refusal,
    UnreadableDirectoryError,
    numbered,
)
from sources.reading.states import STATE_CODES, medicaid_of, state_code

_STATE_BEFORE = re.compile(r"([A-Z]{2}) - (\S.*)")
_EPIC_PATH = re.compile(r"(.+)/api/FHIR/[^/]+", re.IGNORECASE)


@dataclass(slots=True)
class _Server:
    """What the rows of one URL say of it."""

    names: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    developers: set[str] = field(default_factory=set)
    vendors: set[str] = field(default_factory=set)
    portal_url: str | None = None


class PlainList:
    """Takes the rows of a list one by one, and makes a `Listing` of them."""

    def __init__(self, *, sandbox: bool) -> None:
        self.sandbox = sandbox
        self.listing = Listing(Format.JSON_LIST)
        self.columns = Columns()
        self.found: set[Column] = set()
        self.keys: tuple[str, ...] = ()
        self._taken = 0
        self._facilities: dict[str, ListedFacility] = {}
        self._servers: dict[str, _Server] = {}

    def take(self, row: Any) -> None:
        """Take one row. A bad row costs that row, and its reason is counted."""
        self._taken += 1
        if not isinstance(row, dict):
            self.listing.refuse(Refusal.MALFORMED, numbered(self._taken, text(row, 200)))
            return
        said = self.columns.values_of(row)
        self.keys = self.keys or tuple(row)
        self.found.update(said)
        names = _names(said)
        try:
            url = self._url(said)
        except AddressRefusedError as refused:
            # Not the address of a refused one with a password: it would be kept for staff to read.
            is_secret = refused.refusal is Refusal.CREDENTIALS or not said.get(Column.URL)
            example = text(names[0] if is_secret and names else said.get(Column.URL), 200)
            self.listing.refuse(refused.refusal, example or numbered(self._taken))
            return
        if not names:
            self.listing.refuse(Refusal.NO_NAME, url)
        else:
            self._keep(url, _as_medicaid(url, names, said), said)

    def take_all(self, rows: Iterable[Any]) -> None:
        for row in rows:
            self.take(row)

    def finish(self, kind: Format) -> Listing:
        """All that was taken. Raises UnreadableDirectoryError where it was no list of FHIR servers at all."""
        self._check_columns()
        self.listing.format = kind
        self.listing.facilities = list(self._facilities.values())
        self.listing.sources = [self._source(url, server) for url, server in self._servers.items()]
        return self.listing

    def _check_columns(self) -> None:
        folded = {key.lower() for key in self.keys[:20]}
        if {"formattype", "filename"} <= folded or self.found == {Column.DEVELOPER}:
            raise UnreadableDirectoryError(
                "The file names developers and the web pages where they publish their lists, not FHIR servers."
            )
        if not self.keys:
            raise UnreadableDirectoryError("The file lists nothing.")
        for column, what in ((Column.URL, "FHIR base URLs"), (Column.NAME, "names")):
            if column not in self.found and not (column is Column.NAME and Column.STATE in self.found):
                words = ", ".join(text(key, 40) for key in self.keys[:12])
                raise UnreadableDirectoryError(f"No column of the file holds {what}. Its columns are: {words}.")

    def _url(self, said: dict[Column, str]) -> str:
        url = addresses.base_url(said.get(Column.URL, ""), sandbox=self.sandbox)
        if servers.is_for_clinicians(url):
            raise AddressRefusedError(Refusal.PROVIDERS)
        version = said.get(Column.VERSION, "").upper()
        if version and not (version.startswith("4.") or "R4" in version):
            raise AddressRefusedError(Refusal.FHIR_VERSION)
        if not version and servers.speaks_old_fhir(url):
            raise AddressRefusedError(Refusal.FHIR_VERSION)
        return url

    def _keep(self, url: str, names: list[str], said: dict[Column, str]) -> None:
        server = self._servers.setdefault(url, _Server())
        server.names.add(names[0])
        server.groups.update(filter(_is_name, (said.get(Column.PARENT, ""), said.get(Column.HOST, ""))))
        developer = said.get(Column.DEVELOPER, "")
        server.developers.add(developer)
        server.vendors.add(_vendor(url, developer, said.get(Column.TOKEN, "")) or "")
        server.portal_url = server.portal_url or addresses.link(said.get(Column.PORTAL, ""), sandbox=self.sandbox)
        facility = _facility(url, names, said)
        known = self._facilities.get(facility.identity)
        if known is not None:
            self.listing.refuse(Refusal.DUPLICATE, facility.name)
            facility = replace(known, npis=tuple(dict.fromkeys(known.npis + facility.npis))[:NPIS])
        self._facilities[facility.identity] = facility

    def _source(self, url: str, server: _Server) -> ListedSource:
        vendors = server.vendors - {""}
        vendor = vendors.pop() if len(vendors) == 1 else None
        return ListedSource(url, _source_name(url, server, vendor), vendor=vendor, portal_url=server.portal_url)


def _as_medicaid(url: str, names: list[str], said: dict[Column, str]) -> list[str]:
    """A row that is called like a state is its Medicaid programme, but for a practice at a vendor of practices."""
    is_state = len(names) == 1 and state_code(names[0]) and not (said.get(Column.ZIP) or said.get(Column.NPI))
    if not is_state or servers.vendor_of(url):
        return names
    name, aliases = medicaid_of(names[0])
    return [name, *aliases]


def _names(said: dict[Column, str]) -> list[str]:
    """The row's name and then its aliases. A list of states alone has their names."""
    names = said.get(Column.NAME, "").splitlines() or said.get(Column.PARENT, "").splitlines()[:1]
    if not names and Column.NAME not in said and Column.STATE in said:
        names = said[Column.STATE].splitlines()[:1]
    names += [alias for line in said.get(Column.ALIAS, "").splitlines() for alias in re.split(r"[;|]", line)]
    names += said.get(Column.PARENT, "").splitlines()[:1]
    return list(dict.fromkeys(filter(None, (name_in(one, NAME_LENGTH) for one in names))))


def _facility(url: str, names: list[str], said: dict[Column, str]) -> ListedFacility:
    postal_code = text(said.get(Column.ZIP), 20)
    name, state_before = _without_state(names[0])
    state = text(said.get(Column.STATE) or state_before or _state_in(said), PLACE_LENGTH)
    return ListedFacility(
        identity=f"{url} {_folded(names[0])} {postal_code[:5]}".strip(),
        name=name,
        portals=(ListedPortal(url),),
        aliases=tuple(names[1 : ALIASES + 1]),
        address=Address(
            line=text(said.get(Column.LINE), NAME_LENGTH),
            city=text(said.get(Column.CITY), PLACE_LENGTH),
            state=state_code(state) or state,
            postal_code=postal_code,
            country=text(said.get(Column.COUNTRY), PLACE_LENGTH),
        ),
        website=addresses.host(said.get(Column.WEBSITE, ""))[:NAME_LENGTH],
        phone=text(said.get(Column.PHONE), 50),
        npis=npis_in(said.get(Column.NPI, "")),
    )


def _without_state(name: str) -> tuple[str, str]:
    """A name, and the state that one vendor writes before it: "OH - Riverside Clinic"."""
    found = _STATE_BEFORE.fullmatch(name)
    return (found[2], found[1]) if found and found[1] in STATE_CODES else (name, "")


def _state_in(said: dict[Column, str]) -> str:
    name = said.get(Column.NAME, "")
    return name if state_code(name) and not said.get(Column.ZIP) else ""


def _folded(name: str) -> str:
    """The name as it is compared: no case, accents or punctuation. A name of nothing else stays itself."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return " ".join(re.findall(r"[^\W_]+", plain)) or name


def _is_name(value: str) -> bool:
    """Whether it is what people say, and not an id, a digest or a reference."""
    return bool(value) and not re.search(r"[\d/=_\n]", value)


def _vendor(url: str, developer: str, token_url: str) -> str | None:
    if vendor := servers.vendor_of(url):
        return vendor
    # Epic's own layout: what answers at …/api/FHIR/R4 has its OAuth at …/oauth2.
    epic = _EPIC_PATH.fullmatch(url)
    if epic and token_url.rstrip("/").lower() == f"{epic[1]}/oauth2/token".lower():
        return "epic"
    return servers.vendor_called(developer) if developer else None


def _source_name(url: str, server: _Server, vendor: str | None) -> str:
    """The sole organization's name; else what the file calls them together, the vendor's name, or the host."""
    for names in (server.names, server.groups):
        if len(names) == 1:
            return text(next(iter(names)), NAME_LENGTH)
    if vendor:
        return servers.VENDORS[vendor]
    developer = next(iter(server.developers)) if len(server.developers) == 1 else ""
    words = text(re.sub(r"_\d+$", "", developer).replace("_", " "), NAME_LENGTH)
    return words or urlsplit(url).netloc
