"""Every call of Crux Connect's TIMP API that we make: its path, what it does, and which permission it needs.

The pages are those of docs.cruxconnect.com; the name of each stands beside its call. No page says which permission its
call needs: these are the ones whose names fit. Every path ends in a slash, and none takes a query.
"""

from dataclasses import dataclass

from marketplaces.http import Effect

HOSTS = {
    "production": "https://api.cruxconnect.com",
    "sandbox": "https://api-sandbox.cruxconnect.com",
    "development": "https://api-dev.cruxconnect.com",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    page: str
    method: str
    path: str  # with {uuid} for the one id
    effect: Effect = Effect.READ
    permission: str = ""
    is_decision: bool = False  # answers a request to cancel


def _decision(page: str, path: str) -> Endpoint:
    return Endpoint(page, "PATCH", path, Effect.CHANGE, is_decision=True)


# Not tried again by itself: an account may be locked after too many sign-ins that failed.
SIGN_IN = Endpoint("Retrieve Auth Token", "POST", "/timp/organizations/user-login/", Effect.REPEATABLE)

GET_ORDERS = Endpoint("Get Orders", "POST", "/timp/orders/", permission="view_order")
ORDER_DETAIL = Endpoint("Get Order Detail", "GET", "/timp/orders/{uuid}/", permission="view_order")

CONFIRM_ORDER = _decision("Confirm Order Cancelation", "/timp/orders/cancel/{uuid}/confirm/")
REJECT_ORDER = _decision("Reject Order Cancelation", "/timp/orders/cancel/{uuid}/reject/")
CONFIRM_ITEM = _decision("Cancel Order Item", "/timp/orders/items/cancel/{uuid}/confirm/")  # as the page calls itself
REJECT_ITEM = _decision("Reject Order Item Cancelation", "/timp/orders/items/cancel/{uuid}/reject/")

ALLOCATE = Endpoint("Allocate Order", "PUT", "/timp/orders/allocation/{uuid}/", Effect.CHANGE, "allocate_order")
ADD_TRACKING = Endpoint(
    "Add Order Tracking", "POST", "/timp/orders/tracking/{uuid}/", Effect.CHANGE, "add_order_tracking"
)

# Not tried again by itself: the first try may have used up what the second one would show.
# What is read may count as seen, so an answer that was lost is news that was lost.
NOTIFICATIONS = Endpoint("Get Dashboard Notifications", "GET", "/timp/notifications/", Effect.CHANGE, "view_order")
