"""All of many values as one array."""

import pytest

from shops.models import Shop
from tests.factories import ShopFactory

pytestmark = pytest.mark.django_db

NASTY = ["a", "", "NULL", "null", "a,b", '"', "\\", '\\"', "{}", " x ", "ä ☃", "100 %", "%s"]


@pytest.mark.parametrize("name", NASTY)
def test_it_finds_what_is_among_them_and_nothing_else(name: str) -> None:
    shop = ShopFactory(name=name)
    ShopFactory(name="another")
    assert list(Shop.objects.filter(name__any=NASTY)) == [shop]
    assert not Shop.objects.filter(name__any=[one for one in NASTY if one != name]).exists()


def test_numbers_are_looked_up_as_well_and_nothing_is_among_none() -> None:
    shop = ShopFactory()
    ShopFactory()
    assert list(Shop.objects.filter(pk__any={shop.pk: "a dictionary's keys"})) == [shop]
    assert not Shop.objects.filter(pk__any=[]).exists()
