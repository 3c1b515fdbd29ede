"""What a person may do where is read once while a page is made, and says what the database would say."""

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from audit import origin
from shops.models import Membership, Permission, Role, Shop, ShopGroup
from shops.roles import permissions_in
from tests.factories import ShopFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    """A viewer of one shop, an agent who may only approve in another, a manager of a group, and nobody in a fourth."""
    user, group = UserFactory(), ShopGroup.objects.create(name="Brand")
    seen, worked_in, looked_after, _foreign = (ShopFactory(name=name) for name in ("A", "B", "C", "D"))
    group.shops.add(looked_after, seen)
    Membership.objects.create(user=user, shop=seen, role=Role.VIEWER, permissions=[Permission.APPROVE])
    Membership.objects.create(user=user, shop=worked_in, role=Role.AGENT, permissions=[Permission.APPROVE])
    Membership.objects.create(user=user, group=group, role=Role.MANAGER)
    return user


def told(user: User) -> dict[str, object]:
    shops = Shop.objects.order_by("name")
    return {
        **{role: [str(shop) for shop in shops.where_role(user, role)] for role in Role},
        **{one: [str(shop) for shop in shops.where_may(user, one)] for one in Permission},
        "here": [sorted(permissions_in(user, shop)) for shop in shops],
    }


def reading(method: str = "GET") -> None:
    origin.answered.set(getattr(RequestFactory(), method.lower())("/"))


@pytest.fixture(autouse=True)
def _no_request_afterwards() -> object:
    before = origin.answered.set(None)
    yield
    origin.answered.reset(before)


@pytest.mark.parametrize("superuser", [False, True])
def test_a_page_says_what_the_database_says(person: User, superuser: bool) -> None:
    person.is_superuser = superuser
    wanted = told(person)
    reading()
    assert told(person) == wanted
    assert wanted[Permission.APPROVE] and (superuser or len(wanted["viewer"]) == 3)  # type: ignore[arg-type]


def test_however_often_it_is_asked_memberships_are_read_once(person: User) -> None:
    reading()
    with CaptureQueriesContext(connection) as queries:
        for shop in Shop.objects.all():
            permissions_in(person, shop)
            Shop.objects.visible_to(person).exists()
    assert sum("shops_membership" in query["sql"] for query in queries) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_whoever_changes_something_is_asked_about_anew(person: User, method: str) -> None:
    reading(method)
    assert Shop.objects.visible_to(person).exists()
    person.memberships.all().delete()
    assert not Shop.objects.visible_to(person).exists()


def test_the_next_page_is_read_anew(person: User) -> None:
    reading()
    assert Shop.objects.visible_to(person).exists()
    person.memberships.all().delete()
    reading()
    assert not Shop.objects.visible_to(person).exists()
