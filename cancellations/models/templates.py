"""What staff write with a rejection again and again."""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from cancellations.models.requests import CancellationRequest
from shops.markets import capabilities
from shops.models import Shop

if TYPE_CHECKING:
    from accounts.models import User

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS = ("product", "order", "shop")
MOST_PRODUCTS = 3


class Language(models.TextChoices):
    """What buyers read, each in its own words."""

    ENGLISH = "en", "English"
    GERMAN = "de", "Deutsch"
    SPANISH = "es", "Español"
    FRENCH = "fr", "Français"
    INDONESIAN = "id", "Bahasa Indonesia"
    ITALIAN = "it", "Italiano"
    JAPANESE = "ja", "日本語"
    MALAY = "ms", "Bahasa Melayu"
    PORTUGUESE = "pt", "Português"
    THAI = "th", "ไทย"
    VIETNAMESE = "vi", "Tiếng Việt"


class CommentTemplateQuerySet(models.QuerySet["CommentTemplate"]):
    def of_shop(self, shop: Shop) -> Self:
        """Those of this shop and those of all shops."""
        return self.filter(Q(shop=shop) | Q(shop=None))

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(Q(shop=None) | Q(shop__in=Shop.objects.visible_to(user)))


class CommentTemplate(models.Model):
    """A comment to a buyer, in one language, for one reason of the marketplace or for any."""

    shop = models.ForeignKey(
        Shop, on_delete=models.CASCADE, null=True, blank=True, related_name="comment_templates", verbose_name=_("shop"),
        help_text=_("Empty: for all shops."),
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=80, help_text=_("By which your colleagues find it."))
    language = models.CharField(_("language"), max_length=12, choices=Language, default=Language.ENGLISH)
    reason = models.CharField(
        _("reason code"), max_length=200, blank=True,
        help_text=_("The marketplace's name of the reason that it is for. Empty: for any."),
    )  # fmt: skip
    text = models.TextField(
        _("text"),
        help_text=_(
            "{product}, {order} and {shop} are replaced by the product's name, the order's id and the shop's name."
        ),
    )
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = CommentTemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("comment template")
        verbose_name_plural = _("comment templates")
        ordering = ["language", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["shop", "language", "name"],
                nulls_distinct=False,
                name="one_comment_template_per_shop_language_and_name",
                violation_error_message=_("There is one of this name already, in this language."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("cancellations:template", args=[self.pk])

    def clean(self) -> None:
        self.text = self.text.replace("\r\n", "\n").strip()
        unknown = sorted(set(PLACEHOLDER.findall(self.text)).difference(PLACEHOLDERS))
        if unknown:
            raise ValidationError(
                {"text": _now("Nothing is known to put for {%(unknown)s}. There are: {product}, {order}, {shop}.")
                 % {"unknown": "}, {".join(unknown)}}
            )  # fmt: skip
        if (limit := self.longest_text()) is not None and len(self.text) > limit:
            raise ValidationError(
                {"text": _now("At most %(limit)d characters; this has %(length)d.")
                 % {"limit": limit, "length": len(self.text)}}
            )  # fmt: skip

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """A name that is taken is said at the name."""
        try:
            super().validate_constraints(exclude)
        except ValidationError as taken:
            raise ValidationError({"name": taken.messages}) from None

    def longest_text(self) -> int | None:
        """Characters that the shops take that it is for. Raises ValidationError where none of them takes comments."""
        shops = [self.shop] if self.shop else Shop.objects.all()
        now = timezone.now()
        markets = [capabilities(shop, now) for shop in shops]
        limits = [market.comment_max_length for market in markets if market.takes_comment]
        if self.shop and not limits:
            raise ValidationError(_now("%(shop)s takes no comments.") % {"shop": self.shop})
        return min(limits, default=None)

    def filled(self, cancellation: CancellationRequest) -> str:
        """As the buyer of this request would read it."""
        products = list(dict.fromkeys(line.product_name for line in cancellation.lines.all() if line.product_name))
        known = {
            "product": ", ".join(products[:MOST_PRODUCTS]) + (", …" if len(products) > MOST_PRODUCTS else ""),
            "order": cancellation.order_label,
            "shop": cancellation.shop.name,
        }
        return PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), self.text)
