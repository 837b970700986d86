"""The parts of the picker that each keystroke renders anew, for the page around them.

They are Jinja2 templates (docs/adr/0025-what-a-keystroke-renders.md).
"""

from collections.abc import Sequence
from typing import Any

from django import template
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from picker.cards import Card

register = template.Library()


@register.simple_tag
def places(cards: Sequence[Card]) -> SafeString:
    return _rendered("components/places.html", {"cards": cards})


@register.simple_tag(takes_context=True)
def results(context: Context) -> SafeString:
    return _rendered("picker/results.html", context.flatten())


@register.simple_tag(takes_context=True)
def results_title(context: Context) -> SafeString:
    return _rendered("picker/results_title.html", context.flatten())


def _rendered(name: str, context: dict[Any, Any]) -> SafeString:
    return SafeString(render_to_string(name, context, using="jinja2"))
