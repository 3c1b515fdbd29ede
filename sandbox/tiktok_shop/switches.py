"""What TikTok's pages leave open; ``docs/sandbox.md`` explains each."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.switches import SwitchBoard


@dataclass(slots=True)
class TikTokShopSwitches(SwitchBoard):
    legacy_answers: bool = False
    drift: bool = False
    strict_timestamp: bool = False
    strict_webhook_urls: bool = False
    accept_both_closed_words: bool = False
    rotate_refresh_token: bool = True
    webhook_cancelled_word: str = "CANCEL"
    us_reject_reasons: str = "A"
    business_status: int = 200
    deadline_hours: int = 48
    refund_minutes: int = 10
    comment_limit: int = 500
