"""The product's own WSGI application on a loopback port, on the test's database.

Django's live server is not it: it answers addresses from the working directory before the application sees them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import QuietWSGIRequestHandler


class _Handler(QuietWSGIRequestHandler):
    # Otherwise each answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that runs as long as the block. The test's data must be committed."""
    from medblocks_connect.wsgi import application

    server = ThreadedWSGIServer(("localhost", 0), _Handler, allow_reuse_address=False)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
