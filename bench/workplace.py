"""A directory and a database of its own for a benchmark, gone when it ends."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_INSIDE = "BENCH_INSIDE"
# What the developer's own shell may have set must not lead the benchmark to another database.
_OWN = ("DATABASE_URL", "SANDBOX", "BASE_URL", "ALLOWED_HOSTS", "SECRET_KEY", "ENCRYPTION_KEYS", "LOG_LEVEL")


@dataclass(frozen=True)
class Run:
    """What a command cost. `peak_mb` is the most memory that its process, or one that it waited for, had resident."""

    status: int
    seconds: float
    peak_mb: float
    output: str


def is_inside() -> bool:
    """Whether this process already has its own directory: see `run_inside`."""
    return _INSIDE in os.environ


def run_inside(module: str, arguments: list[str], **settings: str) -> int:
    """Run a module again with an empty VAR_DIR under the temporary directory; its exit status.

    The embedded PostgreSQL stops with its last process, so the directory is removed only after that.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as directory:
        environment = {name: value for name, value in os.environ.items() if name not in _OWN}
        environment |= {_INSIDE: "1", "VAR_DIR": directory, "LOG_LEVEL": "WARNING", **settings}
        environment |= {"DJANGO_SETTINGS_MODULE": "medblocks_connect.settings"}
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(command, cwd=ROOT, env=environment)  # noqa: S603  our own
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # it was interrupted as well, and needs a moment to stop PostgreSQL


def measured(*arguments: str) -> Run:
    """Run a management command in a process of its own. Raises RuntimeError with its output if it fails."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.monotonic()
        command = [sys.executable, "manage.py", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        output.seek(0)
        run = Run(process.returncode, seconds, usage.ru_maxrss / 1024, output.read())
    if run.status:
        raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{run.output}")
    return run
