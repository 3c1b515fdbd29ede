import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from marketplaces.errors import MarketplaceError
from marketplaces.registry import MARKETPLACES
from shops.connecting.sellers import Account, connect_with_code, connect_with_password
from shops.markets import check_options


class Command(BaseCommand):
    help = (
        "Connect a seller. Where sellers consent on the marketplace's own page, give the app's key and the code that "
        "came to the app's redirect address; it works once and for 30 minutes. Where they have a user name and a "
        "password, give the user name. The secret or password is read from APP_SECRET or asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("marketplace", help=", ".join(sorted(MARKETPLACES)))
        parser.add_argument("--app-key", required=True, help="the app's key, or the user's name")
        parser.add_argument("--code", default="", help="the `code` parameter of the redirect")
        parser.add_argument("--api-url", default="", help="only for a simulator: its address")
        parser.add_argument(
            "--option", action="append", default=[], metavar="NAME=VALUE", help="in what this account differs"
        )

    def handle(
        self, *args: Any, marketplace: str, app_key: str, code: str, api_url: str, option: list[str], **options: Any
    ) -> None:
        if marketplace not in MARKETPLACES:
            raise CommandError(f"There is no marketplace “{marketplace}”. Known: {', '.join(sorted(MARKETPLACES))}.")
        platform = MARKETPLACES[marketplace]
        if not code and not platform.signs_in_with_password:
            raise CommandError(f"{platform.name} needs the --code of the seller's consent.")
        differs = {name: value for name, _, value in (assignment.partition("=") for assignment in option)}
        try:
            check_options(marketplace, differs)
        except ValidationError as problem:
            raise CommandError(" ".join(problem.messages)) from None
        try:
            secret = os.environ.get("APP_SECRET") or getpass.getpass("Secret or password: ")
        except EOFError:
            raise CommandError("There is nobody to ask for the secret: set APP_SECRET.") from None
        account = Account(marketplace, app_key, secret, api_url, api_url, differs or None)
        try:
            connection = connect_with_code(account, code) if code else connect_with_password(account)
        except MarketplaceError as error:
            raise CommandError(f"{error} (request id {error.request_id})" if error.request_id else str(error)) from None
        for shop in connection.shops.all():
            self.stdout.write(f"{shop}: connected, pulled within seconds by a running worker")
