"""allauth's forms for passkeys, kept from breaking at what no passkey says."""

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms

# fido2 takes apart what was sent before anything has looked at its shape.
NO_PASSKEY = (AttributeError, IndexError, KeyError, TypeError, ValueError)


class AddForm(forms.AddWebAuthnForm):  # type: ignore[misc]
    def clean(self) -> dict[str, Any]:
        try:
            return dict(super().clean())
        except NO_PASSKEY as error:
            raise get_adapter().validation_error("incorrect_code") from error

    def clean_name(self) -> str:
        return str(super().clean_name())[:80]


class LoginForm(forms.LoginWebAuthnForm):  # type: ignore[misc]
    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()
        except NO_PASSKEY as error:
            raise get_adapter().validation_error("incorrect_code") from error


class AuthenticateForm(forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()
        except NO_PASSKEY as error:
            raise get_adapter().validation_error("incorrect_code") from error


class ReauthenticateForm(forms.ReauthenticateWebAuthnForm, AuthenticateForm):  # type: ignore[misc]
    pass
