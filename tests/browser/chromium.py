"""Chromium for the browser tests: the machine's, else its package manager's, else playwright's own download.

Run as a program it makes sure that there is one (`make test` does).
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No background traffic of the browser's own; as root it needs no sandbox of its own.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PACKAGE_MANAGERS = {
    "apt-get": [["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]],
    "dnf": [["dnf", "install", "-y", "-q", "chromium"]],
    "apk": [["apk", "add", "--quiet", "chromium"]],
    "pacman": [["pacman", "-Sy", "--noconfirm", "chromium"]],
}


def find_chromium() -> str | None:
    """Where this machine's Chromium is, or None for playwright's own."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def _from_package_manager() -> bool:
    """Try the system's packages, as root or with a sudo that asks for no password."""
    elevate = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if elevate and not shutil.which("sudo"):
        return False
    for manager, commands in PACKAGE_MANAGERS.items():
        if shutil.which(manager):
            quiet = {"DEBIAN_FRONTEND": "noninteractive"}
            return all(
                subprocess.run([*elevate, *command], env=os.environ | quiet, check=False).returncode == 0
                for command in commands
            )
    return False


def _playwrights_own() -> bool:
    return subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode == 0


def main() -> None:
    if find_chromium() or (_from_package_manager() and find_chromium()) or _playwrights_own():
        return
    sys.exit("No Chromium could be found or installed. Install it, or set CHROMIUM to its path.")


if __name__ == "__main__":
    main()
