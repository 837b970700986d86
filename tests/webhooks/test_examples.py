"""What test events show is what really happens, with the same fields."""

import pytest
from django.utils import timezone

from flows.closing import complete_flow, expire_flow
from flows.connections import connections_of
from flows.dialects import DIALECTS
from flows.models import PatientFlow
from flows.serializers import flow_out
from tests.webhooks.told import told
from webhooks.events import EventType
from webhooks.examples import EXAMPLES

pytestmark = pytest.mark.django_db(transaction=True)


def fields(told_of) -> object:
    """The names of all fields, those inside of fields too."""
    if isinstance(told_of, dict):
        return {name: fields(value) for name, value in told_of.items() if name != "metadata"}
    return [fields(value) for value in told_of] if isinstance(told_of, list) else None


def test_every_type_has_an_example():
    assert list(EXAMPLES) == [name.value for name in EventType]


def test_an_example_of_a_connection_has_the_fields_of_one(api, connection, path):
    api.delete(path)

    really = dict(told())
    for type_ in ("connection.created", "connection.disconnected"):
        assert set(EXAMPLES[type_]) == set(really[type_])
    assert set(EXAMPLES["connection.token_refresh_failed"]) == set(really["connection.created"])


def test_an_example_of_a_patient_has_the_fields_of_one(api, connection):
    api.delete(f"/patients/{connection.patient.reference}")

    [(_, really)] = told()
    assert set(EXAMPLES["patient.deleted"]) == set(really)


@pytest.mark.parametrize("name", DIALECTS)
def test_an_example_of_a_flow_has_the_fields_of_one_in_its_dialect(connection, name):
    flow = PatientFlow.objects.get(pk=connection.flow_id)
    complete_flow(flow, timezone.now())

    really = flow_out(flow, DIALECTS[name], connections_of(flow), timezone.now())
    example = EXAMPLES[f"{name}.completed"]
    assert fields(example) == fields(really)
    assert example["resource_type"] == really["resource_type"]
    assert example["id"].rpartition("_")[0] == really["id"].rpartition("_")[0]


@pytest.mark.parametrize("name", DIALECTS)
def test_an_example_of_an_expired_flow_has_the_fields_of_one(api, name):
    flow = api.post(f"/{DIALECTS[name].path}", {"patient_id": "p-1", "return_url": "https://app.example/back"}).json
    expire_flow(PatientFlow.objects.get(), timezone.now())

    assert fields(EXAMPLES[f"{name}.expired"]) == fields(flow)
