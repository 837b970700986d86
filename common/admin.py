"""What all pages of the staff's admin share: how they search, what may be changed.

Lists stay fast over a million rows: they are ordered by primary key (a ULID begins with its time),
they are not counted, and a search is a look-up that an index answers.
"""

import uuid
from typing import Any, ClassVar

from django.contrib.admin import ShowFacets
from django.contrib.postgres.fields import ArrayField
from django.db.models import Model, Q, QuerySet, URLField
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from common.admin_forms import LinesField
from common.ids import ULID_LENGTH, is_ulid

MAX_SEARCH_LENGTH = 500


class StaffAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Base of every model's pages. A subclass says in `matching` what a search finds."""

    list_per_page = 50
    list_max_show_all = 200
    list_filter_submit = True
    list_select_related: ClassVar[list[str]] = []
    show_full_result_count = False
    # Counting what each filter would find is a query per choice over the whole table.
    show_facets = ShowFacets.NEVER
    warn_unsaved_form = True
    # Columns that no page needs: secrets above all, and what is large.
    never_loaded: ClassVar[tuple[str, ...]] = ()
    # Shows the search box; what is searched is in `matching`.
    search_fields: ClassVar[list[str]] = ["pk"]
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        ArrayField: {"form_class": LinesField},
        URLField: {"assume_scheme": "https"},
    }

    def matching(self, term: str) -> Q:
        """The rows that a search for `term` finds."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of lists and of single pages alike, with what they show of other tables."""
        queryset: QuerySet[Any] = super().get_queryset(request)
        if self.list_select_related:
            queryset = queryset.select_related(*self.list_select_related)
        return queryset.defer(*self.never_loaded)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.replace("\x00", "").strip()[:MAX_SEARCH_LENGTH]
        return (queryset.filter(self.matching(term)) if term else queryset), False


class ReadOnlyAdmin(StaffAdmin):
    """Pages of what only patients, apps and jobs write. Staff look at it."""

    paginator = InfinitePaginator
    ordering: ClassVar[list[str]] = ["-pk"]
    sortable_by: ClassVar[list[str]] = []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def ulid_in(term: str) -> str | None:
    """The ULID in what staff pasted, with or without a prefix such as `pf_`; None where there is none."""
    ulid = term[-ULID_LENGTH:].upper()
    return ulid if is_ulid(ulid) else None


def request_id_in(term: str) -> str | None:
    """The request id that staff pasted, as it is stored; None where it is none."""
    try:
        return str(uuid.UUID(term)) if len(term) == 36 else None
    except ValueError:
        return None


def words_in(term: str, field: str) -> Q:
    """Rows whose field has every word of the term. For tables of at most some hundred thousand rows."""
    query = Q()
    for word in term.split()[:10]:
        query &= Q(**{f"{field}__icontains": word})
    return query
