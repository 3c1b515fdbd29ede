"""Asking a seller: where, for which rights, and what the seller comes back with.

https://partner.tiktokshop.com/docv2/page/authorization-overview-202407 and seller-authorization-guide
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from marketplaces.base import Audience
from marketplaces.records import Consent

APPS_URL = "https://partner.tiktokshop.com/"
# The guide of 202309 has services.us.tiktokshop.com for the US; the newer overview has this one.
AUDIENCES = (
    Audience("us", "Sellers in the US", "https://services.tiktokshops.us/open/authorize", frozenset({"US"})),
    Audience("world", "Sellers everywhere else", "https://services.tiktokshop.com/open/authorize"),
)
REQUIRED_SCOPES = (
    "seller.authorization.info", "seller.order.info", "seller.return_refund.basic", "seller.fulfillment.basic",
    "seller.fulfillment.package.write", "seller.logistics", "seller.product.basic",
)  # fmt: skip
NO_CODE = ("", "null")  # what a refusal comes with


def url(page: str, service_id: str, state: str) -> str:
    """Rights and the address to come back to are set where the app is registered, and not in the link."""
    return f"{page}?{urlencode({'service_id': service_id, 'state': state})}"


def read(query: Mapping[str, str]) -> Consent:
    """All but the code may be missing; `app_key` and `shop_region` are in no guide, only in what really comes."""
    code = query.get("code", "")
    is_denied = code in NO_CODE or "error" in query
    return Consent(
        state=query.get("state", ""),
        code="" if is_denied else code,
        region=query.get("shop_region", ""),
        app_key=query.get("app_key", ""),
    )
