"""Pages of comment templates, and what the form of a rejection makes of them."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from cancellations.models import CommentTemplate, Decision
from shops.models import Role, Shop
from tests.cancellations.views.pages import HTMX, asked, text_of, url, words_of
from tests.factories import DecisionFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client, shop: Shop) -> User:
    person = member(Role.MANAGER, shop)
    client.force_login(person)
    return person


def kept(shop: Shop | None, **columns: Any) -> CommentTemplate:
    return CommentTemplate.objects.create(**{"shop": shop, "name": "Packed", "text": "It is packed.", **columns})


def typed(**columns: Any) -> dict[str, Any]:
    return {"name": "Packed", "language": "en", "reason": "", "text": "Order {order} is packed.", **columns}


@pytest.mark.usefixtures("manager")
class TestManaging:
    def test_a_manager_adds_one(self, client: Client, shop: Shop) -> None:
        page = client.post(url("templates", shop.pk), typed(), follow=True)
        assert "Order {order} is packed." in text_of(page)
        made = CommentTemplate.objects.get()
        assert (made.shop, made.name, made.language, made.reason) == (shop, "Packed", "en", "")

    def test_changes_it(self, client: Client, shop: Shop) -> None:
        made = kept(shop)
        assert 'value="Packed"' in text_of(client.get(url("template", made.pk)))
        client.post(url("template", made.pk), typed(name="Packed already", language="de"))
        made.refresh_from_db()
        assert (made.name, made.language) == ("Packed already", "de")

    def test_and_deletes_it(self, client: Client, shop: Shop) -> None:
        page = client.post(url("delete_template", kept(shop).pk), follow=True)
        assert "was deleted" in text_of(page)
        assert not CommentTemplate.objects.exists()

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"name": ""}, "This field is required"),
            ({"text": "Dear {buyer}"}, "Nothing is known to put for {buyer}"),
            ({"text": "x" * 501}, "At most 500 characters"),
            ({"language": "tlh"}, "Select a valid choice"),
            ({"reason": "made_up"}, "Select a valid choice"),
            ({"name": "Taken"}, "There is one of this name already"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_stored(
        self, client: Client, shop: Shop, wrong: dict[str, str], told: str
    ) -> None:
        kept(shop, name="Taken")
        answer = client.post(url("templates", shop.pk), typed(**wrong))
        assert answer.status_code == 422
        assert told in words_of(answer)
        assert CommentTemplate.objects.count() == 1

    def test_reasons_are_those_that_are_listed_or_were_given(self, client: Client, shop: Shop) -> None:
        DecisionFactory(cancellation=asked(shop), verdict="reject", reason="brand_new", reason_text="A new reason")
        page = words_of(client.get(url("templates", shop.pk)))
        assert "A new reason" in page
        assert "Reached an agreement with the buyer" in page
        client.post(url("templates", shop.pk), typed(reason="brand_new"))
        assert CommentTemplate.objects.get().reason == "brand_new"

    def test_those_of_all_shops_are_not_the_managers(self, client: Client, shop: Shop) -> None:
        everywhere = kept(None)
        page = words_of(client.get(url("templates", shop.pk)))
        assert "of all shops" in page
        assert url("template", everywhere.pk) not in page
        assert client.post(url("delete_template", everywhere.pk)).status_code == 403
        assert CommentTemplate.objects.exists()

    def test_a_new_one_begins_in_the_buyers_language(self, client: Client, manager: User) -> None:
        thai = ShopFactory(region="TH")
        manager.memberships.create(shop=thai, role=Role.MANAGER)
        assert '<option value="th" selected>' in text_of(client.get(url("templates", thai.pk)))

    def test_where_no_comments_are_taken_there_is_nothing_to_add(
        self, client: Client, supplier: Shop, manager: User
    ) -> None:
        manager.memberships.create(shop=supplier, role=Role.MANAGER)
        page = words_of(client.get(url("templates", supplier.pk)))
        assert "takes no comment with a rejection" in page
        assert "Add a template" not in page
        assert client.post(url("templates", supplier.pk), typed()).status_code == 422


def test_agents_read_them_and_change_none(client: Client, shop: Shop) -> None:
    made = kept(shop)
    page = words_of(client.get(url("templates", shop.pk)))
    assert "It is packed." in page
    assert "Add a template" not in page and url("template", made.pk) not in page
    assert client.post(url("templates", shop.pk), typed()).status_code == 403
    assert client.get(url("template", made.pk)).status_code == 403
    assert CommentTemplate.objects.count() == 1


class TestARejection:
    def test_texts_are_filled_and_those_that_buyers_read_come_first(self, client: Client, shop: Shop) -> None:
        kept(shop, name="Verpackt", language="de", text="{shop}: schon verpackt.")
        kept(shop, text="Your {product} is packed.")
        page = text_of(client.get(url("reject", asked(shop).pk), headers=HTMX))
        assert 'data-text="Your Cotton tote bag is packed."' in page
        assert 'data-text="Kettle &amp; Co: schon verpackt."' in page
        assert page.index('optgroup label="English"') < page.index('optgroup label="Deutsch"')

    def test_what_is_for_reasons_that_are_not_on_offer_is_left_out(self, client: Client, shop: Shop) -> None:
        for reason in ("packed", "gone", ""):
            kept(shop, name=f"For {reason}", reason=reason)
        page = text_of(client.get(url("reject", asked(shop).pk)))
        assert 'data-reason="packed"' in page and ">For <" in page
        assert "For gone" not in page

    def test_without_any_there_is_nothing_to_choose(self, client: Client, shop: Shop) -> None:
        kept(ShopFactory())
        page = text_of(client.get(url("reject", asked(shop).pk)))
        assert "comment_template" not in page

    def test_without_scripts_a_link_begins_the_form_with_it(self, client: Client, shop: Shop) -> None:
        made = kept(shop, reason="packed", text="Your {product} is packed.")
        address = url("reject", asked(shop).pk)
        assert f'href="{address}?template={made.pk}"' in text_of(client.get(address))
        page = words_of(client.get(f"{address}?template={made.pk}"))
        assert "Your Cotton tote bag is packed.</textarea>" in page
        assert re.findall(r'<input[^>]* value="([^"]*)"[^>]* checked', page) == ["packed"]
        assert not Decision.objects.exists()

    @pytest.mark.parametrize("template", ["0", "x", "99999999999999999999"])
    def test_one_that_is_not_there_fills_nothing(self, client: Client, shop: Shop, template: str) -> None:
        kept(ShopFactory())
        answer = client.get(f"{url('reject', asked(shop).pk)}?template={template}")
        assert answer.status_code == 200
        assert answer.context["form"].initial == {}


def test_pages_of_templates_belong_to_the_shops(client: Client, shop: Shop, manager: User) -> None:
    for path in (url("templates", shop.pk), url("template", kept(shop).pk)):
        current = re.findall(r'aria-current="true">(\w+)<', text_of(client.get(path)))
        assert current == ["Shops"], path
