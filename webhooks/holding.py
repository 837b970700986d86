"""Endpoints that stay while something is written about them."""

from collections.abc import Collection

from webhooks.models import Endpoint
from webhooks.models.endpoint import ALL

# The weakest lock there is: only a deletion waits for it, or is waited for (webhooks/forgetting.py). It is what the
# foreign key of a delivery asks for when the transaction ends, which would be too late: the endpoint may be gone.
# Nothing is skipped, because a deletion can still come to nothing.
_HOLD = """
SELECT id, organization_id, events, status, api_version FROM webhooks_endpoint
WHERE organization_id = ANY(%(organizations)s) AND (%(names)s::varchar[] IS NULL OR events && %(names)s::varchar[])
ORDER BY id FOR KEY SHARE
"""


def hold_endpoints(organization_ids: Collection[str], names: Collection[str] | None = None) -> list[Endpoint]:
    """The endpoints of workspaces, which nobody deletes until the transaction around this ends; with `names`, those
    that want one of these types of events. They have what is needed to know what they are told, and nothing else."""
    wanted = None if names is None else [ALL, *names]
    return list(Endpoint.objects.raw(_HOLD, {"organizations": list(organization_ids), "names": wanted}))
