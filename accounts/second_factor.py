"""Second factors: who has to have one, and what of them is kept secret."""

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.encryption import decrypted, encrypted
from accounts.models import User

# Recovery codes are for the day on which one of these is lost.
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return encrypted(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypted(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """The last one stays with whoever must have one."""
        if not is_demanded_of(authenticator.user):
            return True
        others = Authenticator.objects.filter(user=authenticator.user, type__in=FACTORS).exclude(pk=authenticator.pk)
        return bool(others.exists())

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002 - the name is allauth's
        return _("Passkey %(number)d") % {"number": Authenticator.objects.filter(user=user, type=type).count() + 1}


def is_demanded_of(user: User) -> bool:
    if settings.SECOND_FACTOR == "staff":
        return user.is_staff or user.is_superuser
    return bool(settings.SECOND_FACTOR == "everybody")


def is_missing(request: HttpRequest) -> bool:
    """Whether who is signed in must set one up before anything else.

    Where somebody else vouched for them, asking for a second factor was theirs.
    """
    user = request.user
    if not user.is_authenticated or not is_demanded_of(user) or is_mfa_enabled(user, FACTORS):
        return False
    return not any(record["method"] == "socialaccount" for record in get_authentication_records(request, user))


def rotate_secrets() -> int:
    """Write what second factors are made of again, with the first of FIELD_ENCRYPTION_KEYS; returns how many rows."""
    rotated = 0
    for pk in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).values_list("pk", flat=True).iterator():
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if row is not None:
                for name in {"secret", "seed"} & row.data.keys():
                    row.data[name] = encrypted(decrypted(row.data[name]))
                row.save(update_fields=["data"])
                rotated += 1
    return rotated
