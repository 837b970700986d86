"""What staff are told of a vendor that they typed."""

from django.contrib import messages
from django.http import HttpRequest

from sources.models import Source


def warn_of_unknown_vendor(request: HttpRequest, vendor: str | None, environment: str) -> None:
    """Say where no source has this vendor: it may be the first one's, or a typo that matches nothing."""
    if vendor and not Source.objects.filter(type=vendor, environment=environment).exists():
        messages.warning(request, f"No {environment} source has the vendor “{vendor}” yet. Is it spelt as meant?")
