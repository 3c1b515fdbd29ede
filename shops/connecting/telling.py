"""Telling the audit log what reaches several shops at once."""

from typing import Any

from audit.log import write
from shops.models import ShopQuerySet


def write_for_each(shops: ShopQuerySet, action: str, **told: Any) -> None:
    """An entry for each of these shops, whose managers see it there; one for administrators where there is no shop."""
    ids: list[int | None] = list(shops.values_list("pk", flat=True))
    for shop_id in ids or [None]:
        write(action, shop_id=shop_id, **told)
