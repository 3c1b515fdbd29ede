"""Crux Connect's HTTP statuses: what each says about what happened, and so which error it becomes.

From the page Response Codes, which serves every call. No page documents the body of a refusal, so it is shown where it
is short and harmless, and never decides anything.
"""

from marketplaces.crux_timp.endpoints import SIGN_IN, Endpoint
from marketplaces.errors import (
    CredentialsRejected,
    MarketplaceError,
    Refused,
    Rejects,
    TemporaryFailure,
    Unsupported,
)
from marketplaces.http import Effect, unclear

_NO_SIGN_IN = {400, 401, 403, 409, 422}
_SENTENCES = {
    400: "Crux Connect misses something in what was sent.",
    404: "Crux Connect does not know this order or line.",
    422: "Crux Connect cannot do this with this order or line.",
}


def error_for(
    status: int, words: str, endpoint: Endpoint, *, not_pending: int = 422, retry_after: float | None = None
) -> MarketplaceError:
    """The error for an answer that is no success. `words` are those of its body, already made harmless.

    `not_pending` is the status by which a decision that comes too late is known, besides 422.
    """
    code = str(status)

    def said(sentence: str) -> str:
        return f"{sentence} ({words})" if words else sentence

    if endpoint is SIGN_IN and status in _NO_SIGN_IN:
        refusal = said("Crux Connect does not accept the user name and password.")
        return CredentialsRejected(refusal, code=code, what=Rejects.KEY)
    if status == 401:
        return CredentialsRejected(said("The token has ended."), code=code, expired=True)
    if status == 409:  # about who asks, not about the order
        return CredentialsRejected(said("This call is for suppliers, and the account is of another type."), code=code)
    if status == 403:
        # One missing permission must not cut the whole connection.
        return Refused(said(f"The user lacks the permission “{endpoint.permission}” for this."), code=code)
    if status in (405, 415):
        return Unsupported(said(f"Crux Connect does not take “{endpoint.page}” like this."), code=code)
    if status == 429:
        return TemporaryFailure(said("Too many requests."), code=code, retry_after=retry_after)
    if 400 <= status < 500 and status != 408:
        if status == 404 and "{uuid}" not in endpoint.path:
            return Refused(said(f"At this address there is no “{endpoint.page}”."), code=code)
        late = endpoint.effect is Effect.CHANGE and (status == 422 or (endpoint.is_decision and status == not_pending))
        return Refused(said(_SENTENCES.get(status, "Crux Connect refuses.")), code=code, already_processed=late)
    # A redirect is none of Crux Connect's answers. Something in between sent it, perhaps after the change was made, and
    # it is not followed, since the token goes to nobody else.
    return unclear(endpoint.effect, said(f"The answer (HTTP {status}) is not one of Crux Connect's."), code=code)
