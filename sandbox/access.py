"""What a FHIR request's bearer token opens at one system."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from oauth2_provider.models import AccessToken

from sandbox import scopes
from sandbox.accounts import user_of
from sandbox.fhir.errors import Forbidden, InvalidToken, Unauthorized
from sandbox.launch_context import belongs_to, patient_in
from sandbox.manners import GOOD_MANNERS, Manners
from sandbox.models import History
from sandbox.synthetic.chart import Chart, chart_of, people_of
from sandbox.synthetic.growth import grown_chart
from sandbox.systems import HealthSystem


@dataclass(frozen=True)
class Access:
    chart: Chart | None  # None: the portal never said whose records these are
    scopes: tuple[str, ...]
    account_id: int
    manners: Manners

    def chart_for(self, resource_type: str, right: str) -> Chart:
        """The chart, for this right on this type. Raises Forbidden where scope or chart is missing."""
        if not scopes.allows(self.scopes, resource_type, right):
            raise Forbidden(f"This token's scope does not cover {resource_type}.")
        if self.chart is None:
            raise Forbidden("This token is for nobody's chart.")
        return self.chart


def find_access(system: HealthSystem, authorization: str, now: datetime) -> Access:
    """What the `Authorization` header opens. Raises Unauthorized for none, InvalidToken for one not good here."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Send an access token of this system as a bearer token.")
    checksum = hashlib.sha256(token.strip().encode()).hexdigest()
    row = (
        AccessToken.objects.filter(token_checksum=checksum, application__client_id=system.client_id, expires__gt=now)
        .select_related("user")
        .first()
    )
    if row is None or not belongs_to(system, row.resource):
        raise InvalidToken("This access token does not work here, or no longer.")
    user = user_of(row.user)
    chart = _chart(system, patient_in(system, row.resource), row.user_id, now)
    return Access(chart, tuple(row.scope.split()), row.user_id, user.manners if user else GOOD_MANNERS)


def _chart(system: HealthSystem, patient: str | None, account_id: int, now: datetime) -> Chart | None:
    person = people_of(system).get(patient or "")
    if person is None:
        return None
    if person.grows:
        return grown_chart(system, person, History.objects.of(account_id, now).first_allowed_at, now)
    return chart_of(system, person)
