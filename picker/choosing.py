"""The page where patients find their hospital: what was suggested, the search, and what it found."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from flows.models import PatientFlow
from picker import presenters
from picker.asked import MAX_SHOWN, PAGE, Asked, asked_in
from picker.browser import remember_browser
from picker.cards import found_card, source_card
from picker.on_link import on_link, while_open
from picker.policies import allow_asking_for_position, allow_leaving_for_app
from picker.return_button import return_context
from picker.views import sign_in
from sources.models import Source
from sources.search import Results, search

MAX_USED_BEFORE = 3


@require_safe
@on_link
@while_open
def choose(request: HttpRequest, flow: PatientFlow) -> HttpResponse:
    if flow.source is not None:
        # Who only looks whether the link works is no patient, and begins nothing.
        return HttpResponse() if request.method == "HEAD" else sign_in(request, flow, flow.source, None)
    asked = asked_in(request)
    found = results_context(flow, asked)
    if "fragment" in request.GET:
        found["problem"] = asked.zip_problem
        return render(request, "picker/results.html", found, using="jinja2")
    page = found | choose_context(flow) | return_context(request, flow) | {"form": asked.form}
    response = render(request, "picker/choose.html", page)
    remember_browser(request, response)
    allow_leaving_for_app(response, flow)
    allow_asking_for_position(response)
    return response


def results_context(flow: PatientFlow, asked: Asked) -> dict[str, Any]:
    """What the patient searched for, the places found, and where more of them are."""
    results = find(flow, asked) if asked.is_anything else Results(hits=[], has_more=False)
    cards = [found_card(flow, hit, number, asked) for number, hit in enumerate(results.hits, 1)]
    return {
        "asked": asked,
        "problem": "",
        "cards": cards,
        "has_more": results.has_more,
        "more_address": more_address(flow, asked) if results.has_more and asked.shown < MAX_SHOWN else "",
        "missing_address": asked.address(presenters.link_path(flow, "missing")),
    }


def find(flow: PatientFlow, asked: Asked) -> Results:
    return search(
        asked.query,
        organization=flow.organization,
        limit=asked.shown,
        near=asked.near,
        offered_only=not flow.organization.shows_unavailable_sources,
    )


def more_address(flow: PatientFlow, asked: Asked) -> str:
    """The same page with more results, at the first of the new ones."""
    return f"{asked.address(presenters.link_path(flow), shown=asked.shown + PAGE)}#place-{asked.shown + 1}"


def choose_context(flow: PatientFlow) -> dict[str, Any]:
    return {
        "organization": flow.organization,
        "choose_path": presenters.link_path(flow),
        "recommended": [source_card(flow, source) for source in recommended_sources(flow)],
        "used_before": [source_card(flow, source) for source in used_before(flow)],
        **presenters.closing_time(flow, timezone.now()),
    }


def recommended_sources(flow: PatientFlow) -> list[Source]:
    """The app's recommendations that are still offered, in the app's order."""
    if not flow.recommended_source_ids:
        return []
    offered = Source.objects.offered_to(flow.organization).in_bulk(flow.recommended_source_ids)
    return [offered[identifier] for identifier in flow.recommended_source_ids if identifier in offered]


def used_before(flow: PatientFlow) -> list[Source]:
    """Where the patient signed in last, unless the app suggests it anyway."""
    return list(flow.sources_used_before().exclude(pk__in=flow.recommended_source_ids)[:MAX_USED_BEFORE])
