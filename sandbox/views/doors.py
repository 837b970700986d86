"""What the views share: finding the system in the address, and turning FHIR errors into answers."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from sandbox.fhir.errors import FhirError, MethodRefused, operation_outcome
from sandbox.systems import HealthSystem, find_system

P = ParamSpec("P")
FHIR_JSON = "application/fhir+json"


def for_system(
    view: Callable[Concatenate[HttpRequest, HealthSystem, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Give the view the system that the address names; 404 if there is none of that name."""

    @wraps(view)
    def found(request: HttpRequest, /, system: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        named = find_system(system)
        if named is None:
            raise Http404("There is no such health system in the sandbox.")
        return view(request, named, *args, **kwargs)

    return found


def answers_fhir(
    view: Callable[Concatenate[HttpRequest, HealthSystem, P], dict[str, Any]],
) -> Callable[Concatenate[HttpRequest, HealthSystem, P], HttpResponse]:
    """Answer with the resource that the view returns, or with the OperationOutcome of the error it raises."""

    @wraps(view)
    def answered(request: HttpRequest, system: HealthSystem, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            if request.method not in ("GET", "HEAD"):
                raise MethodRefused("This server only reads.")
            return JsonResponse(view(request, system, *args, **kwargs), content_type=FHIR_JSON)
        except FhirError as error:
            return JsonResponse(
                operation_outcome(error), status=error.status, headers=error.headers, content_type=FHIR_JSON
            )

    return answered
