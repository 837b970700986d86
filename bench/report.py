"""What every benchmark prints: the machine, the command, and a table of figures."""

import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


def print_machine(command: str) -> None:
    memory = psutil.virtual_memory().total / 2**30
    print(f"machine  {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB")
    print(f"system   {platform.system()} {platform.release()}, Python {platform.python_version()}")
    print(f"command  {command}")
    print(f"load     {os.getloadavg()[0]:.1f} before it started: what else runs makes the figures worse\n", flush=True)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns wide enough for what is in them, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    print(flush=True)


@dataclass(frozen=True)
class Times:
    """How long each of many calls took, in seconds."""

    seconds: list[float]

    def percentile(self, share: float) -> float:
        """The nearest rank: the time that `share` of the calls did not exceed, in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[math.ceil(share * len(ordered)) - 1] * 1000

    @property
    def cells(self) -> list[str]:
        """p50, p95, p99 and the longest, in milliseconds."""
        return [f"{self.percentile(share):.2f}" for share in (0.5, 0.95, 0.99, 1.0)]


def verdict(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def megabytes_of(path: Path) -> float:
    """The size of a file, or of all files below a directory, in MB."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1_000_000


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or sys.platform
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
