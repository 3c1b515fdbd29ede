from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cancellations.forgetting import StillOpen, forget
from marketplaces.registry import MARKETPLACES
from orders.forgetting import of_buyer, of_one_buyer
from orders.models import Order, OrderQuerySet


class Command(BaseCommand):
    help = (
        "Erase what is stored about a buyer who asks for it: name, address, messages, notes, evidence. Nothing is "
        "erased while a request of theirs is open. Ids, amounts and reasons stay."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("marketplace", choices=sorted(MARKETPLACES))
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--buyer", help="the buyer's id at the marketplace")
        who.add_argument("--order", help="the id or number of an order of theirs; all their others are found by it")

    def handle(self, *args: Any, marketplace: str, buyer: str | None, order: str | None, **options: Any) -> None:
        orders = self.found_by(marketplace, order) if order is not None else of_buyer(marketplace, buyer or "")
        try:
            counts = forget(orders)
        except StillOpen as no:
            raise CommandError(str(no)) from None
        if not counts["orders"]:
            raise CommandError("No order of such a buyer is stored.")
        self.stdout.write(", ".join(f"{count} {name}" for name, count in counts.items()) + " erased.")

    def found_by(self, marketplace: str, order_id: str) -> OrderQuerySet:
        of_marketplace = Order.objects.filter(shop__marketplace=marketplace)
        by_number = of_marketplace.filter(number=order_id).exclude(number="")
        orders = list(of_marketplace.filter(marketplace_id=order_id)[:2] or by_number[:2])
        if len(orders) > 1:
            raise CommandError("Several orders have this number; name one by its id.")
        if not orders:
            raise CommandError("No such order is stored.")
        return of_one_buyer(marketplace, orders[0])
