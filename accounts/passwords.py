"""Passwords that are known to burglars."""

from django.utils.translation import gettext_lazy as _
from pwned_passwords_django.validators import PwnedPasswordsValidator


class NotBreached(PwnedPasswordsValidator):  # type: ignore[misc]
    """Asks the Pwned Passwords service with five hex digits of the password's SHA-1.

    Where it can't be reached, the list of common passwords has to do: nobody is kept from changing theirs.
    """

    def __init__(self) -> None:
        super().__init__(
            error_message=_("This password is in a list of stolen ones. Choose another one."),
            help_message=_("Your password can't be one that was stolen elsewhere."),
        )
