"""The button on a connection's page that has its records brought here now."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from common.admin_acts import pressed_on
from common.admin_log import CHANGE, log
from common.admin_rights import require_right
from patients.connection_admin import connections_for_staff
from patients.holding import PatientErased, holding
from patients.models import Connection, ConnectionStatus
from records.models import Pull, PullKind
from records.operations import request_pull

STARTED = "The records are being brought here in the background. The pull is at the top of the list."
WOKEN = "A pull is under way already and was woken up; there is no second. It still waits where the portal asked it to."
NOT_ACTIVE = "Records can be pulled through an active connection only: the patient has to connect again."


@pressed_on("admin:patients_connection_change")
def pull_now(request: HttpRequest, connection_id: str) -> HttpResponse:
    """Ask for a pull, or wake the one that is open. For staff who may change connections."""
    require_right(request, "patients.change_connection")
    connection = get_object_or_404(connections_for_staff(), pk=connection_id)
    now = timezone.now()
    try:
        with holding(connection.patient_id):
            pull = _requested(request, connection, now)
    except PatientErased:
        return HttpResponseRedirect(reverse("admin:patients_connection_changelist"))
    if pull is None:
        messages.error(request, NOT_ACTIVE)
    else:
        messages.success(request, WOKEN if pull.requested_at < now else STARTED)
    return HttpResponseRedirect(reverse("admin:patients_connection_change", args=[connection.pk]))


def _requested(request: HttpRequest, connection: Connection, now: datetime) -> Pull | None:
    """The pull, noted in the log in the same transaction; None where the access has ended."""
    # Looked up again: until the patient was held, the connection could have been ended.
    if not Connection.objects.filter(pk=connection.pk, status=ConnectionStatus.ACTIVE).exists():
        return None
    pull = request_pull(connection, PullKind.MANUAL, now)
    log(request, connection, CHANGE, name=f"conn_{connection.pk}", message="Asked for its records now.")
    return pull
