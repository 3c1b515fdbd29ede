"""What Crux Connect's pages leave open, or only the owner of an account knows: one named field for each.

Every field is an option of a connection, so that an administrator can set right what turns out to be otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from zoneinfo import ZoneInfo

from marketplaces.base import Option
from marketplaces.errors import CredentialsRejected


@dataclass(frozen=True, slots=True)
class Readings:
    """How to take what is not said. Names and values are those of OPTIONS."""

    environment: str = "production"
    currency: str = "USD"
    look_back_days: str = "7"
    order_item: str = "line"
    decision_body: str = "none"
    decision_permission: str = "cancel_order"
    not_pending: str = "422"
    cancelled_word: str = "final"
    own_lines: str = "by_organization"
    allocated_lines: str = "changed"
    date_format: str = "plain"
    date_zone: str = "UTC"
    notifications: str = "read"
    cancel_title: str = "Order Cancelled"

    @property
    def look_back(self) -> timedelta:
        return timedelta(days=int(self.look_back_days))


_TEXTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "environment": (
        "Which of Crux Connect's hosts is spoken to, unless an address is given.",
        {
            "production": "api.cruxconnect.com",
            "sandbox": "api-sandbox.cruxconnect.com",
            "development": "api-dev.cruxconnect.com",
        },
    ),
    "currency": ("The currency of all amounts, as three letters: orders name none.", {}),
    "look_back_days": (
        "How many days back orders are read again: Crux Connect can be asked for orders by the day on which they were "
        "made, not for those that changed.",
        {"1": "1 day", "3": "3 days", "7": "7 days", "14": "14 days", "30": "30 days", "90": "90 days"},
    ),
    "order_item": (
        "Which UUID names an order item when the cancelation of one is answered.",
        {"line": "that of the order's line", "catalog": "that of the item in the catalog, which other orders share"},
    ),
    "decision_body": (
        "What is sent with a confirmation or a rejection.",
        {"none": "nothing, as most samples show", "empty_object": "an empty JSON object with its content type"},
    ),
    "decision_permission": (
        "Which permission a user is told to ask for when a confirmation or a rejection is denied.",
        {"cancel_order": "cancel_order", "allocate_order": "allocate_order"},
    ),
    "not_pending": (
        "The HTTP status that says, besides 422, that no request to cancel waits for an answer any more.",
        {"422": "only 422", "404": "404", "400": "400"},
    ),
    "cancelled_word": (
        "What a line's word Cancelled means.",
        {"final": "the line is cancelled", "requested": "the retailer asks for it, and it can still be rejected"},
    ),
    "own_lines": (
        "Which lines of an order are taken for ours.",
        {"by_organization": "those whose supplier is our organization", "all": "all that are shown to us"},
    ),
    "allocated_lines": (
        "Which lines an allocation has to name.",
        {"changed": "those that it changes", "all": "all of ours; those not allocated yet are accepted by it"},
    ),
    "date_format": (
        "How the first and the last moment of a search are written.",
        {"plain": "2019-03-31 23:59:59", "iso": "2019-03-31T23:59:59.000Z"},
    ),
    "date_zone": ("The time zone of the moments of a search, by its IANA name, such as America/Denver.", {}),
    "notifications": (
        "Whether the user's dashboard notifications are read. What is read here may count as seen, and then the "
        "dashboard no longer shows it to the person whose account this is.",
        {"read": "they are read", "leave": "they are left alone"},
    ),
    "cancel_title": ("The title of the notification that says that a retailer asks to cancel.", {}),
}

OPTIONS = tuple(
    Option(field.name, _TEXTS[field.name][0], str(field.default), _TEXTS[field.name][1]) for field in fields(Readings)
)
# A choice that is one word stands for itself.
OPTION_TEXTS = tuple(words for text, choices in _TEXTS.values() for words in (text, *choices.values()) if " " in words)


def readings(options: Mapping[str, str]) -> Readings:
    """The defaults, changed by a connection's options; names that are not ours are passed over.

    Raises CredentialsRejected, in a sentence for whoever keeps the connection, for a value that makes no sense.
    """
    chosen = {option.name: options[option.name] for option in OPTIONS if option.name in options}
    for option in OPTIONS:
        value = chosen.get(option.name, option.default)
        if not isinstance(value, str) or (option.choices and value not in option.choices):
            _refuse(option.name, f"one of: {', '.join(option.choices)}" if option.choices else "a text")
    found = Readings(**chosen)
    if not (len(found.currency) == 3 and found.currency.isascii() and found.currency.isupper()):
        _refuse("currency", "three capital letters")
    try:
        ZoneInfo(found.date_zone)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a folder of names
        _refuse("date_zone", "the IANA name of a time zone")
    return found


def _refuse(name: str, wanted: str) -> None:
    raise CredentialsRejected(f"The connection's option “{name}” has to be {wanted}.")
