"""The FHIR server: its public documents, and the records behind a token."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from sandbox import scopes
from sandbox.access import Access, find_access
from sandbox.discovery import capability_statement, smart_configuration
from sandbox.fhir.bundles import PAGE_PARAMETER, Page, read_token, searchset
from sandbox.fhir.errors import Forbidden, NotFound
from sandbox.fhir.search import parse
from sandbox.reception import receive
from sandbox.synthetic.chart import Chart
from sandbox.systems import HealthSystem
from sandbox.views.doors import answers_fhir, for_system


@require_safe
@for_system
def configuration(request: HttpRequest, system: HealthSystem) -> HttpResponse:
    return JsonResponse(smart_configuration(system))


@csrf_exempt
@for_system
@answers_fhir
def metadata(request: HttpRequest, system: HealthSystem) -> dict[str, Any]:
    return capability_statement(system)


@csrf_exempt
@for_system
@answers_fhir
def read(request: HttpRequest, system: HealthSystem, resource_type: str, resource_id: str) -> dict[str, Any]:
    chart = _access(request, system, resource_type).chart_for(resource_type, scopes.READ)
    resource = chart.find(resource_type, resource_id)
    if resource is None:
        raise NotFound(f"There is no {resource_type} with this id for this token.")
    return resource


@csrf_exempt
@for_system
@answers_fhir
def search(request: HttpRequest, system: HealthSystem, resource_type: str) -> dict[str, Any]:
    chart = _access(request, system, resource_type).chart_for(resource_type, scopes.SEARCH)
    return searchset(system, _page(request, system, resource_type, chart), chart.of_type(resource_type))


@csrf_exempt
@for_system
@answers_fhir
def unknown(request: HttpRequest, system: HealthSystem, path: str = "") -> dict[str, Any]:
    raise NotFound("This server reads by /<Type>/<id> and searches by /<Type>.")


def _access(request: HttpRequest, system: HealthSystem, resource_type: str) -> Access:
    now = timezone.now()
    access = find_access(system, request.headers.get("Authorization", ""), now)
    receive(access.manners, access.account_id, now)
    if resource_type not in system.types:
        raise NotFound(f"This server has no {resource_type[:64]}.")
    return access


def _page(request: HttpRequest, system: HealthSystem, resource_type: str, chart: Chart) -> Page:
    if PAGE_PARAMETER in request.GET:
        return read_token(system, request.GET[PAGE_PARAMETER], resource_type=resource_type, patient_id=chart.patient_id)
    parameters = [(name, value) for name, values in request.GET.lists() for value in values]
    query = parse(resource_type, parameters, system.search_rules)
    if query.patients - {chart.patient_id}:
        raise Forbidden("This token is for another patient.")
    return Page(query, chart.patient_id)
