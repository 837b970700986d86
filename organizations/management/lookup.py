"""How commands name a workspace."""

from django.core.management.base import CommandError

from organizations.models import Organization


def find_organization(reference: str) -> Organization:
    """The workspace with this id, or the only one with this name. Raises CommandError."""
    found = list(Organization.objects.filter(pk=reference)) or list(Organization.objects.filter(name=reference)[:2])
    if not found:
        raise CommandError(f"There is no workspace {reference!r}.")
    if len(found) > 1:
        raise CommandError(f"Several workspaces are called {reference!r}: give its id.")
    return found[0]
