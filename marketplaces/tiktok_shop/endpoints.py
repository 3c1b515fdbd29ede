"""Every TikTok Shop endpoint that we call, with its version and what a call does. Change a version here only.

https://partner.tiktokshop.com/docv2/page/methods-and-endpoints
"""

from dataclasses import dataclass

from marketplaces.http import Effect

API_URL = "https://open-api.tiktokglobalshop.com"
AUTH_URL = "https://auth.tiktok-shops.com"

TOKEN_GET_PATH = "/api/v2/token/get"  # noqa: S105 - a path
TOKEN_REFRESH_PATH = "/api/v2/token/refresh"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    category: str
    version: str
    resource: str  # with {placeholders} for ids
    effect: Effect = Effect.READ
    shop_cipher: bool = True  # where it is False, sending one is refused with 36009004

    def path(self, **ids: str) -> str:
        return f"/{self.category}/{self.version}/{self.resource.format(**ids)}"


_CHANGE, _REPEATABLE = Effect.CHANGE, Effect.REPEATABLE

AUTHORIZED_SHOPS = Endpoint("GET", "authorization", "202309", "shops", shop_cipher=False)

ORDER_LIST = Endpoint("POST", "order", "202309", "orders/search")
# The page of Get Order Detail describes 202507, with the same fields; 202309 is still served.
ORDER_DETAIL = Endpoint("GET", "order", "202309", "orders")

SEARCH_CANCELLATIONS = Endpoint("POST", "return_refund", "202309", "cancellations/search")
APPROVE = Endpoint("POST", "return_refund", "202309", "cancellations/{cancel_id}/approve", _CHANGE)
REJECT = Endpoint("POST", "return_refund", "202309", "cancellations/{cancel_id}/reject", _CHANGE)
CANCEL_ORDER = Endpoint("POST", "return_refund", "202309", "cancellations", _CHANGE)
REJECT_REASONS = Endpoint("GET", "return_refund", "202309", "reject_reasons")
ELIGIBILITY = Endpoint("GET", "return_refund", "202309", "orders/{order_id}/aftersale_eligibility")
CALCULATE_REFUND = Endpoint("POST", "return_refund", "202309", "refunds/calculate")

UPLOAD_IMAGE = Endpoint("POST", "product", "202309", "images/upload", _REPEATABLE, shop_cipher=False)

PACKAGE_DETAIL = Endpoint("GET", "fulfillment", "202309", "packages/{package_id}")
HANDOVER_SLOTS = Endpoint("GET", "fulfillment", "202309", "packages/{package_id}/handover_time_slots")
SHIPPING_PROVIDERS = Endpoint("GET", "logistics", "202309", "delivery_options/{delivery_option_id}/shipping_providers")
SHIP_PACKAGE = Endpoint("POST", "fulfillment", "202309", "packages/{package_id}/ship", _CHANGE)
BATCH_SHIP = Endpoint("POST", "fulfillment", "202309", "packages/ship", _CHANGE)
MARK_SHIPPED = Endpoint("POST", "fulfillment", "202309", "orders/{order_id}/packages", _CHANGE)

GET_WEBHOOKS = Endpoint("GET", "event", "202309", "webhooks")
PUT_WEBHOOK = Endpoint("PUT", "event", "202309", "webhooks", _REPEATABLE)
DELETE_WEBHOOK = Endpoint("DELETE", "event", "202309", "webhooks", _REPEATABLE)
