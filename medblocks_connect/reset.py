"""`make demo-reset`: forget everything the demo made. Needs only Python's standard library."""

import os
import shutil
import sys
from pathlib import Path

VAR_DIR = Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parent.parent / "var")
MADE = [
    "postgres",
    ".postgres.lock",
    ".postgres.members",
    ".postgres.package.lock",
    "search",
    "log",
    "demo.json",
    "settings.env",
]


def main() -> None:
    if _is_running():
        sys.exit("The demo is running. Stop it first (Ctrl-C), then wipe it.")
    for name in MADE:
        path = VAR_DIR / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    sys.stdout.write("The demo's database, keys and logs are gone. The next `make demo` starts afresh.\n")


def _is_running() -> bool:
    try:
        os.kill(int((VAR_DIR / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]), 0)
    except PermissionError:  # it runs, under another user
        return True
    except (OSError, ValueError):
        return False
    return True


if __name__ == "__main__":
    main()
