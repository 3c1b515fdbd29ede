import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.api.fields import plain_amount
from truth import checking
from truth.models import Check, Disagreement

A_MOMENT = 0.5  # seconds
COMPARED = ("decisions", "requests", "lines", "events", "unread")


class Command(BaseCommand):
    help = (
        "Compare decisions, the marketplace and what others were told, now and in this process. Exits 1 if they differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shop", action="append", default=[], metavar="ID", help="the marketplace's id of a shop")
        parser.add_argument(
            "--within", type=float, default=600, metavar="SECONDS", help="for how long it may take for one shop"
        )

    def handle(self, *args: Any, shop: list[str], within: float, **options: Any) -> None:
        checking.make_missing()
        checks = Check.objects.possible().select_related("shop").order_by("shop__name", "pk")
        if shop:
            checks = checks.filter(shop__marketplace_id__in=shop)
            if unknown := set(shop).difference(checks.values_list("shop__marketplace_id", flat=True)):
                raise CommandError(f"No connected shop has this id: {', '.join(sorted(unknown))}")
        problems = [why for one in checks if (why := self.compare(one, within))]
        open_ones = Disagreement.objects.open().listed().filter(shop__in=checks.values("shop"))
        for row in open_ones.with_columns().order_by("shop__name", "pk"):
            self.stdout.write(self.line(row))
        count = open_ones.count()
        if problems or count:
            raise CommandError("; ".join([*problems, f"{count} disagreements."]))

    def compare(self, check: Check, within: float) -> str:
        """Both looks; returns why it did not come to its end."""
        asked_at, until = timezone.now(), time.monotonic() + within
        checking.ask_for_all(check.shop)
        while not self.is_done(check, asked_at):
            if time.monotonic() > until:
                return f"{check.shop}: not compared within {within:.0f} seconds. {check.problem}".strip()
            wait = checking.take_step(check.pk)
            time.sleep(A_MOMENT if wait is None else min(wait, A_MOMENT))
        told = ", ".join(f"{check.compared.get(name, 0)} {name}" for name in COMPARED)
        self.stdout.write(f"{check.shop}: compared {told}")
        return ""

    def is_done(self, check: Check, asked_at: Any) -> bool:
        """Everything was compared since, and nothing that was suspected waits for its second look."""
        check.refresh_from_db()
        if check.step or check.checked_at is None or check.checked_at < asked_at:
            return False
        return not Disagreement.objects.open().filter(shop=check.shop_id, found_at=None).exists()

    def line(self, row: Disagreement) -> str:
        stake = f" {plain_amount(row.money)} {row.currency}" if row.money else ""
        return f"{row.shop} {row.order_label} {row.kind} ({row.about}){stake}: {row.ours} {row.theirs}"
