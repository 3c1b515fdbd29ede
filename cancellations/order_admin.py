"""Orders in the admin, with what only this floor of the house knows: whether everything about one is over."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cancellations.forgetting import StillOpen, forget
from orders.admin import OrderAdmin
from orders.forgetting import of_one_buyer
from orders.models import Order

admin.site.unregister(Order)


@admin.register(Order)
class OrderWithRequestsAdmin(OrderAdmin):
    actions = ("forget_buyer",)

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description=_("Erase the buyer's data…"), permissions=["forget"])
    def forget_buyer(self, request: HttpRequest, queryset: QuerySet[Order]) -> TemplateResponse | None:
        """Of each chosen order all that its buyer ordered, once that was confirmed."""
        chosen = list(queryset.select_related("shop"))
        theirs: set[int] = set()
        for order in chosen:
            theirs.update(of_one_buyer(order.shop.marketplace, order).values_list("pk", flat=True))
        orders = Order.objects.filter(pk__in=theirs)
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request), "opts": self.opts, "title": _now("Erase the buyer's data"),
                "chosen": chosen, "orders": orders, "name": ACTION_CHECKBOX_NAME,
            }  # fmt: skip
            return TemplateResponse(request, "admin/orders/order/forget_buyer.html", context)
        try:
            erased = forget(orders, request.user)  # type: ignore[arg-type]
        except StillOpen as no:
            messages.error(request, str(no))
        else:
            count = erased["orders"]
            said = ngettext(
                "What %(n)d order told of its buyer is erased.",
                "What %(n)d orders told of their buyers is erased.",
                count,
            )
            messages.success(request, said % {"n": count})
        return None
