"""`/webhooks` (contract §9)."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from common.errors import InvalidRequest
from common.fields import parse, parse_query
from common.pagination import PageQuery, page_of
from organizations.api import ApiView
from webhooks.addresses import problem_of_name
from webhooks.endpoint_serializers import (
    EndpointChanges,
    EventRecordsQuery,
    NewEndpoint,
    NewReplay,
    NewTest,
    SecretRotation,
    deleted_out,
    endpoint_out,
    endpoint_with_secret_out,
    record_out,
    replay_out,
)
from webhooks.endpoints import EndpointPlan, change_endpoint, create_endpoint, find_endpoint, rotate_secret
from webhooks.forgetting import forget_endpoint
from webhooks.redelivery import replay, send_test

# What `delivered` asks for.
OUTCOMES: dict[str | None, dict[str, bool]] = {
    None: {},
    "true": {"delivered_at__isnull": False},
    "false": {"delivered_at__isnull": True},
}


class TakingUrls(ApiView):
    """Views whose body may have the `url` of a receiver."""

    _problem: str | None = None

    def prepare(self, request: Request) -> None:
        if request.method not in ("POST", "PATCH"):  # the body of the others is nothing that anybody asked for
            return
        url = request.data.get("url") if isinstance(request.data, dict) else None
        if isinstance(url, str):
            self._problem = problem_of_name(url, is_sandbox=self.organization.is_sandbox)

    def refuse_name(self) -> None:
        """Raises InvalidRequest where the name of that receiver leads to where nothing is sent."""
        if self._problem:
            raise InvalidRequest(self._problem, param="url")


class Endpoints(TakingUrls):
    scopes = {"GET": "webhooks:read", "POST": "webhooks:write"}
    takes_query = True

    def get(self, request: Request) -> dict[str, Any]:
        query = parse_query(PageQuery, request.query_params).validated_data
        return page_of(
            self.organization.webhook_endpoints.without_secrets(),
            order_by=("-id",),
            limit=query["limit"],
            starting_after=query.get("starting_after"),
            list_name=f"webhooks:{self.organization.pk}",
            render=endpoint_out,
        )

    def post(self, request: Request) -> dict[str, Any]:
        plan = EndpointPlan(**parse(NewEndpoint, request.data).validated_data)
        self.refuse_name()
        endpoint = create_endpoint(
            plan, organization=self.organization, api_version=self.request.api_version, now=timezone.now()
        )
        return endpoint_with_secret_out(endpoint)


class EndpointDetail(TakingUrls):
    scopes = {"GET": "webhooks:read", "PATCH": "webhooks:write", "DELETE": "webhooks:write"}

    def get(self, request: Request, endpoint_id: str) -> dict[str, Any]:
        return endpoint_out(find_endpoint(self.organization, endpoint_id))

    def patch(self, request: Request, endpoint_id: str) -> dict[str, Any]:
        endpoint = find_endpoint(self.organization, endpoint_id)
        changes = parse(EndpointChanges, request.data).validated_data
        self.refuse_name()
        changed = change_endpoint(endpoint, changes, organization=self.organization, now=timezone.now())
        return endpoint_out(changed)

    def delete(self, request: Request, endpoint_id: str) -> dict[str, Any]:
        forget_endpoint(find_endpoint(self.organization, endpoint_id), timezone.now())
        return deleted_out(endpoint_id)


class EndpointSecret(ApiView):
    scopes = {"POST": "webhooks:write"}

    def post(self, request: Request, endpoint_id: str) -> dict[str, Any]:
        endpoint = find_endpoint(self.organization, endpoint_id)
        seconds = parse(SecretRotation, request.data).validated_data["expire_current_in"]
        overlap = timedelta(seconds=seconds)
        return endpoint_with_secret_out(rotate_secret(endpoint, overlap=overlap, now=timezone.now()))


class EndpointEvents(ApiView):
    scopes = {"GET": "webhooks:read"}
    takes_query = True

    def get(self, request: Request, endpoint_id: str) -> dict[str, Any]:
        query = parse_query(EventRecordsQuery, request.query_params).validated_data
        endpoint, delivered = find_endpoint(self.organization, endpoint_id), query.get("delivered")
        return page_of(
            endpoint.deliveries.filter(**OUTCOMES[delivered]),
            order_by=("-id",),
            limit=query["limit"],
            starting_after=query.get("starting_after"),
            list_name=f"webhooks:{endpoint.pk}:events:{delivered}",
            render=record_out,
        )


class EndpointReplay(ApiView):
    scopes = {"POST": "webhooks:write"}

    def post(self, request: Request, endpoint_id: str) -> dict[str, Any]:
        now = timezone.now()
        endpoint = find_endpoint(self.organization, endpoint_id)
        asked: dict[str, Any] = {"until": now} | parse(NewReplay, request.data).validated_data
        if asked["since"] > asked["until"]:
            raise InvalidRequest("since must not be after until, which is now unless given.", param="since")
        return replay_out(endpoint, asked, replay(endpoint, **asked, now=now))


class EndpointTest(ApiView):
    scopes = {"POST": "webhooks:write"}

    def post(self, request: Request, endpoint_id: str) -> dict[str, Any]:
        endpoint = find_endpoint(self.organization, endpoint_id)
        form = parse(NewTest, request.data).validated_data
        return record_out(send_test(endpoint, form["type"], timezone.now()))
