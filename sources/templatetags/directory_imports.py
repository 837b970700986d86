"""The part of staff pages that shows what an import did."""

from typing import Any

from django import template

from sources.imports.report import sections_of
from sources.models import DirectoryImport, Status

register = template.Library()

SHOWN = 200


@register.inclusion_tag("admin/sources/directoryimport/sections.html")
def changes_of_import(run: DirectoryImport) -> dict[str, Any]:
    return {"run": run, "sections": list(sections_of(run, shown=SHOWN))}


@register.filter
def can_be_rolled_back(run: DirectoryImport) -> bool:
    return run.status == Status.APPLIED
