"""The keys that secrets at rest are written with: authorizations of shops, and what second factors are made of."""

from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    """The first of FIELD_ENCRYPTION_KEYS writes, all of them read."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS))


def encrypted(text: str) -> str:
    return fernet().encrypt(text.encode()).decode()


def decrypted(text: str) -> str:
    return fernet().decrypt(text.encode()).decode()
