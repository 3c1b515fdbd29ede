from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cancellations import sync
from shops.connecting import sellers
from shops.models import Shop, ShopQuerySet, SyncRun


class Command(BaseCommand):
    help = "Pull shops, orders and cancellation requests now, in this process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shop", action="append", default=[], metavar="ID", help="the marketplace's id of a shop")
        parser.add_argument("--full", action="store_true", help="read the whole history again, not only changes")

    def handle(self, *args: Any, shop: list[str], full: bool, **options: Any) -> None:
        shops = Shop.objects.active().select_related("connection")
        if shop:
            shops = shops.filter(marketplace_id__in=shop)
            if unknown := set(shop).difference(shops.values_list("marketplace_id", flat=True)):
                raise CommandError(f"No active shop has this id: {', '.join(sorted(unknown))}")
        if not shops.exists():
            self.stdout.write("No shop is connected here yet: ./run connect. The demo keeps to a database of its own.")
        failed = 0
        for run in self.runs(shops, full):
            failed += run.state == SyncRun.State.FAILED
            self.stdout.write(self.line(run.shop, run))
        if failed:
            raise CommandError(f"{failed} pulls failed.")

    def runs(self, shops: ShopQuerySet, full: bool) -> Iterator[SyncRun]:
        """Each run as it ends: the sellers' shops first, then every shop's orders and requests."""
        for one in shops.one_of_each_connection():
            if run := sellers.pull_shops(one):
                yield run
        for one in shops.order_by("name"):
            yield from sync.pull(one, full=full)

    def line(self, shop: Shop, run: SyncRun) -> str:
        counts = f"{run.seen} seen, {run.written} written, {len(run.set_aside)} set aside"
        line = f"{shop}: {run.get_kind_display()} {run.get_state_display()}, {counts}"
        return f"{line}: {run.error}" if run.error else line
