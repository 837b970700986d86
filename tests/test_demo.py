"""`make demo`: starts from nothing, keeps its data, and leaves nothing running."""

import shlex
import signal
import socket
import stat
import subprocess
import sys
from urllib.parse import urlsplit

import psutil
import pytest

from tests.browser.product import ROOT, STOP_SECONDS, Product
from tests.ports import free_port

pytestmark = pytest.mark.browser
KEYS = {
    "base_url", "api_key", "organization", "flow_id", "flow_url", "admin_url", "admin_username", "admin_password",
    "portal_users",
}  # fmt: skip


def processes_of(product: Product) -> list[str]:
    """Everything that runs on the product's directory or port."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(product.var_dir) in command or (process.info["environ"] or {}).get("VAR_DIR") == str(product.var_dir):
            found.append(command)
    return found


def told_to_the_app(product: Product) -> str:
    """What the printed `webhooks_listen` prints while the demo's flow is ended by the app."""
    [printed] = [line for line in product.output.read_text().splitlines() if "webhooks_listen" in line]
    key, _, *command = shlex.split(printed)
    listener = subprocess.Popen(
        ["env", key, sys.executable, *command], cwd=ROOT, env=product.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        while "Listening" not in listener.stdout.readline():
            assert listener.poll() is None
        product.post(f"/patient-flows/{product.demo['flow_id']}/expire", {})
        return listener.stdout.readline()
    finally:
        listener.kill()
        listener.wait()
        listener.stdout.close()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def product():
    running = Product(ROOT / "var" / "test-demo-product", free_port())
    yield running
    if running.process is not None and running.process.poll() is None:
        running.stop()


def test_the_demo_starts_from_nothing_keeps_its_data_and_stops_without_a_trace(product):
    product.wipe()
    product.start()
    first = product.demo
    assert set(first) == KEYS
    assert all(set(user) == {"username", "password", "what_happens"} for user in first["portal_users"])
    assert stat.S_IMODE((product.var_dir / "demo.json").stat().st_mode) == 0o600
    assert first["flow_url"] in product.output.read_text()
    product.post("/patients", {"patient_id": "kept"})
    assert "patient_flow.expired" in told_to_the_app(product)
    with pytest.raises(AssertionError, match="already runs from this directory"):
        Product(product.var_dir, free_port(), output_name="second.txt").start()
    assert len(processes_of(product)) >= 4  # the supervisor, the web server, the worker, PostgreSQL

    assert product.stop(signal.SIGINT) == 0
    assert processes_of(product) == []
    assert not is_listening(product.port)

    product.port = free_port()
    product.start()
    second = product.demo
    assert product.get("/patients/kept")["id"] == "kept"
    assert {name for name in KEYS if first[name] == second[name]} == {
        "api_key", "organization", "admin_username", "admin_password", "portal_users",
    }  # fmt: skip
    found = product.get("/connections?q=riverside")["data"] + product.get("/connections")["data"]
    assert {urlsplit(source["fhir_base_url"]).port for source in found} == {product.port}
    assert product.stop(signal.SIGTERM) == 0
    assert processes_of(product) == []


def test_a_port_in_use_is_one_clear_sentence(product):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", product.port))
        taken.listen()

        with pytest.raises(AssertionError, match=f"Port {product.port} is in use"):
            product.start()

    assert processes_of(product) == []


def test_a_killed_web_server_ends_the_demo_with_its_log(product):
    product.start()
    [web] = [p for p in psutil.Process(product.process.pid).children() if "granian" in " ".join(p.cmdline())]
    web.kill()

    assert product.process.wait(STOP_SECONDS) != 0
    assert "The web server stopped" in product.output.read_text()
    assert processes_of(product) == []
