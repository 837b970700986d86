"""What staff do with the pages about webhooks, and what those say."""

import re

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.admin.conftest import address
from webhooks.models import Disabled, Endpoint
from webhooks.switching import disable


def page(client: Client, row) -> str:
    return client.get(address(type(row), "change", row.pk)).content.decode()


def words(html: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def found(client: Client, model, **query: str) -> list[str]:
    """The ids of what a list shows."""
    return [row.pk for row in client.get(address(model, "changelist"), query).context["cl"].result_list]


def act(client: Client, row, name: str, **fields):
    """Press one of the buttons; the page that comes after it."""
    return client.post(f"/admin/webhooks/{row._meta.model_name}/{row.pk}/{name}/", fields, follow=True)


def member_with(*permissions: str) -> Client:
    """The browser of a member of staff who may do this and nothing else."""
    member = User.objects.create_user("new", password="correct horse battery", is_staff=True)
    member.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(member)
    return client


def switched_off(endpoint: Endpoint, because: Disabled = Disabled.FAILED) -> Endpoint:
    disable(endpoint.pk, because, timezone.now())
    endpoint.refresh_from_db()
    return endpoint
