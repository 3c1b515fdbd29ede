from django.contrib import admin

from audit.models import Entry
from config.admin import ForSuperusers, ReadOnly


@admin.register(Entry)
class EntryAdmin(ReadOnly, ForSuperusers):
    """As it is stored. In sentences it stands on the page of the audit log."""

    shop_path = ""
    list_display = ("at", "actor_name", "action", "about", "via", "address", "shop_id", "order_id", "cancellation_id")
    list_filter = ("via",)
    search_fields = ("action__startswith", "about_id__exact")
    ordering = ("-at", "-pk")
