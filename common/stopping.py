"""Whether this process has been asked to stop: long jobs end at the next good moment."""

import threading

stopping = threading.Event()
