"""The first version: that of the published API."""

from common.versions.change import Version

VERSION = Version(date="2026-04-25")
