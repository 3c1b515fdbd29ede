"""What pages say, and the rows that they are about."""

import io
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.models import User
from cancellations.models import Announcement, CancellationRequest
from cancellations.recording import Heard, record
from orders.models import LineItem, Order
from shops.models import Shop
from tests.factories import CancellationFactory, CancellationLineFactory, LineItemFactory, OrderFactory

HTMX = {"HX-Request": "true"}
RECORD = reverse("cancellations:record")


def text_of(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined, no-any-return]


def words_of(answer: Any) -> str:
    """The page's words, however they are broken into lines."""
    return " ".join(answer.content.decode().split())


def url(name: str, pk: int) -> str:
    return reverse(f"cancellations:{name}", args=[pk])


def asked(shop: Shop, **columns: object) -> CancellationRequest:
    """A waiting request with one line."""
    line = CancellationLineFactory(cancellation=CancellationFactory(order=OrderFactory(shop=shop), **columns))
    return line.cancellation


def picture(size: tuple[int, int] = (200, 200), name: str = "proof.png") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue(), "image/png")


def ordered(shop: Shop, number: str, **columns: Any) -> Order:
    """Three lanterns and ten stools, of which two are cancelled and one has left."""
    order = OrderFactory(
        shop=shop, number=number, status="Unallocated", currency="USD", is_cancel_requested=False, tax=None, **columns
    )
    LineItemFactory(order=order, product_name="Trail lantern", seller_sku="LNT", quantity=3, status="Unallocated")
    LineItemFactory(
        order=order, product_name="Camp stool", quantity=10, cancelled_quantity=2, shipped_quantity=1, status="Partial"
    )
    return order


def line(order: Order, name: str) -> LineItem:
    return order.lines.get(product_name__contains=name)


def announced(shop: Shop, number: int = 1, **columns: Any) -> Announcement:
    return Announcement.objects.create(
        shop=shop, marketplace_id=str(number), title="Order Cancelled", is_cancellation=True,
        announced_at=timezone.now() - timedelta(minutes=number), **columns,
    )  # fmt: skip


def sent(**columns: Any) -> dict[str, Any]:
    """What the form sends when nothing is changed about its proposals."""
    return {
        "line_item": "order", "through": "email", "asked_at": f"{timezone.now():%Y-%m-%dT%H:%M}", "note": "", **columns,
    }  # fmt: skip


def written_down(order: Order, user: User, line_item: LineItem | None = None, **heard: Any) -> CancellationRequest:
    return record(order, line_item, user, Heard(**heard))
