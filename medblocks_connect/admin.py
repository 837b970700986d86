"""Staff accounts and background jobs in the staff's admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from procrastinate.contrib.django import app as procrastinate
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinatePeriodicDefer,
    ProcrastinateWorker,
)
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from common.admin import ReadOnlyAdmin
from common.admin_html import badge, when

JOB_TONES = {
    "todo": "info",
    "doing": "info",
    "succeeded": "success",
    "failed": "danger",
    "cancelled": "warning",
    "aborted": "warning",
}
LARGEST_ID = 2**63 - 1

admin.site.index_title = "Overview"
admin.site.unregister([User, Group, ProcrastinateJob])


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # unfold has no types
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    pass


class TaskFilter(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    """The tasks there are, without asking the table of jobs which ones it has."""

    title = "task"
    parameter_name = "task"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(procrastinate.tasks)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]) -> QuerySet[ProcrastinateJob]:
        return queryset.filter(task_name=self.value()) if self.value() else queryset


class JobEvents(TabularInline):  # type: ignore[misc]  # unfold has no types
    model = ProcrastinateEvent
    fields: ClassVar[list[str]] = ["type", "happened"]
    readonly_fields: ClassVar[list[str]] = ["type", "happened"]
    ordering: ClassVar[list[str]] = ["pk"]
    can_delete = False
    extra = 0
    per_page = 50
    happened = when("at", "When")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnlyAdmin):
    list_display: ClassVar[list[Any]] = ["id", "task_name", "args", "state", "attempts", "due", "queue_name"]
    list_filter: ClassVar[list[Any]] = [("status", ChoicesDropdownFilter), TaskFilter]
    search_help_text = "The number of a job"
    inlines: ClassVar[list[Any]] = [JobEvents]
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    ("id", "state"),
                    ("task_name", "queue_name"),
                    ("due", "attempts"),
                    ("priority", "worker"),
                    ("lock", "queueing_lock"),
                    "args",
                ]
            },
        )
    ]
    due = when("scheduled_at", "Not before")

    def matching(self, term: str) -> Q:
        return Q(pk=_number(term))

    @admin.display(description="Status")
    def state(self, job: ProcrastinateJob) -> SafeString:
        return badge(JOB_TONES.get(job.status, "neutral"), job.get_status_display())


@admin.register(ProcrastinateWorker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display: ClassVar[list[Any]] = ["id", "heartbeat"]
    search_help_text = "The number of a worker"
    fieldsets: ClassVar[list[Any]] = [(None, {"fields": ["id", "heartbeat"]})]
    heartbeat = when("last_heartbeat", "Last sign of life")

    def matching(self, term: str) -> Q:
        return Q(pk=_number(term))


@admin.register(ProcrastinatePeriodicDefer)
class PeriodicDeferAdmin(ReadOnlyAdmin):
    list_display: ClassVar[list[Any]] = ["id", "task_name", "periodic_id", "job_id"]
    search_help_text = "The number of a job"
    fieldsets: ClassVar[list[Any]] = [(None, {"fields": ["task_name", "periodic_id", "defer_timestamp", "job"]})]

    def matching(self, term: str) -> Q:
        return Q(job_id=_number(term))


def _number(term: str) -> int:
    """The number that staff typed; one that no row has where it is none."""
    number = int(term) if term.isascii() and term.isdigit() and len(term) < 20 else -1
    return min(number, LARGEST_ID)
