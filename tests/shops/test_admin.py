"""A shop in the admin: what is changed there is checked before every page about the shop relies on it."""

from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from marketplaces.registry import marketplace
from shops.models import Connection, Shop
from tests.factories import ConnectionFactory, ShopFactory, UserFactory

pytestmark = pytest.mark.django_db


def saved(client: Client, shop: Shop, time_zone: str) -> str:
    """The answer's words when an administrator gives the shop this time zone."""
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    address = reverse("admin:shops_shop_change", args=[shop.pk])
    form = client.get(address).context["adminform"].form
    told = {name: "" if value is None else value for name, value in form.initial.items() if value is not False}
    none = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    return client.post(address, {**told, **none, "time_zone": time_zone}, follow=True).content.decode()


@pytest.mark.parametrize("name", ["Mars/Olympus", "europe/paris ", "../../etc/passwd", "9" * 60])
def test_a_time_zone_that_nobody_knows_is_refused_at_its_field(client: Client, name: str) -> None:
    shop = ShopFactory()
    assert "is no time zone; write it like Europe/Berlin" in saved(client, shop, name)
    shop.refresh_from_db()
    assert shop.time_zone == "Europe/London"


def test_one_that_is_known_is_taken(client: Client) -> None:
    shop = ShopFactory()
    saved(client, shop, "Asia/Jakarta")
    shop.refresh_from_db()
    assert shop.time_zone == "Asia/Jakarta"


# --- in what an account differs -------------------------------------------------------------------------------------


def page_of(client: Client, connection: Connection) -> str:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return reverse("admin:shops_connection_change", args=[connection.pk])


def differing(client: Client, connection: Connection, options: str) -> str:
    """The answer's words when an administrator writes these options."""
    form = {"app_key": "key", "api_url": "", "auth_url": "", "options": options}
    form |= {f"new_{secret}": "" for secret in ("app_secret", "access_token", "refresh_token")}
    none = {"shops-TOTAL_FORMS": 0, "shops-INITIAL_FORMS": 0}
    return client.post(page_of(client, connection), {**form, **none}, follow=True).content.decode()


def test_an_administrator_reads_what_every_option_means(client: Client) -> None:
    connection = ConnectionFactory(marketplace="crux_timp")
    page = client.get(page_of(client, connection)).content.decode()
    for option in marketplace("crux_timp").options:
        assert f"<dt><code>{option.name}</code></dt>" in page
        assert escape(option.text) in page
        for value, means in option.choices.items():
            assert f"<code>{escape(value)}</code> – {escape(means)}" in page


def test_where_accounts_do_not_differ_the_page_says_so(client: Client) -> None:
    page = client.get(page_of(client, ConnectionFactory())).content.decode()
    assert "Accounts at TikTok Shop do not differ." in page


@pytest.mark.parametrize(
    ("options", "stored"),
    [('{"environment": "sandbox"}', {"environment": "sandbox"}), ("{}", {}), ("", {}), ("null", {})],
)
def test_options_that_the_marketplace_knows_are_taken(client: Client, options: str, stored: dict[str, str]) -> None:
    connection = ConnectionFactory(marketplace="crux_timp", options={"currency": "CAD"})
    differing(client, connection, options)
    connection.refresh_from_db()
    assert connection.options == stored


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('{"enviroment": "sandbox"}', "Crux Connect has no option “enviroment”"),
        (
            '{"environment": "moon"}',
            '“environment” is one of these, as text: "production", "sandbox", "development"',
        ),
        ('{"environment": ["sandbox"]}', "“environment” is one of"),
        ('{"date_zone": "\\u0000"}', "“date_zone” is a text"),
        ('{"date_zone": "\\ud800"}', "“date_zone” is a text"),
        ("[]", "Write names and texts"),
        ("0", "Write names and texts"),
        ("environment=sandbox", "Enter a valid JSON"),
        ("[" * 3000, "Enter a valid JSON"),
    ],
)
def test_any_others_are_refused_at_their_field(client: Client, options: str, words: str) -> None:
    connection = ConnectionFactory(marketplace="crux_timp", options={"currency": "CAD"})
    assert words in unescape(differing(client, connection, options))
    connection.refresh_from_db()
    assert connection.options == {"currency": "CAD"}
