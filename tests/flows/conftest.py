"""The fixtures of the patient's journey, for what the app does meanwhile."""

from tests.journey.conftest import browser, flow, portal, riverside

__all__ = ["browser", "flow", "portal", "riverside"]
