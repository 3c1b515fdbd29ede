"""What `check --deploy` says about settings that are made for trying out and not for a server."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from config import private_servers


@register(Tags.security)
def encryption_keys_are_keys(**_: Any) -> list[CheckMessage]:
    """Told before the first secret is to be stored, and without naming the key."""
    for number, key in enumerate(settings.FIELD_ENCRYPTION_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            return [
                Error(
                    f"Number {number} of FIELD_ENCRYPTION_KEYS is no Fernet key.",
                    hint="docs/security.md says how one is made.",
                    id="countermand.E001",
                )
            ]
    return []


@register(Tags.security, deploy=True)
def secrets_are_given(**_: Any) -> list[CheckMessage]:
    """What `.local/` holds is made by whoever comes first: another machine has another one, and no backup has it."""
    return [
        Error(f"{name} is not set; the one in use was made on this machine.", id="countermand.E002")
        for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS")
        if not os.environ.get(name)
    ]


@register(Tags.security, deploy=True)
def servers_are_given(**_: Any) -> list[CheckMessage]:
    return [
        Error(f"{name} is not set; the private server in use is for trying out.", id="countermand.E003")
        for name in ("DATABASE_URL", "CELERY_BROKER_URL")
        if private_servers.is_private(name)
    ]


@register(Tags.security, deploy=True)
def evidence_is_kept(**_: Any) -> list[CheckMessage]:
    if private_servers.LOCAL not in Path(settings.MEDIA_ROOT).parents:
        return []
    return [Error("MEDIA_ROOT is not set: evidence would lie in the checkout.", id="countermand.E004")]


@register(Tags.security, deploy=True)
def pushes_come_over_https(**_: Any) -> list[CheckMessage]:
    if not settings.PUBLIC_URL or urlsplit(settings.PUBLIC_URL).scheme == "https":
        return []
    return [Error("PUBLIC_URL does not begin with https.", id="countermand.E005")]


@register(Tags.security, deploy=True)
def mail_is_sent(**_: Any) -> list[CheckMessage]:
    if "console" not in settings.EMAIL_BACKEND:
        return []
    words = "EMAIL_URL is not set: links that set a new password are written to the log and reach nobody."
    return [checks.Warning(words, id="countermand.W001")]


@register(Tags.security, deploy=True)
def numbers_are_not_guessed(**_: Any) -> list[CheckMessage]:
    if not settings.METRICS_TOKEN or len(settings.METRICS_TOKEN) >= 16:
        return []
    return [checks.Warning("METRICS_TOKEN has less than 16 characters.", id="countermand.W002")]
