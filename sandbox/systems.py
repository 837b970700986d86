"""The pretend health systems, as data: what each is called and how strict or odd it is."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.urls import reverse

PROVIDER_TYPES = (
    "AllergyIntolerance",
    "Binary",
    "CarePlan",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Goal",
    "Immunization",
    "Medication",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "Procedure",
)
PAYER_TYPES = ("Coverage", "ExplanationOfBenefit", "Organization", "Patient", "Practitioner")


class AuthMethod(StrEnum):
    """How a client proves itself at the token endpoint."""

    NONE = "none"
    BASIC = "basic"
    POST = "post"


class IdStyle(StrEnum):
    """How FHIR ids look. Real servers differ, and a client may rely on nothing but the id itself."""

    LONG = "long"  # 64 characters of both cases
    UUID = "uuid"
    DASHED = "dashed"  # begins with "-"


@dataclass(frozen=True)
class Facility:
    """A place of a system's that patients may look for."""

    name: str
    address_line: str
    city: str
    state: str
    postal_code: str
    phone: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class SearchRules:
    """What a FHIR server accepts as a search. The default is as lenient as FHIR's own."""

    knows_count: bool = True
    refuses_unknown: bool = False
    wants_one_of: tuple[tuple[str, tuple[str, ...]], ...] = ()  # parameters that searches for a type cannot go without


@dataclass(frozen=True)
class HealthSystem:
    slug: str
    name: str
    portal_name: str
    types: tuple[str, ...]
    auth_method: AuthMethod
    scopes: str  # what a client of this system is registered for
    facilities: tuple[Facility, ...]
    id_style: IdStyle
    page_size: int = 50
    max_page_size: int = 200
    access_lifetime: timedelta = timedelta(hours=1)
    sends_iss: bool = False  # RFC 9207
    search_rules: SearchRules = SearchRules()
    peculiarity: str = ""  # what developers should know of it, as a sentence

    @property
    def is_payer(self) -> bool:
        return "ExplanationOfBenefit" in self.types

    @property
    def client_id(self) -> str:
        return f"sandbox-{self.slug}"

    @property
    def home_path(self) -> str:
        return self.path("home")

    @property
    def sign_in_path(self) -> str:
        return self.path("sign-in")

    @property
    def fhir_base_url(self) -> str:
        return f"{settings.BASE_URL}{self.home_path}fhir"

    @property
    def issuer(self) -> str:
        return f"{settings.BASE_URL}{self.home_path}oauth"

    def path(self, name: str) -> str:
        """The path of one of this system's addresses, by its name in `urls.py`."""
        return reverse(f"sandbox:{name}", args=[self.slug])

    def url(self, name: str) -> str:
        return f"{settings.BASE_URL}{self.path(name)}"


SYSTEMS = (
    HealthSystem(
        slug="riverside",
        name="Riverside General Hospital",
        portal_name="MyRiverside",
        types=PROVIDER_TYPES,
        auth_method=AuthMethod.BASIC,
        scopes="launch/patient offline_access patient/*.rs",
        facilities=(
            Facility(
                name="Riverside General Hospital",
                aliases=("Riverside Hospital", "RGH"),
                address_line="100 River Road",
                city="Portland",
                state="OR",
                postal_code="97201",
                phone="+1 503 555 0100",
            ),
            Facility(
                name="Riverside Family Medicine",
                address_line="18 Mill Street",
                city="Salem",
                state="OR",
                postal_code="97301",
                phone="+1 503 555 0118",
            ),
        ),
        id_style=IdStyle.LONG,
    ),
    HealthSystem(
        slug="lakeshore",
        name="Lakeshore Children's Clinic",
        portal_name="Lakeshore Family Portal",
        types=PROVIDER_TYPES,
        auth_method=AuthMethod.NONE,
        scopes="launch/patient offline_access patient/*.read",
        facilities=(
            Facility(
                name="Lakeshore Children's Clinic",
                aliases=("Lakeshore Pediatrics",),
                address_line="7 Harbor Walk",
                city="Chicago",
                state="IL",
                postal_code="60611",
                phone="+1 312 555 0142",
            ),
        ),
        id_style=IdStyle.UUID,
        page_size=20,
        max_page_size=100,
    ),
    HealthSystem(
        slug="evergreen",
        name="Evergreen Health Plan",
        portal_name="Evergreen Member Center",
        types=PAYER_TYPES,
        auth_method=AuthMethod.POST,
        scopes="launch/patient offline_access " + " ".join(f"patient/{name}.rs" for name in PAYER_TYPES),
        facilities=(
            Facility(
                name="Evergreen Health Plan",
                aliases=("Evergreen Insurance", "EHP"),
                address_line="4200 Cedar Avenue",
                city="Seattle",
                state="WA",
                postal_code="98101",
                phone="+1 206 555 0175",
            ),
        ),
        id_style=IdStyle.DASHED,
        access_lifetime=timedelta(hours=10),
        sends_iss=True,
    ),
    HealthSystem(
        slug="northgate",
        name="Northgate Medical Center",
        portal_name="Northgate Patient Link",
        types=PROVIDER_TYPES,
        auth_method=AuthMethod.BASIC,
        scopes="launch/patient offline_access patient/*.rs",
        facilities=(
            Facility(
                name="Northgate Medical Center",
                aliases=("Northgate Hospital", "NMC"),
                address_line="950 Summit Road",
                city="Denver",
                state="CO",
                postal_code="80202",
                phone="+1 303 555 0167",
            ),
            Facility(
                name="Northgate Heart Clinic",
                address_line="12 Aspen Street",
                city="Boulder",
                state="CO",
                postal_code="80302",
                phone="+1 303 555 0189",
            ),
        ),
        id_style=IdStyle.LONG,
        search_rules=SearchRules(
            knows_count=False, refuses_unknown=True, wants_one_of=(("Observation", ("category", "code")),)
        ),
        peculiarity=(
            "Its FHIR server is strict: search parameters that it does not know, _count among them, are refused (400), "
            "and a search for Observation needs a category or a code."
        ),
    ),
)
_BY_SLUG = {system.slug: system for system in SYSTEMS}


def find_system(slug: str) -> HealthSystem | None:
    return _BY_SLUG.get(slug)
