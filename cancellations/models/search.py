"""Requests by what somebody types: an id, the beginning of a number, or words of what was bought."""

from collections.abc import Sequence
from typing import Any, Self, TypeVar

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, Exists, Func, OuterRef, Q, Value
from django.db.models.functions import Concat

from orders.models import is_long_number

Request = TypeVar("Request", bound=models.Model)

LETTERS_AT_A_TIME = 3
LOOKED_UP = 60  # letters; what is longer is compared with what holds so many of it
# To learn how often something is said: so many requests, each the next one from a place among all ids, of which many
# may never have been used.
LISTENED_TO = 300
FROM_ALL_AGES = """
    SELECT DISTINCT (SELECT id FROM cancellations_cancellationrequest WHERE id >= place ORDER BY id LIMIT 1) AS id
    FROM (SELECT min(id) AS first, max(id) AS last FROM cancellations_cancellationrequest) AS ends,
         generate_series(first, last, (last - first) / %s + 1) AS place
"""


class Trigrams(Func):
    """What a text holds, three letters at a time and in capitals: by a function of the database, since its extension
    that does the same (`pg_trgm`) is not there everywhere.
    """

    function = "trigrams"
    output_field = ArrayField(models.TextField())


WORDS_OF_LINE = Concat("product_name", Value(" "), "seller_sku")


class SearchedQuerySet(models.QuerySet[Request]):
    def search(self, text: str, *, one_by_one: bool = False) -> Self:
        """Requests whose id or order's id begins with this text, or whose order number, product or SKU holds it.

        What few say is looked up by three letters at a time. Where many say it, request after request is asked: a page
        of them is soon found. Of two letters no index knows, so that all lines are read, or, where few of all requests
        are looked at, those of each `one_by_one`.
        """
        if is_long_number(text):
            return self.beginning_with_number(text)
        is_common = is_said_often(text)
        if len(text) >= LETTERS_AT_A_TIME and not is_common:
            return self.looked_up(text)
        begins = Q(marketplace_id__startswith=text) | Q(order_marketplace_id__startswith=text)
        says = Exists(said_in_one(text) if one_by_one or is_common else said_in_each(text))
        return self.filter(begins | Q(order_number__icontains=text) | says)

    def beginning_with_number(self, number: str) -> Self:
        return self.any_of(
            requests().filter(marketplace_id__startswith=number).values("pk"),
            requests().filter(order_marketplace_id__startswith=number).values("pk"),
            requests().filter(order_number__startswith=number).exclude(order_number="").values("pk"),
            lines().filter(sku_id=number).values("cancellation"),
            lines().filter(seller_sku__startswith=number).values("cancellation"),
        )

    def looked_up(self, text: str) -> Self:
        """As `search`, where few say it."""
        holds = Q(letters__contains=Trigrams(Value(text[:LOOKED_UP])))
        numbered = requests().alias(letters=Trigrams("order_number")).exclude(order_number="")
        worded = lines().alias(words=WORDS_OF_LINE, letters=Trigrams(WORDS_OF_LINE))
        return self.any_of(
            requests().filter(marketplace_id__startswith=text).values("pk"),
            requests().filter(order_marketplace_id__startswith=text).values("pk"),
            numbered.filter(holds, order_number__icontains=text).values("pk"),
            lines().filter(sku_id=text).values("cancellation"),
            worded.filter(holds, words__icontains=text).values("cancellation"),
        )

    def any_of(self, *keys: "models.QuerySet[Any, Any]") -> Self:
        """Those whose pk one of these gives. Each has an index, which it would lose inside an OR."""
        return self.filter(pk__in=keys[0].union(*keys[1:]))

    def with_ids(self, ids: Sequence[str]) -> Self:
        """Requests with one of these ids, or about an order with one of these ids or numbers."""
        return self.any_of(
            requests().filter(marketplace_id__in=ids).values("pk"),
            requests().filter(order_marketplace_id__in=ids).values("pk"),
            requests().filter(order_number__in=ids).exclude(order_number="").values("pk"),
        )


def is_said_often(text: str) -> bool:
    """Whether one request in a hundred says it, for all that some of all ages tell."""
    some = [one.pk for one in requests().raw(FROM_ALL_AGES, [LISTENED_TO])]
    says = Q(order_number__icontains=text) | Exists(said_in_one(text))
    enough = LISTENED_TO // 100
    return requests().filter(says, pk__in=some).order_by()[:enough].count() == enough


def said_in_each(text: str) -> "models.QuerySet[Any, Any]":
    """The lines of a request that say it, which PostgreSQL may read ahead for all requests."""
    worded: models.QuerySet[Any, Any] = lines().alias(words=WORDS_OF_LINE)
    return worded.filter(Q(words__icontains=text) | Q(sku_id=text), cancellation=OuterRef("pk"))


def said_in_one(text: str) -> "models.QuerySet[Any, Any]":
    """The same for one request after another: what is grouped is not read ahead and kept for all."""
    each = said_in_each(text).order_by().values("cancellation").annotate(found=Count("pk"))
    said: models.QuerySet[Any, Any] = each.filter(found__gt=0)
    return said


def requests() -> "models.QuerySet[Any, Any]":
    """By the model's name, since the model is made of what is written here."""
    return apps.get_model("cancellations", "CancellationRequest")._default_manager.all()


def lines() -> "models.QuerySet[Any, Any]":
    return apps.get_model("cancellations", "CancellationLine")._default_manager.all()
