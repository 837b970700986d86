"""The catalogue: portals that speak SMART on FHIR, the places patients look for, the directories that list them,
and how we are known there."""

from sources.models.catalogue import Catalogue
from sources.models.directory import Directory, DirectoryEntry, Rank
from sources.models.facility import Facility, FacilityQuerySet, Portal
from sources.models.imports import DirectoryImport, ImportChange, Kind, Status
from sources.models.registration import AuthMethod, ClientRegistration, ClientRegistrationQuerySet
from sources.models.source import Source, SourceQuerySet

__all__ = [
    "AuthMethod",
    "Catalogue",
    "ClientRegistration",
    "ClientRegistrationQuerySet",
    "Directory",
    "DirectoryEntry",
    "DirectoryImport",
    "Facility",
    "FacilityQuerySet",
    "ImportChange",
    "Kind",
    "Portal",
    "Rank",
    "Source",
    "SourceQuerySet",
    "Status",
]
