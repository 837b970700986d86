"""Web addresses as patients paste them: a portal's page, a hospital's site, a FHIR base URL, whole or in part."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sources.searching.vocabulary import GENERIC
from sources.searching.words import canonical, words_of

_LINK = re.compile(
    r"https?:/|www\.|[^/\s]+\.(?:com|org|net|edu|gov|us|info|health|care|io|clinic|md|co|mil)(?:[/:?#]|$)|"
    r"[^/\s]+\.[^/\s]+\.[^/\s]+/|[^/\s]+\.example(?:[/:?#]|$)",
    re.IGNORECASE,
)
# The name that a vendor gives to one customer, in a FHIR base URL.
_TENANT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# What the domain of a portal may have before the name of whose it is, and behind it.
_OF_PORTALS = re.compile(r"^my(?:chart)?(?=...)|(?:my)?(?:chart|online|portal|patients?)$")
# What more sources have at the end of their URLs is no customer's code.
_HOSTS_OF_ONE = 3
# A host of more sources than this is a vendor's.
_SHARED_BY = 20
# Labels that say nothing about whose site it is.
_PLAIN = {"www", "fhir", "api", "com", "org", "net", "edu", "gov", "example", "prod", "prd", "https", "http"}


def is_link(chunk: str) -> bool:
    return _LINK.match(chunk) is not None or _TENANT.fullmatch(chunk) is not None


def tenant_ids(link: str) -> list[str]:
    """The UUIDs in a link, in lower case."""
    return [found.lower() for found in _TENANT.findall(link)]


def host_of(link: str) -> str:
    """The host in lower case without `www.`: `HTTPS://www.River.org/x` is river.org; that of a mail address, too."""
    rest = re.sub(r"^[a-z]*:/*", "", link.strip().casefold())
    return re.split(r"[/:?#]", rest)[0].rpartition("@")[2].removeprefix("www.").strip(".")


def address_of(link: str) -> str:
    """Host and path, to compare base URLs by."""
    rest = re.sub(r"^[a-z]*:/*", "", link.strip().casefold()).removeprefix("www.")
    return re.split(r"[?#]", rest)[0].rstrip("/")


def addresses_of(link: str) -> list[str]:
    """The address and those that it is below, longest first: of a pasted page, one may be a FHIR base URL."""
    parts = address_of(link).split("/")
    return ["/".join(parts[:length]) for length in range(len(parts), 1, -1)][:10]


def host_suffixes(host: str) -> list[str]:
    """The host and the domains it belongs to, longest first: a.b.org, b.org."""
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


def site_names(link: str) -> list[str]:
    """What a site is called: of www.my-uchealth.org myuchealth, and without what portals are called uchealth."""
    domain = "".join(words_of(host_of(link).rpartition(".")[0].rpartition(".")[2]))
    names = dict.fromkeys([domain, _OF_PORTALS.sub("", domain)])
    return [name for name in names if len(name) > 2 and canonical(name) not in GENERIC]


def host_words(host: str) -> list[str]:
    """The telling words of a host: mychart.river-health.org has mychart, river, health, riverhealth."""
    labels = [label for label in host.split(".")[:-1] if label not in _PLAIN]
    words = [word for label in labels for word in words_of(label)]
    return list(dict.fromkeys([*words, *("".join(words_of(label)) for label in labels)]))


@dataclass(frozen=True, slots=True)
class Host:
    """The part of a host that says whose it is: itself with its domains, and its telling words."""

    suffixes: list[str]
    words: list[str]


NO_HOST = Host([], [])


def shared_hosts(sources: Iterable[Iterable[str]]) -> set[str]:
    """Hosts and domains in the links of so many sources that they do not say whose they are, such as a vendor's."""
    uses: Counter[str] = Counter()
    for links in sources:
        uses.update({suffix for link in links for suffix in host_suffixes(host_of(link))})
    return {suffix for suffix, count in uses.items() if count > _SHARED_BY}


def own_host(link: str, shared: set[str]) -> Host:
    """What of a link's host says whose it is."""
    suffixes = [suffix for suffix in host_suffixes(host_of(link)) if suffix not in shared]
    if not suffixes:
        return NO_HOST
    common = suffixes[-1].partition(".")[2]
    telling = suffixes[0].removesuffix(f".{common}") if common in shared else suffixes[0].rpartition(".")[0]
    return Host(suffixes, host_words(f"{telling}.end"))


def customers(base_urls: Mapping[str, str], shared: set[str]) -> dict[str, str]:
    """Of each source, by its FHIR base URL, a name for whose it is: vendors list one customer at two or three of their
    hosts, under the same code at the end. Any other source has a name of its own.
    """
    at_vendors = {source: url for source, url in base_urls.items() if host_of(url) in shared}
    codes = {source: address_of(url).rpartition("/")[2] for source, url in at_vendors.items()}
    uses = Counter(codes.values())
    twice = {source: code for source, code in codes.items() if 1 < uses[code] <= _HOSTS_OF_ONE}
    return {source: twice.get(source, source) for source in base_urls}
