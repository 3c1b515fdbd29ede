from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cancellations import sync
from shops.models import Shop, SyncRun


class Command(BaseCommand):
    help = "Pull orders and cancellation requests now, in this process, shop by shop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shop", action="append", default=[], metavar="ID", help="the marketplace's id of a shop")
        parser.add_argument("--full", action="store_true", help="read the whole history again, not only changes")

    def handle(self, *args: Any, shop: list[str], full: bool, **options: Any) -> None:
        shops = Shop.objects.active().select_related("connection")
        if shop:
            shops = shops.filter(marketplace_id__in=shop)
            if unknown := set(shop).difference(shops.values_list("marketplace_id", flat=True)):
                raise CommandError(f"No active shop has this id: {', '.join(sorted(unknown))}")
        failed = 0
        for one in shops:
            for run in sync.pull(one, full=full):
                failed += run.state == SyncRun.State.FAILED
                self.stdout.write(self.line(one, run))
        if failed:
            raise CommandError(f"{failed} pulls failed.")

    def line(self, shop: Shop, run: SyncRun) -> str:
        counts = f"{run.seen} seen, {run.written} written, {len(run.set_aside)} set aside"
        line = f"{shop}: {run.get_kind_display()} {run.get_state_display()}, {counts}"
        return f"{line}: {run.error}" if run.error else line
