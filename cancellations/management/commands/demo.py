import secrets
from argparse import ArgumentParser
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import requests
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from cancellations import sync
from cancellations.models import Announcement
from cancellations.recording import AlreadyRecorded, Heard, handle, record
from marketplaces.records import Tokens
from orders.models import Order
from shops.connecting.sellers import Account, connect, connect_with_password
from shops.models import App, Membership, Role, Shop, SyncRun

PEOPLE = {
    Role.VIEWER: ("viewer@countermand.example", "Vera", "Viewer"),
    Role.AGENT: ("agent@countermand.example", "Alex", "Agent"),
    Role.MANAGER: ("manager@countermand.example", "Mina", "Manager"),
}

UNREAD = 2  # letters that the people of the demonstration find


class Command(BaseCommand):
    help = "Fill this database for a demonstration: the sandbox's shops, pulled for real, and a person of every role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--sandbox-url", required=True)

    def handle(self, *args: Any, sandbox_url: str, **options: Any) -> None:
        self.register_apps(sandbox_url.rstrip("/"))
        shops = self.connect_shops(sandbox_url.rstrip("/"))
        self.pull(shops)
        password = secrets.token_urlsafe(9)
        people = [self.make_person(role, password, shops) for role in PEOPLE]
        self.read_mail(sandbox_url.rstrip("/"), people[list(PEOPLE).index(Role.AGENT)])
        self.stdout.write("Sign in as")
        for person, role in zip(people, PEOPLE, strict=True):
            self.stdout.write(f"  {person.email:32} {password}   {role.label}")

    def connect_shops(self, url: str) -> list[Shop]:
        """Every seller that the sandbox has, at each of its marketplaces."""
        for seller in requests.get(f"{url}/__sandbox__/credentials", timeout=10).json()["connections"]:
            names = ("marketplace", "app_key", "app_secret", "api_url", "auth_url")
            account = Account(**{name: seller[name] for name in names})
            if seller["access_token"]:
                now = timezone.now()
                tokens = Tokens(
                    seller["access_token"], now + timedelta(days=6), seller["refresh_token"], now + timedelta(days=365),
                    seller["seller_name"],
                )  # fmt: skip
                connect(account, tokens)
            else:
                connect_with_password(account)
        return list(Shop.objects.select_related("connection"))

    def register_apps(self, url: str) -> None:
        """So that “Connect a seller” leads to the sandbox's consent page, and to its suppliers."""
        told = requests.get(f"{url}/__sandbox__/credentials", timeout=10).json()
        asking, by_password = told["connections"][0], told["connections"][-1]
        for audience, service_id in told["services"].items():
            ours = {name: asking[name] for name in ("app_key", "app_secret", "api_url", "auth_url")}
            ours |= {"service_id": service_id, "consent_url": f"{url}/open/authorize"}
            App.objects.update_or_create(marketplace=asking["marketplace"], audience=audience, defaults=ours)
        where = {"api_url": by_password["api_url"]}
        App.objects.update_or_create(marketplace=by_password["marketplace"], audience="", defaults=where)

    def pull(self, shops: list[Shop]) -> None:
        for shop in shops:
            for run in sync.pull(shop, full=True):
                if run.state != SyncRun.State.SUCCEEDED:
                    raise CommandError(f"{shop}: {run.get_kind_display()} {run.get_state_display()}: {run.error}")

    def read_mail(self, url: str, agent: User) -> None:
        """Where marketplaces show no requests they come by e-mail; all but the newest have been recorded already."""
        letters = requests.get(f"{url}/__sandbox__/mail", timeout=10).json()["mail"]
        for letter in letters[:-UNREAD]:
            order = Order.objects.get(shop__marketplace_id=letter["shop_id"], marketplace_id=letter["order_id"])
            line = order.lines.get(marketplace_id=letter["line_item_id"]) if letter["line_item_id"] else None
            sent = datetime.fromisoformat(letter["sent"])
            with suppress(AlreadyRecorded):
                record(order, line, agent, Heard(asked_at=sent, note=f"{letter['from']}: {letter['text']}"))
        unread = [letter["sent"] for letter in letters[-UNREAD:]]
        for told in Announcement.objects.waiting().exclude(announced_at__in=unread):
            handle(told, agent)

    @transaction.atomic
    def make_person(self, role: Role, password: str, shops: list[Shop]) -> User:
        email, first_name, last_name = PEOPLE[role]
        person, _ = User.objects.get_or_create(email=email)
        person.first_name, person.last_name = first_name, last_name
        person.is_staff = person.is_superuser = role == Role.MANAGER
        person.set_password(password)
        person.save()
        for shop in shops:
            Membership.objects.update_or_create(user=person, shop=shop, defaults={"role": role})
        return person
