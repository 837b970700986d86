"""The people who may sign in at every portal of the sandbox. Their passwords are published."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from django.utils.crypto import constant_time_compare

from sandbox.manners import GOOD_MANNERS, Manners

PASSWORD = "sandbox-1234"  # noqa: S105  published on every sign-in page


class Size(StrEnum):
    """How much is in a chart. The numbers are in `synthetic/plans.py`."""

    SMALL = "small"
    CHILD = "child"
    ORDINARY = "ordinary"
    LARGE = "large"


class Outcome(StrEnum):
    """What the portal does once its user has allowed the app."""

    CONNECTS = "connects"
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    NO_PATIENT_CONTEXT = "no_patient_context"


@dataclass(frozen=True)
class Person:
    """Somebody with a chart: the seed from which all their resources are made."""

    key: str
    given: str
    family: str
    gender: str
    born: date
    size: Size
    grows: bool = False  # as in `synthetic/growth.py`

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"


@dataclass(frozen=True)
class PortalUser:
    """A sign-in at a portal and the charts it opens, the user's own first."""

    username: str
    what_happens: str
    charts: tuple[Person, ...]
    outcome: Outcome = Outcome.CONNECTS
    manners: Manners = GOOD_MANNERS
    password: str = PASSWORD

    @property
    def name(self) -> str:
        return self.charts[0].name

    @property
    def is_treated_well(self) -> bool:
        """Whether their portal does as it should."""
        return self.outcome is Outcome.CONNECTS and self.manners == GOOD_MANNERS


MARIA = Person("maria", "Maria", "Alvarez", "female", date(1979, 4, 12), Size.ORDINARY)
NOAH = Person("noah", "Noah", "Lindgren", "male", date(2001, 9, 30), Size.SMALL)
WALTER = Person("walter", "Walter", "Okafor", "male", date(1941, 1, 7), Size.LARGE)
GRACE = Person("grace", "Grace", "Bennett", "female", date(1987, 11, 3), Size.ORDINARY)
LEO = Person("leo", "Leo", "Bennett", "male", date(2018, 6, 21), Size.CHILD)
OSCAR = Person("oscar", "Oscar", "Dupont", "male", date(1968, 2, 16), Size.ORDINARY)
TINA = Person("tina", "Tina", "Yamada", "female", date(1993, 8, 25), Size.ORDINARY)
IRIS = Person("iris", "Iris", "Kowalski", "female", date(1955, 12, 9), Size.ORDINARY)
FELIX = Person("felix", "Felix", "Moreau", "male", date(1990, 3, 14), Size.SMALL, grows=True)
ROSA = Person("rosa", "Rosa", "Delgado", "female", date(1972, 7, 1), Size.ORDINARY)
ANTON = Person("anton", "Anton", "Weber", "male", date(1963, 10, 20), Size.ORDINARY)
HUGO = Person("hugo", "Hugo", "Silva", "male", date(1984, 5, 5), Size.ORDINARY)
PETRA = Person("petra", "Petra", "Novak", "female", date(1959, 9, 17), Size.ORDINARY)
YUSUF = Person("yusuf", "Yusuf", "Demir", "male", date(1996, 1, 28), Size.ORDINARY)
DORA = Person("dora", "Dora", "Hoffmann", "female", date(1981, 6, 11), Size.ORDINARY)

PORTAL_USERS = (
    PortalUser("maria", "An ordinary adult: about 60 records.", (MARIA,)),
    PortalUser("noah", "A small record: 8 resources.", (NOAH,)),
    PortalUser("walter", "A very large record: about 3,500 resources.", (WALTER,)),
    PortalUser("grace", "A parent: chooses between her own records and her son Leo’s.", (GRACE, LEO)),
    PortalUser(
        "felix",
        "A record that grows: one more result or claim for each minute since he first allowed an app, up to 1,000.",
        (FELIX,),
    ),
    PortalUser(
        "oscar",
        "The portal fails after he allows the app (server_error).",
        (OSCAR,),
        Outcome.SERVER_ERROR,
    ),
    PortalUser(
        "tina",
        "The portal is busy after she allows the app (temporarily_unavailable).",
        (TINA,),
        Outcome.TEMPORARILY_UNAVAILABLE,
    ),
    PortalUser(
        "iris",
        "The app gets access, but the portal does not say whose records it is for.",
        (IRIS,),
        Outcome.NO_PATIENT_CONTEXT,
    ),
    PortalUser(
        "rosa",
        "Her access lasts a minute. The portal renews it once, and from then on refuses (invalid_grant).",
        (ROSA,),
        manners=Manners(access_lifetime=timedelta(minutes=1), renewals=1),
    ),
    PortalUser(
        "anton",
        "His access lasts ten seconds and each answer takes a second: it ends while records are on their way.",
        (ANTON,),
        manners=Manners(access_lifetime=timedelta(seconds=10), delay=timedelta(seconds=1)),
    ),
    PortalUser(
        "hugo",
        "The portal never gives a refresh token: his access ends and cannot be renewed.",
        (HUGO,),
        manners=Manners(grants_offline=False),
    ),
    PortalUser(
        "petra",
        "The portal grants less than the app asks: neither medicines nor visits, notes or claims (403).",
        (PETRA,),
        manners=Manners(shares=("Patient", "Condition", "Observation", "Immunization", "Coverage")),
    ),
    PortalUser(
        "yusuf",
        "The portal refuses every third request (429) and says to wait a second.",
        (YUSUF,),
        manners=Manners(refuses_every=3),
    ),
    PortalUser(
        "dora",
        "The portal’s records are down for a minute after she allows the app (503).",
        (DORA,),
        manners=Manners(outage=timedelta(minutes=1)),
    ),
)
_BY_USERNAME = {user.username: user for user in PORTAL_USERS}


def find_user(username: str) -> PortalUser | None:
    return _BY_USERNAME.get(username)


def authenticate(username: str, password: str) -> PortalUser | None:
    """Who this is, or None for an unknown name or a wrong password. Case of the name does not matter."""
    user = find_user(username.strip().lower())
    return user if user and constant_time_compare(password, user.password) else None
