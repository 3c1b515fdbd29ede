"""Login tokens: good for two hours from their issue by the simulator's clock, however many there are."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.crux_timp.ids import Ids
from sandbox.crux_timp.records import User
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.switches import CruxTimpSwitches

LIFE_SECONDS = 2 * 3600


@dataclass(slots=True)
class Issued:
    user: User
    expires: int


class Tokens:
    def __init__(self, ids: Ids, switches: CruxTimpSwitches) -> None:
        self._ids, self._switches = ids, switches
        self._issued: dict[str, Issued] = {}

    def issue(self, user: User, now: int) -> str:
        if self._switches.one_token_per_user:
            self._issued = {text: each for text, each in self._issued.items() if each.user is not user}
        text = self._ids.token()
        self._issued[text] = Issued(user, now + LIFE_SECONDS)
        return text

    def owner(self, authorization: str | None, now: int) -> User:
        """Who sent this header: the word Token, one space and a token that is known and still good, of a user who is
        still welcome. Else 401."""
        scheme, _, text = (authorization or "").partition(" ")
        issued = self._issued.get(text) if scheme == "Token" else None
        if issued is None or issued.expires <= now or not issued.user.active:
            raise Refusal(401)
        if self._switches.sliding_token:
            issued.expires = now + LIFE_SECONDS
        return issued.user
