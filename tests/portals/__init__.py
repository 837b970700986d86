"""A patient portal for tests: a strict SMART on FHIR server whose choices and faults a test sets by name.

It shares no code with the product, so that a mistake made there is not repeated here.
"""

from .app import ReturnApp
from .choices import LONG_ID, NASTY_DESCRIPTION, Choices
from .listener import Answer, Listener, Request
from .server import Portal

__all__ = ["LONG_ID", "NASTY_DESCRIPTION", "Answer", "Choices", "Listener", "Portal", "Request", "ReturnApp"]
