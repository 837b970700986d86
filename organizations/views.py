"""A workspace's look, as files of this site: no page loads anything from elsewhere."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from organizations import branding
from organizations.models import Organization

ONE_YEAR = 365 * 24 * 3600


@require_safe
def stylesheet(request: HttpRequest, organization_id: str, version: str) -> HttpResponse:
    """The accent colour. The address changes with the look, so it may be kept for ever."""
    organization = get_object_or_404(Organization, pk=organization_id)
    return _kept(HttpResponse(branding.stylesheet(organization.accent_color), content_type="text/css"))


@require_safe
def logo(request: HttpRequest, organization_id: str, version: str) -> HttpResponse:
    organization = get_object_or_404(Organization, pk=organization_id)
    content = bytes(organization.logo)
    if not content:
        raise Http404
    return _kept(HttpResponse(content, content_type=branding.logo_type(content)))


def _kept(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, public=True, max_age=ONE_YEAR, immutable=True)
    return response
