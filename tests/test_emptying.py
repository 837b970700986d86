"""What a test commits is gone afterwards, jobs as well, whether it is little or much."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from organizations.models import ApiKey, Organization
from organizations.operations import create_api_key
from tests.emptying import LARGE_BYTES, empty_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("length", [1, LARGE_BYTES // 50], ids=["little", "much"])
def test_nothing_is_left_but_what_migrations_wrote(organization, length):
    permissions, types = Permission.objects.count(), ContentType.objects.count()
    create_api_key(organization=organization, name="backend")
    Group.objects.create(name="Support").permissions.set(Permission.objects.all()[:3])
    Group.objects.bulk_create(Group(name=f"{number:060}") for number in range(length))
    app.configure_task("a.task", allow_unknown=True).defer()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        cursor.execute("UPDATE procrastinate_jobs SET worker_id = %s, status = 'doing'", cursor.fetchone())

    empty_database()

    left = [Organization, ApiKey, Group, Group.permissions.through, ProcrastinateJob, ProcrastinateWorker]
    assert [model.objects.count() for model in left] == [0] * len(left)
    assert (Permission.objects.count(), ContentType.objects.count()) == (permissions, types) != (0, 0)
