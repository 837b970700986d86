"""The people who may sign in at every portal of the sandbox. Their passwords are published."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.utils.crypto import constant_time_compare

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
    password: str = PASSWORD

    @property
    def name(self) -> str:
        return self.charts[0].name

    def chart(self, key: str) -> Person | None:
        return next((person for person in self.charts if person.key == key), None)


MARIA = Person("maria", "Maria", "Alvarez", "female", date(1979, 4, 12), Size.ORDINARY)
NOAH = Person("noah", "Noah", "Lindgren", "male", date(2001, 9, 30), Size.SMALL)
WALTER = Person("walter", "Walter", "Okafor", "male", date(1941, 1, 7), Size.LARGE)
GRACE = Person("grace", "Grace", "Bennett", "female", date(1987, 11, 3), Size.ORDINARY)
LEO = Person("leo", "Leo", "Bennett", "male", date(2018, 6, 21), Size.CHILD)
OSCAR = Person("oscar", "Oscar", "Dupont", "male", date(1968, 2, 16), Size.ORDINARY)
TINA = Person("tina", "Tina", "Yamada", "female", date(1993, 8, 25), Size.ORDINARY)
IRIS = Person("iris", "Iris", "Kowalski", "female", date(1955, 12, 9), Size.ORDINARY)

PORTAL_USERS = (
    PortalUser("maria", "An ordinary adult: about 60 records.", (MARIA,)),
    PortalUser("noah", "A small record: 8 resources.", (NOAH,)),
    PortalUser("walter", "A very large record: about 3,500 resources.", (WALTER,)),
    PortalUser("grace", "A parent: chooses between her own records and her son Leo’s.", (GRACE, LEO)),
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
)
_BY_USERNAME = {user.username: user for user in PORTAL_USERS}


def find_user(username: str) -> PortalUser | None:
    return _BY_USERNAME.get(username)


def authenticate(username: str, password: str) -> PortalUser | None:
    """Who this is, or None for an unknown name or a wrong password. Case of the name does not matter."""
    user = find_user(username.strip().lower())
    return user if user and constant_time_compare(password, user.password) else None
