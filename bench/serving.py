"""The product, or another application, served by granian as README.md says to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

WORKERS = "2"
PRODUCT = "medblocks_connect.wsgi:application"


NO_RATE_LIMIT = {"API_RATE_LIMIT": "9999999/second"}


def product_settings() -> dict[str, str]:
    """Settings for `run_inside`: where `served` serves the product, and that a key may ask as often as it likes."""
    from tests.ports import free_port

    port = free_port()
    return {"BASE_URL": f"http://127.0.0.1:{port}", "BENCH_PORT": str(port), **NO_RATE_LIMIT}


def product_port() -> int:
    return int(os.environ["BENCH_PORT"])


@contextmanager
def served(port: int, application: str = PRODUCT) -> Iterator[None]:
    """Serve a WSGI application on this port, with the same command whichever it is. It has to answer /health."""
    from django.conf import settings

    from medblocks_connect.supervisor import Process, wait_until_healthy, web_command

    command = [application if argument == PRODUCT else argument for argument in web_command(port)]
    name = application.partition(":")[0]
    server = Process(name, [*command, "--workers", WORKERS], settings.VAR_DIR / "log" / f"{name}.log")
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", [server])
        yield
    finally:
        server.stop()
