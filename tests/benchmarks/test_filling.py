import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from benchmarks import filling
from cancellations.models import CancellationRequest, Decision
from orders.models import LineItem

pytestmark = pytest.mark.django_db
SIZE = 1000


@pytest.fixture
def people() -> list[User]:
    """Of a small world: nothing here needs as many rows as a benchmark does."""
    shops = filling.make_shops()
    found = filling.make_people(shops)
    with connection.cursor() as cursor:  # the rows are written without their keys being checked
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    keys = [(shop.pk, shop.region) for shop in shops]
    filling.Rows(SIZE, 7, keys, [person.pk for person in found], timezone.now()).write(range(SIZE))
    return found


def test_a_world_is_whole_and_its_queue_is_shown(client: Client, people: list[User]) -> None:
    waiting = CancellationRequest.objects.waiting()
    assert (CancellationRequest.objects.count(), waiting.count()) == (SIZE, filling.waiting_of(SIZE))
    assert LineItem.objects.count() == 2 * SIZE
    assert Decision.objects.exclude(state__in=Decision.LIVE).count() == SIZE - waiting.count()
    assert waiting.order_by("deadline")[0].created_at < timezone.now()
    client.force_login(people[0])
    assert client.get("/").content.decode().count('id="row-') == 25
