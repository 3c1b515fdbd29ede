import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplaces.errors import MarketplaceError
from shops.connecting import connect_with_code


class Command(BaseCommand):
    help = (
        "Connect a seller with the code that the marketplace sent to the app's redirect address when the seller "
        "consented. The code works once and for 30 minutes. The app's secret is read from APP_SECRET or asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("marketplace", help="such as tiktok_shop")
        parser.add_argument("--app-key", required=True)
        parser.add_argument("--code", required=True, help="the `code` parameter of the redirect")
        parser.add_argument("--api-url", default="", help="only for a simulator: its address")

    def handle(self, *args: Any, marketplace: str, app_key: str, code: str, api_url: str, **options: Any) -> None:
        secret = os.environ.get("APP_SECRET") or getpass.getpass("App secret: ")
        try:
            connection = connect_with_code(marketplace, app_key, secret, code, api_url=api_url, auth_url=api_url)
        except KeyError:
            raise CommandError(f"There is no marketplace “{marketplace}”.") from None
        except MarketplaceError as error:
            raise CommandError(f"{error} (request id {error.request_id or 'none'})") from None
        for shop in connection.shops.all():
            self.stdout.write(f"{shop}: connected, pulled within seconds by a running worker")
