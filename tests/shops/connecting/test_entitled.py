"""Who may change what many shops speak with."""

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import User
from shops.connecting.registering import register_app
from shops.models import App, Connection, Role, Shop
from tests.factories import ConnectionFactory, ShopFactory, member

pytestmark = pytest.mark.django_db
THEIRS = "their-key"


@pytest.fixture
def stranger() -> User:
    """Manages a seller that has nothing to do with it."""
    return member(Role.MANAGER, ShopFactory(connection=ConnectionFactory(app_key="another")))


def speaking(**columns: object) -> Shop:
    return ShopFactory(connection=ConnectionFactory(app_key=THEIRS, app_secret="good"), **columns)


def enter(person: User, audience: str = "world") -> None:
    register_app(person, "tiktok_shop", audience, app_key=THEIRS, app_secret="new", service_id="1")


def secrets() -> set[str]:
    return set(Connection.objects.filter(app_key=THEIRS).values_list("app_secret", flat=True))


class TestTheSecretOfAnApp:
    def test_nobody_gets_at_it_by_entering_its_key_for_other_sellers(self, stranger: User) -> None:
        member(Role.MANAGER, speaking())
        with pytest.raises(PermissionDenied):
            enter(stranger, "us")
        assert secrets() == {"good"}
        assert not App.objects.exists()

    def test_shops_that_are_not_read_are_their_managers_as_well(self, stranger: User) -> None:
        member(Role.MANAGER, speaking(is_active=False))
        with pytest.raises(PermissionDenied):
            enter(stranger)
        assert secrets() == {"good"}

    def test_of_shops_without_members_it_is_an_administrators(self, stranger: User) -> None:
        speaking()
        with pytest.raises(PermissionDenied):
            enter(stranger)
        enter(member(Role.VIEWER, is_superuser=True))
        assert secrets() == {"new"}

    def test_whoever_manages_all_that_speak_with_it_replaces_it(self) -> None:
        enter(member(Role.MANAGER, speaking(), speaking()))
        assert secrets() == {"new"}

    def test_sellers_who_were_let_go_of_are_in_nobodys_way(self, stranger: User) -> None:
        member(Role.MANAGER, speaking())
        Connection.objects.filter(app_key=THEIRS).update(state=Connection.State.DISCONNECTED, app_secret="")
        enter(stranger)
        assert secrets() == {""}
