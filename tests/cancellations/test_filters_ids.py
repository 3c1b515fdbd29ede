"""A pasted list of ids: what of it is here, and what is not."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cancellations.filters import LISTED_AT_ONCE, listed_ids
from cancellations.views.queue import PAGE_SIZE
from shops.models import Role
from tests.factories import CancellationFactory, CancellationLineFactory, ShopFactory, member


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("577087614418520388", []),  # one alone is searched for as ever
        ("577087614418520388 577087614418520389", ["577087614418520388", "577087614418520389"]),
        ("NG-104417, NG-104418;\n NG-104417", ["NG-104417", "NG-104418"]),
        ("red teapot", []),
        ("teapot 577087614418520388", []),
        ("  ", []),
    ],
)
def test_a_list_is_told_from_words(text: str, ids: list[str]) -> None:
    assert listed_ids(text) == ids


@pytest.mark.django_db
class TestTheQueue:
    @pytest.fixture(autouse=True)
    def agent(self, client: Client) -> None:
        self.shop = ShopFactory()
        client.force_login(member(Role.AGENT, self.shop))

    def page(self, client: Client, *ids: str) -> str:
        return client.get("/", {"q": " ".join(ids)}).content.decode()

    def test_shows_them_however_they_stand_and_names_those_that_are_not_there(self, client: Client) -> None:
        waiting = CancellationFactory(order__shop=self.shop)
        settled = CancellationFactory(order__shop=self.shop, needs_answer=False, state="completed")
        numbered = CancellationFactory(order__shop=self.shop, order_number="NG-104417")
        told = self.page(client, waiting.marketplace_id, settled.order_marketplace_id, "NG-104417", "NG-999999")
        for one in (waiting, settled, numbered):
            assert f'href="{one.get_absolute_url()}"' in told
        assert "Of 4 ids, 1 was not found" in told
        assert told.count("NG-999999") > 1

    def test_puts_what_waits_first_by_time_left_and_then_the_others_on_every_page(self, client: Client) -> None:
        now = timezone.now()
        settled = [
            CancellationFactory(
                order__shop=self.shop, needs_answer=False, state="completed", deadline=now,
                created_at=now - timedelta(days=number),
            )
            for number in range(PAGE_SIZE)
        ]  # fmt: skip
        endless = CancellationFactory(order__shop=self.shop, deadline=None)
        later, sooner = (
            CancellationFactory(order__shop=self.shop, deadline=now + timedelta(hours=hours)) for hours in (30, 1)
        )
        expected = [sooner, later, endless, *settled]
        asked = {"q": " ".join(row.marketplace_id for row in expected)}
        first = client.get("/", asked)
        assert [band for band, _rows in first.context["groups"]] == ["soon", "later", ""]
        assert "Waits for no answer" in first.content.decode()
        second = client.get("/", asked | {"page": first.context["page"].next}).context["page"]
        assert [*first.context["page"].rows, *second.rows] == expected
        back = client.get("/", asked | {"page": second.previous}).context["page"]
        assert list(back.rows) == expected[:PAGE_SIZE]

    def test_of_other_shops_none_is_found(self, client: Client) -> None:
        mine = CancellationLineFactory(cancellation__order__shop=self.shop).cancellation
        foreign = CancellationFactory()
        told = self.page(client, mine.marketplace_id, foreign.marketplace_id)
        assert "1 was not found" in told
        assert foreign.get_absolute_url() not in told

    def test_says_so_when_all_are_there(self, client: Client) -> None:
        both = [CancellationFactory(order__shop=self.shop).marketplace_id for _ in range(2)]
        assert "All 2 ids were found." in self.page(client, *both)

    def test_a_list_that_is_too_long_says_what_it_did_not_look_for(self, client: Client) -> None:
        ids = [f"{number:08}" for number in range(LISTED_AT_ONCE)]
        beyond = CancellationFactory(order__shop=self.shop).marketplace_id
        told = self.page(client, *ids, beyond)
        assert f"{LISTED_AT_ONCE + 1} were not found" in told
