"""Django's own admin as it comes, with the columns, filters and search that the same work needs: what we are beside."""

from django.contrib import admin

from cancellations.models import CancellationRequest

site = admin.AdminSite("peer")


@admin.register(CancellationRequest, site=site)
class Requests(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = (
        "marketplace_id", "shop", "order_marketplace_id", "reason_text", "state", "deadline", "refund_total",
        "currency", "created_at", "assigned_to",
    )  # fmt: skip
    list_select_related = ("shop", "order", "assigned_to")
    list_filter = ("needs_answer", "state", "shop", "shop__region")
    search_fields = (
        "marketplace_id", "order_marketplace_id", "order_number", "lines__product_name", "lines__seller_sku",
    )  # fmt: skip
    ordering = ("deadline", "created_at", "pk")
    list_per_page = 50
