"""What staff see of the catalogue: portals, places, registrations, directories and their imports."""

from sources.admin import catalogue, directories, registrations

__all__ = ["catalogue", "directories", "registrations"]
