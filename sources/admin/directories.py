"""Directories and what each of their imports did, as staff see them. An import can be taken back here."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter

from common.admin import ReadOnlyAdmin, StaffAdmin, ulid_in, words_in
from common.admin_html import badge, moment, when
from common.admin_rights import require_right
from sources.admin.vendors import warn_of_unknown_vendor
from sources.admin_forms import DirectoryForm
from sources.imports import ImportRefusedError, roll_back
from sources.models import Directory, DirectoryImport, Status
from sources.tasks import enqueue_import

_TONES = {
    Status.APPLIED: "success",
    Status.UNCHANGED: "neutral",
    Status.REFUSED: "danger",
    Status.ROLLED_BACK: "warning",
}


@admin.register(Directory)
class DirectoryAdmin(StaffAdmin):
    form = DirectoryForm
    list_display: ClassVar[list[Any]] = ["name", "environment", "vendor", "is_watched", "checked", "last_result"]
    list_filter: ClassVar[list[Any]] = [("environment", ChoicesDropdownFilter), ("is_watched", BooleanRadioFilter)]
    ordering: ClassVar[list[str]] = ["name", "pk"]
    search_help_text = "Words of the name, or a vendor"
    actions: ClassVar[list[Any]] = ["import_now"]
    readonly_fields: ClassVar[list[Any]] = ["checked", "last_result", "rank"]
    fieldsets: ClassVar[list[Any]] = [
        (None, {"fields": ["name", "environment", "vendor"]}),
        ("Where it comes from", {"fields": ["url", "is_watched"]}),
        ("Last import", {"fields": ["checked", "last_result", "rank"]}),
    ]
    checked = when("last_checked_at", "Last looked at")

    def matching(self, term: str) -> Q:
        return words_in(term, "name") | Q(vendor=term.lower())

    def get_readonly_fields(self, request: HttpRequest, obj: Directory | None = None) -> list[Any]:
        return [*self.readonly_fields, *(["environment"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: what it lists and what its imports did hang on it."""
        return False

    def save_model(self, request: HttpRequest, obj: Directory, form: "ModelForm[Directory]", change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "vendor" in form.changed_data:
            warn_of_unknown_vendor(request, obj.vendor, obj.environment)

    @admin.action(description="Import now, in the background", permissions=["change"])
    def import_now(self, request: HttpRequest, queryset: QuerySet[Directory]) -> None:
        chosen = list(queryset)
        with_url = [directory for directory in chosen if directory.url]
        begun = sum(enqueue_import(directory.pk, by=request.user.get_username()) for directory in with_url)
        self.message_user(request, f"{begun} imports begin within seconds. The result is shown here.")
        if len(with_url) < len(chosen):
            without = ", ".join(directory.name for directory in chosen if not directory.url)
            self.message_user(request, f"Without a URL, so import the file: {without}.", messages.WARNING)


@admin.register(DirectoryImport)
class DirectoryImportAdmin(ReadOnlyAdmin):
    list_display: ClassVar[list[Any]] = ["began", "directory", "environment", "result", "summary", "by"]
    list_filter: ClassVar[list[Any]] = [
        ("status", ChoicesDropdownFilter),
        ("environment", ChoicesDropdownFilter),
        ("directory", AutocompleteSelectFilter),
    ]
    list_select_related: ClassVar[list[str]] = ["directory"]
    search_help_text = "The id of an import, or words of the directory's name"
    change_form_outer_after_template = "admin/sources/directoryimport/changes.html"
    fieldsets: ClassVar[list[Any]] = [
        (
            None,
            {
                "fields": [
                    ("id", "result"),
                    ("directory", "environment"),
                    ("origin", "format"),
                    ("began", "ended"),
                    ("by", "vendor"),
                    ("size", "sha256"),
                    "reason",
                ]
            },
        )
    ]
    ended = when("finished_at", "Ended")

    def matching(self, term: str) -> Q:
        return Q(pk=ulid_in(term) or "") | words_in(term, "directory__name")

    @admin.display(description="Began", ordering="pk")
    def began(self, run: DirectoryImport) -> SafeString | str:
        return moment(run.started_at)

    @admin.display(description="Result")
    def result(self, run: DirectoryImport) -> SafeString:
        return badge(_TONES[Status(run.status)], run.get_status_display())

    @admin.display(description="What it did")
    def summary(self, run: DirectoryImport) -> str:
        return run.reason if run.status == Status.REFUSED else run.summary

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.rollback_view)
        own = path("<path:object_id>/rollback/", view, name="sources_directoryimport_rollback")
        return [own, *super().get_urls()]

    def rollback_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks first; the answer takes the import back. For staff who may change imports."""
        require_right(request, "sources.change_directoryimport")
        run = get_object_or_404(DirectoryImport.objects.select_related("directory"), pk=object_id)
        if request.method != "POST":
            context = self.admin_site.each_context(request) | {"run": run, "title": "Roll back", "opts": self.opts}
            return TemplateResponse(request, "admin/sources/directoryimport/rollback.html", context)
        try:
            self.message_user(request, f"The import was rolled back. {roll_back(run.pk).sentence}")
        except ImportRefusedError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, run, "Rolled back.")
        return HttpResponseRedirect(reverse("admin:sources_directoryimport_change", args=[run.pk]))
