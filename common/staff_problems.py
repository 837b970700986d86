"""What staff read where a page of the admin cannot be shown.

The page has nothing of the admin's around it, which would ask the database: that may be what broke.
"""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from common.admin_rights import missing_right
from common.errors import ProductError


@dataclass(frozen=True)
class StaffProblem:
    status: int
    title: str
    happened: str


STALE_FORM = StaffProblem(
    403,
    "Nothing was done",
    "The page with this button was older than your sign-in, or your browser keeps no cookies of this site. Open the "
    "page anew and press again.",
)
_NOT_FOUND = StaffProblem(
    404, "There is nothing here", "What was at this address was deleted, or a part of the address is missing."
)
_UNREADABLE = StaffProblem(400, "This request cannot be answered", "Its address or what it sent is malformed.")
_BUSY = StaffProblem(503, "Briefly unavailable", "Nothing was changed by this request. Try again in a few seconds.")
_BROKEN = StaffProblem(
    500,
    "Something broke",
    "It has been logged with the request id below. Whoever runs this server finds there what happened.",
)
_OF_STATUS = {problem.status: problem for problem in (_NOT_FOUND, _UNREADABLE, _BUSY, _BROKEN)}


def staff_error(request: HttpRequest, error: ProductError) -> HttpResponse:
    """The page about an error, with its status."""
    fallback = _BROKEN if error.status >= 500 else _UNREADABLE
    return staff_problem(request, _OF_STATUS.get(error.status, fallback), status=error.status)


def staff_refusal(request: HttpRequest, refusal: Exception) -> HttpResponse:
    """The page for whoever lacks a right: it names the right."""
    right = missing_right(request, refusal)
    if right:
        happened = (
            f"It needs the right “{right}”, which your account does not have. Whoever looks after users gives it."
        )
    else:
        happened = "Either your account lacks a right for it, or it is not possible for anybody."
    return staff_problem(request, StaffProblem(403, "You may not do this", happened))


def staff_problem(request: HttpRequest, problem: StaffProblem, *, status: int | None = None) -> HttpResponse:
    return render(request, "staff_problem.html", {"problem": problem}, status=status or problem.status)
