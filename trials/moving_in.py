"""A house with its marketplaces, shops that were read once, and people who answer their requests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from django.core.management import call_command

from accounts.models import Scope, User
from accounts.tokens import make_token
from cancellations.management.commands.demo import Command as Demo
from config import private_servers
from shops.models import Membership, Role, Shop
from trials.house import House
from trials.line import Line
from trials.people import Login
from trials.postman import Postman

PASSWORD = "a password for a trial"  # noqa: S105 - of people who exist for minutes


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)  # noqa: T201 - this is a program for a terminal


@contextmanager
def house_with(
    orders: int, seed: int, *, line: Line | None = None, postman: Postman | None = None, workers_yield: bool = False
) -> Iterator[House]:
    """Servers and sandbox are up, the rest is not; nothing is left running afterwards.

    Seven orders in ten of its world have a request that waits, TikTok Shop's due within six hours.
    """
    world = ["--scenario", "busy", "--seed", str(seed), "--orders", str(orders)]
    house = House(
        private_servers.LOCAL, sandbox_options=world, workers_yield=workers_yield,
        line_port=line.port if line else 0, pushes_to=postman.url if postman else "",
    )  # fmt: skip
    if line:
        line.leads_to = house.sandbox_port
    if postman:
        postman.leads_to = house.url
    try:
        house.start_servers()
        house.sandbox.start()
        call_command("migrate", verbosity=0)
        yield house
    finally:
        house.close()


def move_in(house: House, people: int) -> list[Login]:
    """The sandbox's sellers are connected and read once; each person has a token, and the first one is a manager."""
    demo = Demo()
    shops = demo.connect_shops(house.sandbox_url)
    demo.pull(shops)
    say(f"{len(shops)} shops are connected and read")
    return [login(number) for number in range(people)]


def login(number: int) -> Login:
    user = User(email=f"agent{number}@countermand.example")
    user.set_password(PASSWORD)
    user.save()
    role = Role.AGENT if number else Role.MANAGER
    Membership.objects.bulk_create(Membership(user=user, shop=shop, role=role) for shop in Shop.objects.all())
    return Login(user.email, PASSWORD, make_token(user, Scope.ADMIN, days=1)[1])


def asked(house: House, path: str) -> Any:
    """What the sandbox's control API says."""
    return requests.get(f"{house.sandbox_url}/__sandbox__/{path}", timeout=60).json()
