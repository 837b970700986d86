"""Erasing a patient with everything that is about them."""

import logging
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection, transaction
from django.db.models import CASCADE, SET_NULL, BooleanField, F, ForeignObjectRel, Func, Model, QuerySet

from common.errors import NotFound
from organizations.models import IdempotencyKey, Organization
from patients.events import tell_of_erasure
from patients.models import Connection, Patient
from patients.revocations import revocation_of, revoke_later, with_sealed_tokens

logger = logging.getLogger("medblocks.patients")


def erase_patient(*, organization: Organization, reference: str, now: datetime) -> None:
    """Erase the workspace's patient of this reference, all or nothing: whatever hangs on the row, queued jobs,
    the stored answers of idempotency keys and the events. What is left is one that says that they were deleted.

    Their access is taken back at the portals in the background. Raises NotFound, also for the second of two
    erasures at once. The number of statements does not depend on how much there is to erase, and none of it is
    loaded but the tokens.
    """
    if "\x00" in reference:
        raise NotFound("There is no patient with this id.")
    with transaction.atomic():
        # Waits for sign-ins that are about to end; those that come later find nobody (patients/holding.py).
        named = Patient.objects.select_for_update().filter(organization=organization, reference=reference)
        patient_id = named.values_list("pk", flat=True).first()
        if patient_id is None:
            raise NotFound("There is no patient with this id.")
        _take_access_back(organization, patient_id, now)
        erase(Patient.objects.filter(pk=patient_id))
        _erase_jobs(patient_id)
        tell_of_erasure(organization, patient_id=patient_id, reference=reference, now=now)
        # Last: what is answered about a patient without holding them, as an event that is sent again is, has been
        # answered by now, or finds nothing any more.
        IdempotencyKey.objects.forget_patient(organization, reference)
    logger.info("patient erased")


def erase(rows: QuerySet[Any]) -> None:
    """Delete `rows` and what hangs on them, down to the last table, by statements only.

    It follows the foreign keys of the models, those of apps above this one included. Locking a row before looking
    for what hangs on it keeps new rows from coming in between. Raises TypeError for a foreign key that says neither
    CASCADE nor SET_NULL: somebody has to decide what an erasure means there.
    """
    relations = _relations_to(rows.model)
    if relations:
        _lock(rows)
    for relation in relations:
        hanging = relation.related_model._base_manager.filter(_leads_to(relation, rows))
        if relation.on_delete is CASCADE:
            erase(hanging)
        elif relation.on_delete is SET_NULL:
            hanging.update(**{relation.field.name: None})
        else:
            raise TypeError(f"What becomes of {relation.related_model._meta.label} when a patient is erased?")
    rows._raw_delete(rows.db)


def _leads_to(relation: ForeignObjectRel, rows: QuerySet[Any]) -> Func:
    """The condition that a foreign key leads to one of `rows`, whose ids PostgreSQL collects first.

    Joined instead, level by level, they take minutes where its statistics are of before what it is to find.
    """
    return Func(
        F(relation.field.attname),
        ArraySubquery(rows.values("pk")),
        template="%(expressions)s)",
        arg_joiner=" = ANY(",
        output_field=BooleanField(),
    )


def _relations_to(model: type[Model]) -> list[ForeignObjectRel]:
    """The foreign keys that lead to `model`, those without a name for the way back included."""
    return [
        field
        for field in model._meta.get_fields(include_hidden=True)
        if isinstance(field, ForeignObjectRel) and (field.one_to_many or field.one_to_one)
    ]


def _lock(rows: QuerySet[Any]) -> None:
    # Counted, so that the rows stay in the database. QuerySet.count() would leave out the lock.
    statement, parameters = rows.select_for_update().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({statement}) AS locked", parameters)  # noqa: S608  composed by Django


def _take_access_back(organization: Organization, patient_id: str, now: datetime) -> None:
    # Locked, so that what is read is what is erased a moment later.
    held = with_sealed_tokens(Connection.objects.select_for_update().filter(patient_id=patient_id))
    with_tokens = held.exclude(access_token=None, refresh_token=None)
    revoke_later([revocation_of(each, organization_id=organization.pk, now=now) for each in with_tokens])


def _erase_jobs(patient_id: str) -> None:
    """Delete the jobs that name the patient in an argument `patient_id`. One that runs finds nobody, and ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE args ->> 'patient_id' = %s AND status <> 'doing'", [patient_id]
        )
