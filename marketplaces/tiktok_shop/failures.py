"""TikTok Shop's error codes: what each says about what happened, and so which error it becomes.

Gateway codes: https://partner.tiktokshop.com/docv2/page/common-errors. The others are in the tables of each endpoint's
page. A code that is not here is a definite no when it came with a 2xx or 4xx answer.
"""

from enum import Enum

from marketplaces.errors import CredentialsRejected, MarketplaceError, Refused, Rejects, TemporaryFailure
from marketplaces.http import Effect, unclear


class Says(Enum):
    """What a code says about the call it answers."""

    LATER = "nothing happened, try later"
    UNSURE = "it broke inside, perhaps after the change"
    EXPIRED = "a renewed token may help"
    NOT_ALLOWED = "key, token, scope or shop are not accepted"
    DECIDED = "something else decided first"
    NO = "a definite no"


CODES: dict[int, Says] = {
    # The gateway, before any business logic
    36009002: Says.LATER,  # too many requests
    36009037: Says.LATER,  # development shop above its hourly limit
    36009003: Says.UNSURE,  # internal error
    36009007: Says.UNSURE,  # request timeout
    105002: Says.EXPIRED,  # access token expired
    101000: Says.NOT_ALLOWED,  # wrong kind of user, or the shop does not fit the cipher
    105004: Says.NOT_ALLOWED,  # region not authorized
    105005: Says.NOT_ALLOWED,  # scope not granted
    106001: Says.NOT_ALLOWED,  # wrong signature: the app secret is not this key's
    106013: Says.NOT_ALLOWED,  # no shop cipher
    36009033: Says.NOT_ALLOWED,  # our address is not on the app's allow list
    36009043: Says.NOT_ALLOWED,  # shop inactive
    36009044: Says.NOT_ALLOWED,  # seller inactive
    # The token endpoints
    36004001: Says.NOT_ALLOWED,  # refresh token expired
    36004004: Says.NOT_ALLOWED,  # authorization code used, expired or unknown
    36004005: Says.NOT_ALLOWED,  # code or refresh token invalid
    98001004: Says.NOT_ALLOWED,
    98001005: Says.NOT_ALLOWED,
    98001006: Says.NOT_ALLOWED,
    # Reading orders
    10002014: Says.LATER,
    10002015: Says.LATER,
    10037002: Says.LATER,
    10037003: Says.LATER,
    10037004: Says.LATER,
    # Cancellations: locks and breakdowns
    25001028: Says.LATER,  # another change holds the lock, so ours did not run
    25001058: Says.UNSURE,  # downstream data load error
    25007002: Says.UNSURE,  # database access error
    # Cancellations: somebody was faster
    25001003: Says.DECIDED,  # invalid order status
    25001011: Says.DECIDED,  # a return is in process or the order is cancelled
    25001045: Says.DECIDED,  # shipped, the courier cannot be stopped
    25001051: Says.DECIDED,  # the order is completed or cancelled
    25005011: Says.DECIDED,  # more units than are left: some of them were cancelled before
    25011011: Says.DECIDED,  # the status does not allow to reject
    25011012: Says.DECIDED,  # the status does not allow to approve
    25020003: Says.DECIDED,  # decision does not match the status
    25020009: Says.DECIDED,  # already cancelled
    25020010: Says.DECIDED,  # already approved
    # Shipping: somebody was faster
    11006021: Says.DECIDED,  # package has been shipped
    21008099: Says.DECIDED,  # package has been shipped
    21011006: Says.DECIDED,  # orders already shipped
    21011020: Says.DECIDED,  # orders already shipped
    21011027: Says.DECIDED,  # package delivered
    21011040: Says.DECIDED,  # package already shipped
    21011041: Says.DECIDED,  # order cancelled
    21011042: Says.DECIDED,  # order cancelled
    21042056: Says.DECIDED,  # orders already shipped
    # Shipping: breakdowns inside, "try again later"
    11001027: Says.UNSURE,
    11001031: Says.UNSURE,
    11006005: Says.UNSURE,
    11006026: Says.UNSURE,
    21001003: Says.UNSURE,
    21001008: Says.UNSURE,
    21001011: Says.UNSURE,
    21001029: Says.UNSURE,
    21001043: Says.UNSURE,
    21001055: Says.UNSURE,
    21008300: Says.UNSURE,
    21022029: Says.UNSURE,
    21022030: Says.UNSURE,
    21042001: Says.UNSURE,
    21042076: Says.UNSURE,
}

REJECTED: dict[int, Rejects] = {
    105004: Rejects.REGION,
    105005: Rejects.SCOPE,
    106001: Rejects.KEY,
    36004004: Rejects.CODE,
    36004005: Rejects.CODE,
}

BAD_REQUEST = 36009004  # one code for a dozen mistakes; only the message tells which


def error_for(
    code: int,
    message: str,
    *,
    effect: Effect,
    http_status: int = 200,
    request_id: str = "",
    retry_after: float | None = None,
) -> MarketplaceError:
    """The error for an envelope whose code is not 0. `http_status` only counts where the code is unknown."""
    text = str(code)
    if code == BAD_REQUEST:
        return _bad_request(message, request_id)
    says = CODES.get(code)
    if says is Says.LATER or http_status == 429:
        return TemporaryFailure(message, code=text, request_id=request_id, retry_after=retry_after)
    if says is Says.UNSURE or (says is None and http_status >= 500):
        return unclear(effect, message, code=text, request_id=request_id)
    if says in (Says.EXPIRED, Says.NOT_ALLOWED):
        what = REJECTED.get(code)
        return CredentialsRejected(message, code=text, request_id=request_id, expired=says is Says.EXPIRED, what=what)
    return Refused(message, code=text, request_id=request_id, already_processed=says is Says.DECIDED)


def _bad_request(message: str, request_id: str) -> MarketplaceError:
    words = message.lower()
    code = str(BAD_REQUEST)
    if "timestamp" in words:
        hint = f"The clock of this machine is off, TikTok Shop refuses its time: {message}"
        return TemporaryFailure(hint, code=code, request_id=request_id)
    if "access_token" in words or "access-token" in words:
        return CredentialsRejected(message, code=code, request_id=request_id, expired=True)
    if "credentials" in words or "app_key" in words:
        return CredentialsRejected(message, code=code, request_id=request_id, what=Rejects.KEY)
    return Refused(message, code=code, request_id=request_id)
