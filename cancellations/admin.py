from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cancellations import decisions, order_admin  # noqa: F401 - the latter registers orders
from cancellations.checks import NotAllowed
from cancellations.models import (
    Announcement,
    Attempt,
    Batch,
    BatchItem,
    CancellationLine,
    CancellationRequest,
    Claim,
    CommentTemplate,
    Decision,
    DecisionLine,
    Event,
    Evidence,
    Note,
    PushedNotification,
    SavedView,
)
from config.admin import ForSuperusers, FoundByNumber, ReadOnly, ReadOnlyInline, Rows
from orders.models import Order
from shops.admin import VisibleShops
from shops.models import Shop


class CancellationLineInline(ReadOnlyInline):
    model = CancellationLine
    fields = ("product_name", "sku_name", "seller_sku", "quantity", "refund_total", "currency")
    readonly_fields = fields


class DecisionInline(ReadOnlyInline):
    model = Decision
    fields = ("verdict", "state", "made_by", "made_at", "code", "message", "request_id")
    readonly_fields = fields
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        return super().get_queryset(request).select_related("made_by", "cancellation", "order")


@admin.register(CancellationRequest)
class CancellationAdmin(FoundByNumber, ReadOnly):
    list_display = (
        "marketplace_id", "shop", "order_marketplace_id", "order_number", "state", "status", "needs_answer", "deadline",
        "refund_total", "currency", "created_at", "recorded_by",
    )  # fmt: skip
    list_select_related = ("shop", "recorded_by")
    list_filter = (VisibleShops, "state", "needs_answer")
    search_fields = ("marketplace_id__startswith", "order_marketplace_id__startswith", "order_number__startswith")
    readonly_fields = ("first_seen_at", "recorded_at")
    ordering = ("-created_at", "-pk")
    inlines = (CancellationLineInline, DecisionInline)


@admin.register(CancellationLine)
class CancellationLineAdmin(ReadOnly):
    shop_path = "cancellation__shop"
    list_display = ("marketplace_id", "cancellation", "product_name", "sku_name", "seller_sku", "quantity")
    list_select_related = ("cancellation",)
    search_fields = ("sku_id__exact",)
    ordering = ("-pk",)


class DecisionLineInline(ReadOnlyInline):
    model = DecisionLine
    fields = ("line_item", "quantity", "cancelled_before")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[DecisionLine]:
        return super().get_queryset(request).select_related("line_item")


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = ("number", "purpose", "outcome", "code", "message", "request_id", "started_at", "finished_at")
    readonly_fields = fields


class EvidenceInline(ReadOnlyInline):
    model = Evidence
    fields = ("original_name", "mime_type", "width", "height", "size", "sha256", "marketplace_image_id", "created_at")
    readonly_fields = fields


@admin.register(Decision)
class DecisionAdmin(ReadOnly):
    """Not to be edited: what staff can still do about a decision, they do with the verbs of `decisions`."""

    list_display = (
        "pk", "verdict", "state", "cancellation", "order", "shop", "stalled_because", "made_by", "made_at", "code",
        "request_id",
    )  # fmt: skip
    list_select_related = ("shop", "cancellation", "order", "made_by")
    list_filter = ("state", "stalled_because", "verdict", VisibleShops)
    search_fields = ("request_id",)  # makes Django show the box; `get_search_results` says what is looked for
    search_help_text = _("The beginning of a request's or an order's id at the marketplace.")
    ordering = ("-pk",)
    inlines = (DecisionLineInline, AttemptInline, EvidenceInline)
    actions = ("countersign", "withdraw", "ask_again")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        requests = CancellationRequest.objects.filter(marketplace_id__startswith=text).values("pk")
        orders = Order.objects.filter(marketplace_id__startswith=text).values("pk")
        return queryset.filter(Q(cancellation__in=requests) | Q(order__in=orders)), False

    @admin.action(description=_("Countersign (what waits for a second person)"), permissions=["view"])
    def countersign(self, request: HttpRequest, queryset: QuerySet[Decision]) -> None:
        self.each(request, queryset, decisions.countersign)

    @admin.action(description=_("Take back (what has not been sent)"), permissions=["view"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Decision]) -> None:
        self.each(request, queryset, decisions.withdraw)

    @admin.action(description=_("Ask the marketplace again (what needs somebody)"), permissions=["view"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Decision]) -> None:
        self.each(request, queryset, decisions.ask_again)

    def each(self, request: HttpRequest, queryset: QuerySet[Decision], verb: Callable[[Decision, Any], None]) -> None:
        """The same verb with the same checks as everywhere; a no is told for its row and stops no other."""
        for decision in queryset:
            try:
                verb(decision, request.user)
            except (NotAllowed, PermissionDenied) as no:
                messages.error(request, f"{decision}: {no}")
            else:
                messages.success(request, f"{decision}: {decision.get_state_display()}")


@admin.register(DecisionLine)
class DecisionLineAdmin(ReadOnly):
    shop_path = "decision__shop"
    list_display = ("pk", "decision", "line_item", "quantity", "cancelled_before")
    list_select_related = ("decision__cancellation", "decision__order", "line_item")
    ordering = ("-pk",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    shop_path = "decision__shop"
    list_display = ("decision", "number", "purpose", "outcome", "code", "message", "request_id", "started_at")
    list_select_related = ("decision__cancellation", "decision__order")
    list_filter = ("outcome", "purpose")
    ordering = ("-pk",)


@admin.register(Evidence)
class EvidenceAdmin(ReadOnly):
    """What is known of an image. The image itself is shown to members of the shop, by a view that checks."""

    shop_path = "decision__shop"
    list_display = ("original_name", "decision", "mime_type", "width", "height", "size", "sha256", "created_at")
    list_select_related = ("decision__cancellation", "decision__order")
    ordering = ("-pk",)
    exclude = ("image", "cancellation", "uploaded_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """A draft is nobody's business but that of who uploaded it."""
        return super().get_queryset(request).filter(decision__isnull=False)


@admin.register(PushedNotification)
class PushedNotificationAdmin(ReadOnly):
    list_display = (
        "notification_id", "shop", "topic", "order_id", "cancellation_id", "sent_at", "received_at", "outcome",
        "processed_at",
    )  # fmt: skip
    list_select_related = ("shop",)
    list_filter = (VisibleShops, "outcome")
    ordering = ("-pk",)


@admin.register(Announcement)
class AnnouncementAdmin(ReadOnly):
    list_display = (
        "title", "shop", "order", "is_cancellation", "announced_at", "read_at", "handled_at", "handled_by",
        "cancellation",
    )  # fmt: skip
    list_select_related = ("shop", "order", "handled_by", "cancellation")
    list_filter = (VisibleShops, "is_cancellation")
    ordering = ("-pk",)


class BatchItemInline(ReadOnlyInline):
    model = BatchItem
    fields = ("cancellation", "state", "decision", "why")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[BatchItem]:
        items = super().get_queryset(request).filter(cancellation__shop__in=Shop.objects.visible_to(request.user))
        return items.select_related("cancellation", "decision__cancellation", "decision__order")


@admin.register(Batch)
class BatchAdmin(ReadOnly):
    shop_path = ""  # it may be about many
    view_on_site = False  # its page is for who made it
    list_display = ("pk", "verdict", "made_by", "made_at", "started_at", "finished_at", "retry_of")
    list_select_related = ("made_by", "retry_of")
    list_filter = ("verdict",)
    ordering = ("-pk",)
    inlines = (BatchItemInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        items = BatchItem.objects.filter(cancellation__shop__in=Shop.objects.visible_to(request.user))
        return rows.filter(pk__in=items.values("batch"))


@admin.register(BatchItem)
class BatchItemAdmin(ReadOnly):
    shop_path = "cancellation__shop"
    list_display = ("pk", "batch", "cancellation", "state", "decision", "why")
    list_select_related = ("batch", "cancellation", "decision__cancellation", "decision__order")
    list_filter = ("state",)
    ordering = ("-pk",)


@admin.register(Claim)
class ClaimAdmin(ReadOnly):
    shop_path = "cancellation__shop"
    list_display = ("cancellation", "user", "since", "until")
    list_select_related = ("cancellation", "user")
    ordering = ("-pk",)


@admin.register(SavedView)
class SavedViewAdmin(ForSuperusers, Rows):
    shop_path = ""
    list_display = ("name", "owner", "is_shared", "query")
    list_select_related = ("owner",)
    list_filter = ("is_shared",)
    ordering = ("name", "pk")
    autocomplete_fields = ("owner",)


@admin.register(Note)
class NoteAdmin(ReadOnly):
    shop_path = "cancellation__shop"
    list_display = ("at", "cancellation", "author", "text")
    list_select_related = ("cancellation", "author")
    ordering = ("-pk",)


@admin.register(CommentTemplate)
class CommentTemplateAdmin(ForSuperusers, Rows):
    list_display = ("name", "language", "shop", "reason", "changed_at")
    list_select_related = ("shop",)
    list_filter = ("language", VisibleShops)
    ordering = ("language", "name", "pk")


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("at", "name", "shop", "cancellation", "order", "decision_id", "actor", "detail")
    list_select_related = ("shop", "cancellation", "order", "actor")
    list_filter = (VisibleShops,)
    ordering = ("-pk",)
    date_hierarchy: ClassVar = None
