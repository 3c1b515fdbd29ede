"""Authorizations and their tokens: auth codes, access tokens of seven days, rotating refresh tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.tiktok_shop.ids import Ids
from sandbox.tiktok_shop.records import Shop
from sandbox.tiktok_shop.refusals import Refusal

ACCESS_SECONDS = 7 * 86_400
AUTH_CODE_SECONDS = 30 * 60
REFRESH_SECONDS = 100 * 365 * 86_400
SCOPES = (
    "seller.authorization.info",
    "seller.order.info",
    "seller.return_refund.basic",
    "seller.fulfillment.basic",
    "seller.fulfillment.package.write",
    "seller.logistics",
    "seller.product.basic",
)


@dataclass(slots=True)
class Grant:
    """One seller's authorization of the app, as one code exchange made it. It covers all shops of the seller."""

    number: int
    seller_id: str
    prefix: str
    scopes: tuple[str, ...]
    refresh_token: str
    refresh_expires: int
    access_token: str
    access_expires: int
    turns: int = 0


@dataclass(slots=True, frozen=True)
class Access:
    grant: Grant
    expires: int


@dataclass(slots=True)
class AuthCode:
    seller_id: str
    prefix: str
    scopes: tuple[str, ...]
    expires: int
    is_for_others: bool = False  # of a seller for whom the app is not


@dataclass(slots=True)
class Tokens:
    """All that was handed out. Refreshing makes the old refresh token useless at once (unless told otherwise)
    and leaves the old access token valid until its expiry."""

    ids: Ids
    app_key: str = ""
    app_secret: str = ""
    codes: dict[str, AuthCode] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    grants: int = 0

    def __post_init__(self) -> None:
        self.app_key = self.ids.secret("app key", 12).lower()
        self.app_secret = self.ids.secret("app secret", 40).lower()

    def grant(self, shop: Shop, now: int, scopes: tuple[str, ...] = SCOPES) -> Grant:
        return self._grant(shop.seller_id, shop.token_prefix, scopes, now)

    def new_code(self, shop: Shop, now: int, scopes: tuple[str, ...] = SCOPES, *, is_for_others: bool = False) -> str:
        text = f"{shop.token_prefix}_{self.ids.secret(f'code {len(self.codes)}', 22)}"
        self.codes[text] = AuthCode(shop.seller_id, shop.token_prefix, scopes, now + AUTH_CODE_SECONDS, is_for_others)
        return text

    def exchange(self, code: str, now: int) -> Grant:
        known = self.codes.get(code)
        if known is None or code in self.spent or known.expires <= now:
            raise Refusal(36004004)
        if known.is_for_others:
            raise Refusal(105004)
        self.spent.add(code)
        return self._grant(known.seller_id, known.prefix, known.scopes, now)

    def renew(self, refresh_token: str, now: int, rotate: bool) -> Grant:
        grant = self.refresh.get(refresh_token)
        if grant is None:
            raise Refusal(36004005)
        if grant.refresh_expires <= now:
            raise Refusal(36004001)
        grant.turns += 1
        if rotate:
            del self.refresh[refresh_token]
            grant.refresh_token = self._text(grant, "refresh", 64)
            self.refresh[grant.refresh_token] = grant
        self._new_access(grant, now)
        return grant

    def revoke(self, seller_id: str) -> None:
        """The seller removes the app: every token of his is dead."""
        self.access = {text: each for text, each in self.access.items() if each.grant.seller_id != seller_id}
        self.refresh = {text: each for text, each in self.refresh.items() if each.seller_id != seller_id}

    def end(self, seller_id: str, at: int) -> None:
        """All that this seller has allowed until now ends then."""
        for grant in self.refresh.values():
            if grant.seller_id == seller_id:
                grant.refresh_expires = at

    def opened(self, token: str, now: int) -> Grant:
        """The authorization behind an access token. Refuses unknown and expired ones."""
        known = self.access.get(token)
        if known is None:
            raise Refusal(36009004, "Invalid credentials. The 'x-tts-access-token' header is invalid")
        if known.expires <= now:
            raise Refusal(105002)
        return known.grant

    def _grant(self, seller_id: str, prefix: str, scopes: tuple[str, ...], now: int) -> Grant:
        self.grants += 1
        grant = Grant(self.grants, seller_id, prefix, scopes, "", now + REFRESH_SECONDS, "", 0)
        grant.refresh_token = self._text(grant, "refresh", 64)
        self.refresh[grant.refresh_token] = grant
        self._new_access(grant, now)
        return grant

    def _new_access(self, grant: Grant, now: int) -> None:
        grant.access_token = self._text(grant, "access", 96)
        grant.access_expires = now + ACCESS_SECONDS
        self.access[grant.access_token] = Access(grant, grant.access_expires)

    def _text(self, grant: Grant, what: str, length: int) -> str:
        return f"{grant.prefix}_{self.ids.secret(f'{what} {grant.number} {grant.turns}', length)}"
