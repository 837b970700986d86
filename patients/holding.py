"""Writing about a patient who may be erased at this very moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from patients.models import Patient


class PatientErased(Exception):
    """The patient was there a moment ago, and has been erased since."""


@contextmanager
def holding(patient_id: str) -> Iterator[None]:
    """A transaction during which the patient stays: an erasure waits for its end, and then erases what it wrote.

    Whatever writes rows that hang on a patient does so in here, and before it locks anything else: an erasure
    begins with the patient too. Others who hold the same patient wait for each other. Raises PatientErased, with
    nothing written, where the patient is gone.
    """
    with transaction.atomic():
        held = Patient.objects.select_for_update(no_key=True).filter(pk=patient_id)
        if not list(held.values_list("pk")):
            raise PatientErased
        yield
