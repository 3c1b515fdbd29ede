"""The calls this simulator answers: who may make each and what with. Paths are below ``/crux``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from sandbox.crux_timp.records import RETAILER, SUPPLIER
from sandbox.crux_timp.refusals import Refusal

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VARIABLE = re.compile(r"<(\w+)>")

READ = ("view_order",)
EXPORT = ("export_order",)
CANCEL = ("cancel_order",)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call. ``only``: the one kind of organization that may make it. ``body``: ``none`` is for calls that ignore
    theirs, ``object`` for those that need a JSON object, ``optional`` for those that take one and look at nothing."""

    slug: str
    method: str
    path: str
    only: str | None = None
    permissions: tuple[str, ...] = ()
    body: str = "none"
    unpublished: bool = False
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(_VARIABLE.sub(r"(?P<\1>[^/]+)", self.path)))

    @property
    def is_decision(self) -> bool:
        return self.slug.endswith("-cancelation")


def _decision(slug: str, path: str) -> Endpoint:
    return Endpoint(slug, "PATCH", path, SUPPLIER, CANCEL, "optional")


ORDER = "/timp/orders/<order_uuid>/"
SETTINGS = "/timp/notifications/notification-settings/"
ENDPOINTS = (
    Endpoint("user-login", "POST", "/timp/organizations/user-login/", body="object"),
    Endpoint("get-orders", "POST", "/timp/orders/", None, READ, "object"),
    Endpoint("create-order", "POST", "/timp/orders/create/", RETAILER, ("create_order",), "object"),
    Endpoint("cancel-order-request", "PATCH", "/timp/orders/cancel/", RETAILER, CANCEL, "object"),
    Endpoint("get-orders-export", "POST", "/timp/orders/export/", None, EXPORT, "object"),
    Endpoint("get-orders-by-search", "POST", "/timp/orders/search/export/", None, EXPORT, "object"),
    Endpoint("acknowledge-order", "PUT", "/timp/orders/acknowledge/", SUPPLIER, (), "object", unpublished=True),
    Endpoint("retrieve-export", "GET", "/timp/data/export/<export_uuid>/", None, EXPORT),
    Endpoint("get-notifications", "GET", "/timp/notifications/", None, READ),
    Endpoint("get-notification-settings", "GET", SETTINGS, None, ("view_notifications_settings",)),
    Endpoint(
        "update-notification-settings",
        "PUT",
        SETTINGS,
        None,
        ("view_notifications_settings", "edit_email_notifications_preferences"),
        "object",
    ),
    Endpoint("get-order-detail", "GET", ORDER, None, READ),
    Endpoint("get-order-by-po", "GET", "/timp/orders/po/<po_number>/", None, READ, unpublished=True),
    Endpoint("get-order-fees", "GET", ORDER + "fees/", None, READ),
    Endpoint("update-order-fees", "POST", ORDER + "fees/", None, (), "object"),
    Endpoint("get-order-attributes", "GET", ORDER + "attributes/", None, READ),
    Endpoint("update-order-attributes", "POST", ORDER + "attributes/", None, (), "object"),
    Endpoint("get-order-invoices", "GET", ORDER + "invoices/", None, READ),
    Endpoint("submit-invoice", "POST", ORDER + "invoices/", SUPPLIER, (), "object"),
    Endpoint("allocate-order", "PUT", "/timp/orders/allocation/<order_uuid>/", SUPPLIER, ("allocate_order",), "object"),
    Endpoint(
        "add-order-tracking", "POST", "/timp/orders/tracking/<order_uuid>/", SUPPLIER, ("add_order_tracking",), "object"
    ),
    Endpoint("cancel-order-item-request", "DELETE", "/timp/orders/items/cancel/<order_item_uuid>/", RETAILER, CANCEL),
    _decision("confirm-order-cancelation", "/timp/orders/cancel/<order_uuid>/confirm/"),
    _decision("reject-order-cancelation", "/timp/orders/cancel/<order_uuid>/reject/"),
    _decision("confirm-order-item-cancelation", "/timp/orders/items/cancel/<order_item_uuid>/confirm/"),
    _decision("reject-order-item-cancelation", "/timp/orders/items/cancel/<order_item_uuid>/reject/"),
)
SLUGS = frozenset(endpoint.slug for endpoint in ENDPOINTS)


@dataclass(frozen=True, slots=True)
class Route:
    """The calls that share one path, by method, and what the path names."""

    calls: dict[str, Endpoint]
    names: dict[str, str]

    def slug(self, method: str) -> str | None:
        return self.calls[method].slug if method in self.calls else None


def names_are_uuids(names: Mapping[str, str]) -> bool:
    """Whether every name of a path that should be a UUID is one, in the canonical lower-case form."""
    return all(UUID.fullmatch(value) for name, value in names.items() if name.endswith("_uuid"))


def find(path: str, *, unpublished: bool) -> Route:
    """Refuses a path nobody answers. A path without variables wins over one with."""
    hits = [
        (endpoint, match.groupdict())
        for endpoint in ENDPOINTS
        if (unpublished or not endpoint.unpublished) and (match := endpoint.pattern.fullmatch(path))
    ]
    if not hits:
        raise Refusal(404)
    best = min(hits, key=lambda hit: len(hit[1]))[0].path
    names = next(names for endpoint, names in hits if endpoint.path == best)
    return Route(
        {endpoint.method: endpoint for endpoint, _ in hits if endpoint.path == best},
        {name: unquote(value) if name == "po_number" else value for name, value in names.items()},
    )
