"""Views of the queue: kept, shared, changed, deleted; none shows anybody more than they may see."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cancellations.forms.saved import LONGEST_QUERY, MOST_VIEWS
from cancellations.models import SavedView
from shops.models import Role, Shop
from tests.cancellations.views.pages import asked, text_of
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db
VIEWS = reverse("cancellations:views")


def keep(client: Client, query: str, name: str = "Mugs", **more: str) -> object:
    return client.post(VIEWS, {"query": query, "name": name, **more})


def other_client(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_filters_are_kept_under_a_name_and_lead_back_to_what_they_show(client: Client, shop: Shop, agent: User) -> None:
    asked(shop)
    page = text_of(client.get("/?whose=me&q=mug&page=abc&nonsense=1"))
    assert f'href="{VIEWS}?q=mug&amp;whose=me"' in page
    assert 'value="q=mug&amp;whose=me"' in text_of(client.get(f"{VIEWS}?q=mug&whose=me"))
    answer = keep(client, "whose=me&q=+mug+&page=abc&nonsense=1", " Mugs ")
    view = SavedView.objects.get()
    assert (view.name, view.query, view.owner, view.is_shared) == ("Mugs", "q=mug&whose=me", agent, False)
    assert answer["Location"] == "/?q=mug&whose=me"  # type: ignore[index]
    page = text_of(client.get("/?whose=me&q=mug"))
    assert 'href="/?q=mug&amp;whose=me" aria-current="true">Mugs' in page
    assert "Keep these filters" not in page
    assert 'aria-current="true">Mugs' not in text_of(client.get("/"))


@pytest.mark.parametrize(
    ("query", "name", "words"),
    [
        ("q=mug", "", "Give it a name."),
        ("q=mug", "x" * 61, "at most 60 characters"),
        ("q=mug", "MUGS OF OLD", "There is a view of this name already."),
        ("", "Mugs", "Set a filter first"),
        ("page=abc", "Mugs", "Set a filter first"),
        ("shop=0", "Mugs", "something that is not here"),
        ("q=" + "x" * LONGEST_QUERY, "Mugs", "too long to be kept"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field(
    client: Client, shop: Shop, agent: User, query: str, name: str, words: str
) -> None:
    SavedView.objects.create(owner=agent, name="Mugs of old", query="q=old")
    answer = keep(client, query, name)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert words in text_of(answer)
    assert SavedView.objects.count() == 1


def test_nobody_keeps_more_than_can_be_looked_through(client: Client, agent: User) -> None:
    SavedView.objects.bulk_create(SavedView(owner=agent, name=str(n), query="q=x") for n in range(MOST_VIEWS))
    assert "Delete one first" in text_of(keep(client, "q=mug"))


def test_colleagues_see_what_is_shared_and_change_none_of_it(client: Client, shop: Shop) -> None:
    keep(client, "q=mug", "Mine")
    keep(client, "q=pan", "Ours", is_shared="on")
    colleague = other_client(member(Role.AGENT, shop))
    page = text_of(colleague.get("/"))
    assert "Ours" in page
    assert "Mine" not in page
    assert "shared by Ada" in text_of(colleague.get(VIEWS))
    for view in SavedView.objects.all():
        address = reverse("cancellations:view", args=[view.pk])
        assert colleague.get(address).status_code == 404
        assert colleague.post(address, {"name": "Theirs"}).status_code == 404
        assert colleague.post(reverse("cancellations:delete_view", args=[view.pk])).status_code == 404
    assert set(SavedView.objects.values_list("name", flat=True)) == {"Mine", "Ours"}


def test_a_shared_view_shows_each_only_what_they_may_see(client: Client, shop: Shop) -> None:
    row = asked(shop)
    keep(client, f"shop={shop.pk}", "Shop", is_shared="on")
    stranger = other_client(member(Role.AGENT, ShopFactory()))
    page = text_of(stranger.get(SavedView.objects.get().get_absolute_url()))
    assert row.order_marketplace_id not in page
    assert "not here, or not any more" in page


def test_its_owner_renames_shares_and_deletes_it(client: Client, agent: User) -> None:
    keep(client, "q=mug")
    view = SavedView.objects.get()
    address = reverse("cancellations:view", args=[view.pk])
    assert 'value="Mugs"' in text_of(client.get(address))
    assert client.post(address, {"name": "Cups", "is_shared": "on"})["Location"] == VIEWS
    view.refresh_from_db()
    assert (view.name, view.is_shared, view.query) == ("Cups", True, "q=mug")
    assert client.post(address, {"name": "CUPS"}).status_code == 302  # its own name in other letters
    assert "is deleted" in text_of(client.post(reverse("cancellations:delete_view", args=[view.pk]), follow=True))
    assert not SavedView.objects.exists()


def test_an_administrator_clears_up_what_is_shared_and_not_what_is_personal(client: Client, agent: User) -> None:
    keep(client, "q=mug", "Mine")
    keep(client, "q=pan", "Ours", is_shared="on")
    administrator = other_client(UserFactory(is_superuser=True))
    mine, ours = SavedView.objects.order_by("name")
    assert administrator.get(reverse("cancellations:view", args=[mine.pk])).status_code == 404
    assert administrator.post(reverse("cancellations:view", args=[ours.pk]), {"name": "All"}).status_code == 302
    ours.refresh_from_db()
    assert (ours.name, ours.owner, ours.is_shared) == ("All", agent, False)


def test_a_view_of_a_shop_that_is_gone_says_what_is_wrong_with_it(client: Client, shop: Shop, agent: User) -> None:
    view = SavedView.objects.create(owner=agent, name="Old", query="shop=0&q=mug")
    page = text_of(client.get(view.get_absolute_url()))
    assert "not here, or not any more" in page
    assert 'class="chip is-wrong" href="?q=mug"' in page
