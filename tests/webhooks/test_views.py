"""A person's own endpoints on the screens: made, changed, tried, paused, looked into."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.models import Entry
from shops.models import Role, Shop
from tests.factories import ShopFactory, UserFactory, member
from tests.webhooks.conftest import happened
from tests.webhooks.receiver import Receiver
from webhooks.delivery import deliver
from webhooks.models import Delivery, Endpoint
from webhooks.relay import relay

pytestmark = pytest.mark.django_db
FORM = {"name": "ERP", "url": "https://erp.example/hooks?key=hidden"}


@pytest.fixture
def client(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def page(client: Client, name: str, *arguments: Any) -> str:
    answer = client.get(reverse(f"webhooks:{name}", args=arguments))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_secret_is_shown_once_and_never_again(client: Client, owner: User) -> None:
    answer = client.post(reverse("webhooks:new"), FORM)
    made = Endpoint.objects.get()
    assert re.findall(r"whsec_[\w+/=]+", answer.content.decode()) == [made.secret]
    assert "no-store" in answer["Cache-Control"]
    for name, arguments in (("list", []), ("endpoint", [made.pk]), ("change", [made.pk]), ("remove", [made.pk])):
        assert "whsec_" not in page(client, name, *arguments)
    assert (made.owner, made.types, made.is_limited) == (owner, [], False)


def test_the_audit_log_names_the_host_and_neither_the_address_nor_a_secret(client: Client) -> None:
    client.post(reverse("webhooks:new"), FORM)
    made = Endpoint.objects.get()
    client.post(reverse("webhooks:change", args=[made.pk]), {**FORM, "name": "New ERP"})
    client.post(made.get_absolute_url(), {"do": "rotate"})
    client.post(reverse("webhooks:remove", args=[made.pk]))
    told = Entry.objects.filter(action__startswith="endpoint.").order_by("pk")
    assert [one.action for one in told] == [
        "endpoint.made", "endpoint.changed", "endpoint.secret_rotated", "endpoint.removed"
    ]  # fmt: skip
    words = " ".join(f"{one.before} {one.after} {one.about}" for one in told)
    assert "erp.example" in words
    assert "hidden" not in words and "whsec_" not in words


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "http://erp.example/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"name": " "}, "name"),
        ({"types": ["no.such"]}, "types"),
        ({"is_limited": "on"}, "shops"),
        ({"is_limited": "on", "shops": ["999999"]}, "shops"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_made(client: Client, wrong: Any, field: str) -> None:
    answer = client.post(reverse("webhooks:new"), {**FORM, **wrong})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {field}
    assert not Endpoint.objects.exists()


def test_events_and_shops_can_be_chosen_and_chosen_otherwise(client: Client, shop: Shop) -> None:
    client.post(
        reverse("webhooks:new"), {**FORM, "types": ["decision.refused"], "is_limited": "on", "shops": [shop.pk]}
    )
    made = Endpoint.objects.get()
    assert (made.types, list(made.shops.all())) == (["decision.refused"], [shop])
    assert 'value="decision.refused"' in page(client, "change", made.pk)
    client.post(reverse("webhooks:change", args=[made.pk]), FORM)
    made.refresh_from_db()
    assert (made.types, made.is_limited) == ([], False)


def test_nobody_has_more_than_twenty(client: Client, owner: User) -> None:
    Endpoint.objects.bulk_create(
        Endpoint(owner=owner, name=f"{n}", url="https://e.example", secret="x") for n in range(20)
    )
    answer = client.post(reverse("webhooks:new"), FORM)
    assert answer.status_code == 422
    assert "20" in str(answer.context["form"].errors["name"])


def test_endpoints_are_for_managers_and_others_are_told(shop: Shop) -> None:
    client = Client()
    client.force_login(member(Role.AGENT, shop))
    assert client.post(reverse("webhooks:new"), FORM).status_code == 403
    assert "Managers of a shop may add some" in page(client, "list")
    client.force_login(UserFactory(is_superuser=True))
    assert client.post(reverse("webhooks:new"), FORM).status_code == 200


def test_a_test_is_sent_and_its_page_says_what_came_of_it(
    client: Client, endpoint: Endpoint, receiver: Receiver
) -> None:
    receiver.status, receiver.words = 200, b"thank you"
    answer = client.post(endpoint.get_absolute_url(), {"do": "test"})
    sent = Delivery.objects.get()
    assert answer["Location"] == sent.get_absolute_url()
    assert "every 2s" in page(client, "delivery", sent.pk)
    deliver(endpoint.pk)
    words = page(client, "delivery", sent.pk)
    assert "every 2s" not in words
    assert "thank you" in words
    assert receiver.types == ["endpoint.test"]


def test_what_is_paused_is_not_tested_and_waits_until_it_is_resumed(
    client: Client, endpoint: Endpoint, receiver: Receiver, shop: Shop
) -> None:
    client.post(endpoint.get_absolute_url(), {"do": "pause"})
    assert "resume it first" in client.post(endpoint.get_absolute_url(), {"do": "test"}, follow=True).content.decode()
    happened(shop, "decision:1")
    relay()
    deliver(endpoint.pk)
    assert receiver.tried == []
    assert "1 waiting" in page(client, "list")
    client.post(endpoint.get_absolute_url(), {"do": "resume"})
    deliver(endpoint.pk)
    assert len(receiver.taken) == 1


def test_the_log_is_narrowed_and_what_failed_is_sent_again(
    client: Client, endpoint: Endpoint, receiver: Receiver, shop: Shop
) -> None:
    happened(shop, "decision:1", count=2)
    happened(shop, "shop:1", kind="shop.connected")
    relay()
    Delivery.objects.filter(event__type="decision.accepted").update(state="failed", problem="status", status=500)
    address = endpoint.get_absolute_url()
    assert client.get(address, {"state": "failed"}).content.decode().count('class="sent-row"') == 2
    assert client.get(address, {"type": "shop.connected"}).content.decode().count('class="sent-row"') == 1
    assert "Nothing like this" in client.get(address, {"state": "delivered"}).content.decode()
    answer = client.post(address, {"do": "replay"}, follow=True).content.decode()
    assert "2 events are sent again" in answer
    deliver(endpoint.pk)
    assert len(receiver.taken) == 3
    client.post(Delivery.objects.all()[0].get_absolute_url())
    deliver(endpoint.pk)
    assert len(receiver.taken) == 4


def test_a_failing_endpoint_says_so_and_when_it_is_tried_next(
    client: Client, endpoint: Endpoint, receiver: Receiver, shop: Shop
) -> None:
    assert "active" in page(client, "endpoint", endpoint.pk)
    receiver.status = 500
    happened(shop, "decision:1")
    relay()
    deliver(endpoint.pk)
    words = page(client, "endpoint", endpoint.pk)
    assert ">failing<" in words
    assert ">active<" not in words
    assert words.count("Next try") == 2  # of the endpoint, and of what waits
    assert "Next try" in page(client, "delivery", Delivery.objects.get().pk)
    client.post(endpoint.get_absolute_url(), {"do": "pause"})
    assert "Next try" not in page(client, "endpoint", endpoint.pk)


def test_what_is_told_of_a_shop_is_not_shown_to_whoever_no_longer_sees_it(
    client: Client, owner: User, endpoint: Endpoint, shop: Shop
) -> None:
    happened(shop, "decision:1", count=2)
    relay()
    owner.memberships.all().delete()
    owner.memberships.create(shop=ShopFactory(), role=Role.MANAGER)
    assert "decision:1" not in page(client, "endpoint", endpoint.pk)
    assert client.get(Delivery.objects.all()[0].get_absolute_url()).status_code == 404


def test_a_log_of_any_length_costs_as_many_queries(
    client: Client, endpoint: Endpoint, shop: Shop, django_assert_max_num_queries: Any
) -> None:
    happened(shop, "decision:1", count=60)
    relay()
    with django_assert_max_num_queries(16):
        words = page(client, "endpoint", endpoint.pk)
    assert words.count('class="sent-row"') == 50
