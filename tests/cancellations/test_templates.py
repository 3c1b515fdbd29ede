"""Templates of comments: what may stand in one, and what becomes of it."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from cancellations.models import CommentTemplate
from shops.models import Role, Shop
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    OrderFactory,
    ShopFactory,
    member,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return ShopFactory(name="Kettle & Co")


def kept(shop: Shop | None, **columns: Any) -> CommentTemplate:
    made = CommentTemplate(**{"shop": shop, "name": "Packed", "text": "It is packed.", **columns})
    made.full_clean()
    made.save()
    return made


def problems(shop: Shop | None, **columns: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as found:
        kept(shop, **columns)
    return found.value.message_dict


class TestWhatMayStandInOne:
    @pytest.mark.parametrize("text", ["Order {order}", "{product}, {shop}", "A smile :-} or {", "50 % off"])
    def test_known_places_and_plain_braces(self, shop: Shop, text: str) -> None:
        assert kept(shop, text=text).text == text

    @pytest.mark.parametrize("place", ["{buyer}", "{}", "{order.shop}", "{order!r}", "{ order }"])
    def test_a_place_that_nothing_is_put_into_is_an_error_at_the_text(self, shop: Shop, place: str) -> None:
        assert place in problems(shop, text=f"Dear {place}, we packed {{order}}.")["text"][0]

    def test_what_the_marketplace_would_not_take_is_an_error(self, shop: Shop) -> None:
        assert kept(shop, text="x" * 500)
        assert "At most 500 characters; this has 501." in problems(shop, name="Long", text="x" * 501)["text"]

    def test_for_all_shops_the_strictest_of_them_counts(self, shop: Shop) -> None:
        ShopFactory(marketplace="crux_timp", region="US")  # which takes no comments and is no measure
        assert "At most 500" in problems(None, text="x" * 501)["text"][0]

    def test_where_no_shop_is_connected_yet_any_length_is_fine(self) -> None:
        assert kept(None, text="x" * 501)

    def test_a_shop_that_takes_no_comments_has_no_templates(self) -> None:
        supplier = ShopFactory(marketplace="crux_timp", region="US")
        assert "takes no comments" in str(problems(supplier))

    def test_lines_count_as_they_are_typed(self, shop: Shop) -> None:
        assert kept(shop, text=" One\r\nTwo \n").text == "One\nTwo"

    @pytest.mark.parametrize("everywhere", [True, False])
    def test_a_name_is_there_once_in_each_language(self, shop: Shop, everywhere: bool) -> None:
        of = None if everywhere else shop
        kept(of)
        kept(of, language="de")
        assert problems(of) == {"name": ["There is one of this name already, in this language."]}
        kept(shop if everywhere else None)


class TestFilled:
    def test_places_are_filled_with_what_the_request_is_about(self, shop: Shop) -> None:
        asked = CancellationFactory(order=OrderFactory(shop=shop, marketplace_id="577087"))
        CancellationLineFactory.create_batch(2, cancellation=asked)
        CancellationLineFactory(cancellation=asked, product_name="Enamel mug")
        template = kept(shop, text="{product}: order {order} of {shop}, {order}!")
        assert template.filled(asked) == "Cotton tote bag, Enamel mug: order 577087 of Kettle & Co, 577087!"

    def test_many_products_are_not_all_listed(self, shop: Shop) -> None:
        asked = CancellationFactory(order=OrderFactory(shop=shop))
        for name in "ABCDE":
            CancellationLineFactory(cancellation=asked, product_name=name)
        assert kept(shop, text="{product}").filled(asked) == "A, B, C, …"

    def test_what_buyers_call_things_is_never_a_place(self, shop: Shop) -> None:
        asked = CancellationFactory(order=OrderFactory(shop=shop, marketplace_id="577087"))
        CancellationLineFactory(cancellation=asked, product_name="{order}")
        assert kept(shop, text="{product}").filled(asked) == "{order}"


def test_a_shop_has_its_own_and_those_of_all_shops(shop: Shop) -> None:
    own, everywhere = kept(shop), kept(None)
    kept(ShopFactory())
    assert set(CommentTemplate.objects.of_shop(shop)) == {own, everywhere}
    assert set(CommentTemplate.objects.visible_to(member(Role.VIEWER, shop))) == {own, everywhere}
