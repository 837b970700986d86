"""Which column of a list holds what. Lists call the same thing by many names; the columns are found by looking."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sources.reading.elements import text

LENGTH = 2000


class Column(StrEnum):
    NAME = "name"
    URL = "url"
    LINE = "line"
    CITY = "city"
    STATE = "state"
    ZIP = "zip"
    COUNTRY = "country"
    NPI = "npi"
    ALIAS = "alias"
    PARENT = "parent"
    HOST = "host"  # the organization that runs the server for others
    DEVELOPER = "developer"
    VERSION = "version"
    PORTAL = "portal"
    WEBSITE = "website"
    PHONE = "phone"
    TOKEN = "token"  # noqa: S105 (an address, not a secret)


# Column names in small letters without spaces and punctuation, the best first. `…*` is a beginning, `*…*` a part.
_KNOWN_AS = {
    Column.NAME: "brandname* organizationname brand organization name facilityname facility displayname "
    "endpointname practicename practice hospital healthsystem payer plan planname",
    Column.URL: "fhirbaseurl *fhirurl* *baseurl* fhirendpoint fhirendpointurl fhirserver endpointurl url endpoint "
    "serviceroot serviceurl resourceurl",
    Column.LINE: "addressline line street streetaddress address1 addressline1",
    Column.CITY: "city town",
    Column.STATE: "state stateprovince province statecode",
    Column.ZIP: "zip zipcode postalcode organizationzipcode postcode",
    Column.COUNTRY: "country countrycode",
    Column.NPI: "npi npiid npis npinumber",
    Column.ALIAS: "alias aliases aka alsoknownas othernames",
    Column.PARENT: "parentorganizationname parent parentname parentorganization",
    Column.HOST: "managingorganization",
    Column.DEVELOPER: "list vendor developer developername ehr ehrvendor source",
    Column.VERSION: "fhirversion version",
    Column.PORTAL: "portalurl portal patientportal patientportalurl",
    Column.WEBSITE: "website site homepage",
    Column.PHONE: "phone phonenumber telephone",
    Column.TOKEN: "token tokenurl",
}
_PLURAL = re.compile(r"\(s\)|names\b", re.IGNORECASE)


@dataclass
class Columns:
    """Remembers for each set of keys which of them is what: most lists have one set."""

    _seen: dict[tuple[str, ...], dict[Column, str]] = field(default_factory=dict)

    def values_of(self, row: dict[str, Any]) -> dict[Column, str]:
        """What the row says, by column: text on one line, never None. A list becomes lines, and so does what names
        several.
        """
        keys = tuple(row)
        if keys not in self._seen:
            if len(self._seen) >= 100:  # rows with keys of their own: nothing worth remembering
                self._seen.clear()
            self._seen[keys] = columns_in(keys)
        return {column: _lines(row[key], _names_several(column, key)) for column, key in self._seen[keys].items()}


def columns_in(names: Iterable[str]) -> dict[Column, str]:
    """The name of each column that could be recognised."""
    folded = {re.sub(r"[\W_]", "", name[:LENGTH]).lower(): name for name in reversed(list(names))}
    found: dict[Column, str] = {}
    for column, known in _KNOWN_AS.items():
        for pattern in known.split():
            name = next((name for fold, name in folded.items() if _is_like(fold, pattern)), None)
            if name is not None and name not in found.values():
                found[column] = name
                break
    return found


def _is_like(folded: str, pattern: str) -> bool:
    word = pattern.strip("*")
    if pattern.startswith("*"):
        return word in folded
    return folded.startswith(word) if pattern.endswith("*") else folded == word


def _names_several(column: Column, name: str) -> bool:
    """Whether a cell of the column may name several, each on a line of its own: as "Brand Name(s)" does."""
    return column is Column.ALIAS or (column is Column.NAME and _PLURAL.search(name) is not None)


def _lines(value: Any, is_of_several: bool) -> str:
    if isinstance(value, list):
        return "\n".join(_lines(one, is_of_several) for one in value[:100] if not isinstance(one, list))
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**20 else ""
    if not isinstance(value, str):
        return ""
    if not is_of_several:
        return text(value[: 10 * LENGTH], LENGTH)
    return "\n".join(filter(None, (text(line, LENGTH) for line in value[: 10 * LENGTH].splitlines())))
