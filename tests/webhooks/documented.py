"""The receivers of docs/webhooks.md, taken out of the document and run as real processes."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import pytest
import requests

GUIDE = Path(__file__).parent.parent.parent / "docs" / "webhooks.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
VERIFICATION = re.compile(r"^def is_genuine\(.*?\n(?=\n\n)", re.MULTILINE | re.DOTALL)
KINDS = ["python", "python with standardwebhooks", "node"]


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(GUIDE.read_text()) if kind == language]


def program(kind: str) -> tuple[str, str]:
    """File name and text of a receiver, as a reader of the guide would have it."""
    if kind == "node":
        [text] = blocks("js")
        return "receiver.mjs", text
    receiver, other_verification = blocks("python")
    if kind == "python with standardwebhooks":
        assert len(VERIFICATION.findall(receiver)) == 1
        receiver = VERIFICATION.sub(lambda _: other_verification, receiver)
    return "receiver.py", receiver


def interpreter(kind: str) -> str:
    found = shutil.which("node") if kind == "node" else sys.executable
    if found is None:
        pytest.skip("Node is not installed here: the receiver in Node was not run.")
    return found


@dataclass
class Running:
    """A receiver that runs; `handled` are the lines that it printed for the events that it worked on."""

    process: subprocess.Popen[str]
    url: str
    lines: "Queue[str]"

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        """What it answers."""
        return requests.post(self.url, data=body, headers=headers, timeout=30).status_code

    def next_handled(self) -> str:
        return self.lines.get(timeout=30)


@contextmanager
def running(kind: str, folder: Path, secret: str) -> Iterator[Running]:
    """The receiver, started in `folder`, where it keeps what it gets; killed at the end of the block."""
    name, text = program(kind)
    (folder / name).write_text(text)
    own = {"WEBHOOK_SECRET": secret, "PORT": "0"}
    process = subprocess.Popen(
        [interpreter(kind), name], cwd=folder, env=os.environ | own, stdout=subprocess.PIPE, text=True
    )
    lines: Queue[str] = Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    try:
        [url] = re.findall(r"^Receiving at http://localhost(:\d+/)$", lines.get(timeout=30))
        yield Running(process, f"http://127.0.0.1{url}", lines)
    finally:
        process.kill()
        process.wait(30)
        reader.join(30)
        assert process.stdout is not None
        process.stdout.close()


def _read(process: "subprocess.Popen[str]", lines: "Queue[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.rstrip("\n"))
