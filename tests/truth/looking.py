"""Looks of the truth check, without their waits."""

from datetime import timedelta

from django.utils import timezone

from shops.models import Shop
from truth import checking
from truth.models import Check, Disagreement

BACK = timedelta(minutes=2)


def look(shop: Shop, *, everything: bool = True) -> Check:
    """One whole check (or another look at what is open), until it rests."""
    check = checking.ask_for_all(shop) if everything else checking.ask_for_look(shop)
    for _ in range(20):
        Check.objects.filter(pk=check.pk).update(due_at=timezone.now() - timedelta(seconds=1))
        checking.take_step(check.pk)
        check.refresh_from_db()
        assert not check.problem, check.problem
        if not check.step:
            return check
    raise AssertionError("it does not come to an end")


def look_twice(shop: Shop) -> list[Disagreement]:
    """A check, and a minute later another look; returns what is listed as open then."""
    look(shop)
    Disagreement.objects.open().update(suspected_at=timezone.now() - BACK)
    look(shop, everything=False)
    return listed(shop)


def listed(shop: Shop) -> list[Disagreement]:
    return list(Disagreement.objects.open().listed().filter(shop=shop).order_by("pk"))


def kinds(shop: Shop) -> dict[str, str]:
    """What is listed as open after two looks: {kind: about}."""
    return {row.kind: row.about.partition(":")[0] for row in look_twice(shop)}
