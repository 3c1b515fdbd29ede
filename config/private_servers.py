"""A PostgreSQL and a Valkey of this checkout's own, where the environment names none."""

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet

LOCAL = Path(__file__).resolve().parent.parent / ".local"


def database_url() -> str:
    return os.environ.get("DATABASE_URL", "postgres://postgres@/countermand?host=" + str(LOCAL))


def broker_url() -> str:
    return os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6390/0")


def local_secret(name: str) -> str:
    """A random text kept in `.local/`, made on first use, so that a fresh checkout needs no configuration."""
    path = LOCAL / name
    if not path.exists():
        LOCAL.mkdir(mode=0o700, exist_ok=True)
        path.write_text(secrets.token_urlsafe(50))
        path.chmod(0o600)
    return path.read_text()


def local_fernet_key() -> str:
    path = LOCAL / "fernet_key"
    if not path.exists():
        LOCAL.mkdir(mode=0o700, exist_ok=True)
        path.write_text(Fernet.generate_key().decode())
        path.chmod(0o600)
    return path.read_text()


def ensure() -> None:
    """To come: start what is missing and say where it is in os.environ."""
