"""The reason codes of ``reasons.toml``: which fit where, and their words in a language."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from sandbox.tiktok_shop.refusals import Refusal

LOCALES = frozenset(
    {
        "en",
        "en-GB",
        "en-IE",
        "en-PH",
        "en-SG",
        "en-US",
        "fr-FR",
        "de-DE",
        "id-ID",
        "it-IT",
        "ja-JP",
        "ms-MY",
        "pt-BR",
        "es-ES",
        "es-MX",
        "th-TH",
        "vi-VN",
        "zh-CN",
    }
)


class Reasons:
    """Codes by market and order status. Markets are region codes (GB for the UK)."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._groups: dict[str, list[str]] = data["groups"]
        self._words: dict[str, dict[str, str]] = data["words"]
        self._reject = self._by_market(data["reject"])
        self._buyer = self._by_status(data["buyer"])
        self._seller = self._by_status(data["seller"])
        self._offline = self._by_market(data["offline"])
        self._by_line = self._by_market(data["by_line"])
        self._all_reject = {code for codes in self._reject.values() for code in codes}
        self._all_seller = {code for codes in self._seller.values() for code in codes}
        self._known = (
            self._all_reject
            | self._all_seller
            | {code for kind in ("buyer", "system") for row in data[kind] for code in row["codes"]}
        )

    @classmethod
    def read(cls) -> Reasons:
        return cls(tomllib.loads(Path(__file__).with_name("reasons.toml").read_text()))

    def reject(self, market: str, us_list: str = "A") -> list[str]:
        """What a seller may reject with, in the order of TikTok's page."""
        return self._reject.get("US-B" if (market, us_list) == ("US", "B") else market, [])

    def buyer(self, market: str, status: str) -> list[str]:
        return self._buyer.get((market, status), [])

    def seller(self, market: str, status: str) -> list[str]:
        return [code for code in self._seller.get((market, status), []) if not self._is_offline(market, code)]

    def allows_lines(self, market: str, code: str) -> bool:
        """Whether single lines may be cancelled for this reason in this market."""
        return code in self._by_line.get(market, [])

    def check_reject(self, market: str, code: str, us_list: str) -> None:
        if code in self.reject(market, us_list):
            return
        if code not in self._known:
            raise Refusal(25001014)
        raise Refusal(25001016 if code in self._all_reject else 25001057)

    def check_seller(self, market: str, status: str, code: str) -> None:
        if code not in self._known:
            raise Refusal(25001014)
        if code not in self._all_seller:
            raise Refusal(25001015)
        if self._is_offline(market, code):
            raise Refusal(25001020)
        if not any(code in codes for (where, _), codes in self._seller.items() if where == market):
            raise Refusal(25001015)
        if code not in self._seller.get((market, status), []):
            raise Refusal(25001021)

    def words(self, code: str, locale: str = "en-US") -> str:
        """In the language of the locale where there are any, else in English."""
        plain = code.removesuffix("_uk")
        for language in (locale.split("-")[0], "en"):
            words = self._words.get(language, {})
            if code in words or plain in words:
                return words.get(code) or words[plain]
        return code

    def _is_offline(self, market: str, code: str) -> bool:
        return code in self._offline.get(market, [])

    def _expand(self, markets: list[str]) -> list[str]:
        return [each for name in markets for each in self._groups.get(name, [name])]

    def _by_market(self, rows: list[dict[str, Any]]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for row in rows:
            for market in self._expand(row["markets"]):
                found.setdefault(market, []).extend(row["codes"])
        return found

    def _by_status(self, rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for row in rows:
            for market in self._expand(row["markets"]):
                for status in row["statuses"]:
                    found.setdefault((market, status), []).extend(row["codes"])
        return found
