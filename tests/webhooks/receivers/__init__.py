"""Receivers of webhooks on loopback ports: good ones, and all the kinds of bad ones that are out there.

`receiver.py` has the receiver, `behaviours.py` what it does with a connection, `names.py` names that lead to it, and
`certificates.py` how it shows who it is.
"""

from tests.webhooks.receivers.receiver import Behaviour, Heard, Line, Receiver

__all__ = ["Behaviour", "Heard", "Line", "Receiver"]
