"""Settings that an installation makes for itself on its first start."""

import os
import secrets
from pathlib import Path

import fasteners
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured


def ensure_generated_settings(var_dir: Path) -> None:
    """Create `<var_dir>/settings.env` with fresh keys unless it is there already.

    Readable by its owner only; safe when several processes start at once.
    """
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        (var_dir / ".settings.lock").touch()
    except PermissionError as error:
        raise ImproperlyConfigured(f"{var_dir} cannot be written: set VAR_DIR to a directory of your own.") from error
    path = var_dir / "settings.env"
    with fasteners.InterProcessLock(var_dir / ".settings.lock"):
        if not path.exists():
            keys = {"SECRET_KEY": secrets.token_urlsafe(50), "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
            _write(path, keys)


def update_generated_settings(var_dir: Path, values: dict[str, str]) -> None:
    """Set `values` in `<var_dir>/settings.env`, keeping what else is there."""
    ensure_generated_settings(var_dir)
    path = var_dir / "settings.env"
    with fasteners.InterProcessLock(var_dir / ".settings.lock"):
        kept = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
        _write(path, kept | values)


def _write(path: Path, values: dict[str, str]) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    fresh.replace(path)
