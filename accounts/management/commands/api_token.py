from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Scope, User
from accounts.tokens import make_token


class Command(BaseCommand):
    help = "Make an API token for somebody and print it. It is stored as a hash, so this is the only time it is shown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        most = settings.API_TOKEN_MAX_DAYS
        parser.add_argument("email")
        parser.add_argument("--scope", choices=Scope.values, default=Scope.DECIDE, help="How far it goes (decide).")
        parser.add_argument("--name", default="", help="What it is for.")
        parser.add_argument("--days", type=int, default=most, help=f"How long it lives ({most}, which is the most).")

    def handle(self, *args: Any, email: str, scope: str, name: str, days: int, **options: Any) -> str:
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None:
            raise CommandError(f"No active user has the address {email}.")
        try:
            return make_token(user, Scope(scope), days, name=name)[1]
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
