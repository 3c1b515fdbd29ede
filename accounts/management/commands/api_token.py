from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.tokens import make_token


class Command(BaseCommand):
    help = "Make an API token for somebody and print it. It is stored as a hash, so this is the only time it is shown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--days", type=int, default=365, help="How long it lives (365).")

    def handle(self, *args: Any, email: str, days: int, **options: Any) -> str:
        if days < 1:
            raise CommandError("A token lives for at least a day.")
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None:
            raise CommandError(f"No active user has the address {email}.")
        return make_token(user, days)[1]
