"""How a call to a marketplace can fail. The type says what may be done next; callers never compare codes."""

from enum import Enum


class MarketplaceError(Exception):
    """A call failed.

    `code` is the marketplace's own code as text ("25020009"), empty when it said none. `message` is its wording and
    `request_id` the id its support asks for. None of them, nor the text of the exception, ever holds a secret.
    """

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(f"{code} {message}".strip())
        self.message = message
        self.code = code
        self.request_id = request_id


class TemporaryFailure(MarketplaceError):
    """Nothing happened and trying later may work: rate limits, locks, refused connections, failed reads.

    `retry_after` is in seconds, None when the marketplace named no time.
    """

    def __init__(self, message: str, *, code: str = "", request_id: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after = retry_after


class OutcomeUnknown(MarketplaceError):
    """A change was sent and no usable answer came back: it may have happened. Ask before sending again."""


class Rejects(Enum):
    """What of our credentials is not accepted, where the marketplace's code tells."""

    KEY = "the app's key or secret, or the user's name or password"
    CODE = "the code of a consent: it has ended, was used or never was"
    REGION = "the region: these sellers need another app"
    SCOPE = "a right that the seller did not give"


class CredentialsRejected(MarketplaceError):
    """The marketplace does not accept our key, token or scope. `expired` is True where a renewed token may help."""

    def __init__(
        self, message: str, *, code: str = "", request_id: str = "", expired: bool = False, what: Rejects | None = None
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.expired = expired
        self.what = what


class Refused(MarketplaceError):
    """A definite no: nothing happened and sending the same again will not help.

    `already_processed` is True where the code means that somebody or something decided before us, so the request has
    to be read again before anybody is told anything.
    """

    def __init__(self, message: str, *, code: str = "", request_id: str = "", already_processed: bool = False) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.already_processed = already_processed


class Unsupported(MarketplaceError):
    """This marketplace cannot do what was asked. Screens and API never offer it, so meeting this is a bug."""


class BadRecord(ValueError):
    """One record of an answer cannot be understood. `where` is the path to the field, such as `line_items[1].id`."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem
