"""What would happen next if nobody answered."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from cancellations.models import CancellationRequest
from safety import ladder, nets, reach
from shops.models import Shop

SHOWN = 50


class Command(BaseCommand):
    help = "List what happens before the deadlines of waiting requests when nobody answers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--shop", type=int, help="our id; without it all active shops")

    def handle(self, *args: Any, **options: Any) -> None:
        shops = Shop.objects.active().defer("cipher")
        for shop in shops.filter(pk=options["shop"]) if options["shop"] else shops:
            self.tell_of(shop)

    def tell_of(self, shop: Shop) -> None:
        now, net = timezone.now(), nets.net_of(shop)
        self.stdout.write(str(shop))
        for problem in reach.problems(shop):
            self.stdout.write(f"  ! {problem}")
        waiting = CancellationRequest.objects.waiting().filter(shop=shop, deadline__gt=now)
        for row in waiting.by_time_left()[:SHOWN]:
            assert row.deadline
            steps = [(row.deadline - timedelta(minutes=rung.minutes), str(rung)) for rung in ladder.effective(shop)]
            if net and net.is_on:
                steps.append((net.acts_at(row.deadline), f"safety net: {net.get_action_display()}"))
            ahead = sorted(step for step in steps if step[0] > now)
            self.stdout.write(f"  {row.order_label}, until {row.deadline:%Y-%m-%d %H:%M} UTC")
            for at, what in ahead:
                self.stdout.write(f"    {at:%Y-%m-%d %H:%M} {what}")
