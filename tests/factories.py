"""Rows for tests. A shop of these factories speaks to nobody: tests that deliver use the `world` instead."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import factory
from django.db.models import Model
from django.utils import timezone

from accounts.models import User
from cancellations.models import CancellationLine, CancellationRequest, Decision, Verdict
from orders.models import LineItem, Order, Package
from shops.models import Connection, Membership, Role, Shop

PASSWORD = "a long enough password"


Row = TypeVar("Row", bound=Model)


class RowFactory(factory.django.DjangoModelFactory[Row]):
    """Calling a factory makes a row; factory-boy lets type checkers believe that it makes a factory."""

    class Meta:
        abstract = True

    if TYPE_CHECKING:

        def __new__(cls, **columns: Any) -> Row: ...  # type: ignore[misc]


class UserFactory(RowFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.test")
    first_name = factory.Sequence(lambda n: f"Person {n}")

    @factory.post_generation
    def password(self: User, create: bool, extracted: str | None, **_: Any) -> None:
        self.set_password(extracted or PASSWORD)
        if create:
            self.save()


class ConnectionFactory(RowFactory[Connection]):
    class Meta:
        model = Connection

    marketplace = "tiktok_shop"
    seller_name = factory.Sequence(lambda n: f"Seller {n}")
    app_key = "app-key"
    app_secret = "app-secret"
    access_token = "access-token"
    refresh_token = "refresh-token"
    access_token_expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))
    refresh_token_expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=365))
    api_url = "http://127.0.0.1:9"  # nothing answers there
    auth_url = "http://127.0.0.1:9"


class ShopFactory(RowFactory[Shop]):
    class Meta:
        model = Shop

    connection = factory.SubFactory(ConnectionFactory)
    marketplace = "tiktok_shop"
    marketplace_id = factory.Sequence(lambda n: f"7495540735365{n:06}")
    name = factory.Sequence(lambda n: f"Shop {n}")
    region = "GB"
    seller_type = "LOCAL"
    cipher = factory.Sequence(lambda n: f"cipher-{n}")
    time_zone = "Europe/London"


def member(role: Role, *shops: Shop, **user: Any) -> User:
    """A person with this role in these shops."""
    person: User = UserFactory(**user)
    for shop in shops:
        Membership.objects.create(user=person, shop=shop, role=role)
    return person


class OrderFactory(RowFactory[Order]):
    class Meta:
        model = Order

    shop = factory.SubFactory(ShopFactory)
    marketplace_id = factory.Sequence(lambda n: f"577087614418{n:06}")
    status = "AWAITING_SHIPMENT"
    currency = "GBP"
    total = Decimal("26.98")
    subtotal = Decimal("24.00")
    shipping_fee = Decimal("2.98")
    tax = Decimal(0)
    created_at = factory.LazyFunction(lambda: timezone.now() - timedelta(hours=5))
    updated_at = factory.LazyFunction(lambda: timezone.now() - timedelta(hours=1))
    fulfillment_type = "seller"
    shipping_type = "marketplace"
    is_cancel_requested = True


class LineItemFactory(RowFactory[LineItem]):
    class Meta:
        model = LineItem

    order = factory.SubFactory(OrderFactory)
    marketplace_id = factory.Sequence(lambda n: f"577087614419{n:06}")
    status = "AWAITING_SHIPMENT"
    product_id = "1729386416015446952"
    product_name = "Cotton tote bag"
    sku_id = factory.Sequence(lambda n: f"172938641601{n:07}")
    sku_name = "Black, Standard"
    seller_sku = "TOTE-BLK"
    currency = "GBP"
    price = Decimal("12.00")
    original_price = Decimal("12.00")


class PackageFactory(RowFactory[Package]):
    class Meta:
        model = Package

    order = factory.SubFactory(OrderFactory)
    marketplace_id = factory.Sequence(lambda n: f"115313216812{n:07}")
    status = "TO_FULFILL"


class CancellationFactory(RowFactory[CancellationRequest]):
    class Meta:
        model = CancellationRequest

    order = factory.SubFactory(OrderFactory)
    shop = factory.SelfAttribute("order.shop")
    order_marketplace_id = factory.SelfAttribute("order.marketplace_id")
    marketplace_id = factory.Sequence(lambda n: f"403531850408{n:07}")
    state = CancellationRequest.State.WAITING
    status = "CANCELLATION_REQUEST_PENDING"
    kind = "BUYER_CANCEL"
    needs_answer = True
    initiator = "buyer"
    reason = "ecom_order_to_ship_canceled_reason_created_by_mistakes"
    reason_text = "Order created by mistake"
    deadline = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=20))
    currency = "GBP"
    refund_total = Decimal("26.98")
    refund_subtotal = Decimal("24.00")
    refund_shipping_fee = Decimal("2.98")
    refund_tax = Decimal(0)
    refund_fees = Decimal(0)
    created_at = factory.LazyFunction(lambda: timezone.now() - timedelta(hours=2))
    updated_at = factory.LazyFunction(lambda: timezone.now() - timedelta(hours=2))


class CancellationLineFactory(RowFactory[CancellationLine]):
    class Meta:
        model = CancellationLine

    cancellation = factory.SubFactory(CancellationFactory)
    marketplace_id = factory.Sequence(lambda n: f"403531850409{n:07}")
    product_name = "Cotton tote bag"
    sku_name = "Black, Standard"
    seller_sku = "TOTE-BLK"
    currency = "GBP"
    refund_total = Decimal("13.49")


class DecisionFactory(RowFactory[Decision]):
    class Meta:
        model = Decision

    cancellation = factory.SubFactory(CancellationFactory)
    order = factory.SelfAttribute("cancellation.order")
    shop = factory.SelfAttribute("cancellation.shop")
    verdict = Verdict.APPROVE
    made_by = factory.SubFactory(UserFactory)
    send_after = factory.LazyFunction(timezone.now)


def at(text: str) -> datetime:
    """An aware moment in UTC: at("2024-03-30 12:00")."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
