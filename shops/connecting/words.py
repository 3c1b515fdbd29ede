"""What to tell a person about an attempt to connect: how far it is, what went wrong, and what to do next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from marketplaces.base import Audience, Marketplace
from marketplaces.registry import marketplace
from shops.connecting.registering import audience_for, audience_of
from shops.models import ConnectAttempt

Failure = ConnectAttempt.Failure


@dataclass(frozen=True)
class Step:
    words: str
    done_at: datetime | None
    is_next: bool = False


@dataclass(frozen=True)
class Told:
    what: str
    next: str


def steps(attempt: ConnectAttempt) -> list[Step]:
    platform = marketplace(attempt.marketplace)
    known = [
        (_("The seller has consented"), attempt.consented_at),
        (_("%(marketplace)s gave its tokens") % {"marketplace": platform.name}, attempt.tokens_at),
        (_("The seller's shops are known"), attempt.shops_at),
        (_("A test call for each shop was answered"), attempt.tested_at),
    ]
    if platform.signs_in_with_password:
        known[:2] = [(_("User name and password are accepted"), attempt.tokens_at)]
    is_under_way = attempt.state == ConnectAttempt.State.WORKING
    next_one = next((words for words, done_at in known if not done_at), "")
    return [Step(words, done_at, is_under_way and words == next_one) for words, done_at in known]


def told(attempt: ConnectAttempt) -> Told | None:
    """What went wrong and what to do; nothing where nothing did."""
    if not attempt.failure:
        return None
    return WORDS[Failure(attempt.failure)](attempt, marketplace(attempt.marketplace), attempt.detail)


def denied(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    return Told(
        _("The seller did not allow it."),
        _("If that was a mistake, renew it again and choose to allow it.")
        if attempt.is_renewal
        else _("Nothing was connected. If that was a mistake, begin again and choose to allow it."),
    )


def late(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    return Told(_("It took longer than 30 minutes."), _("An answer counts for that long and no longer. Begin again."))


def code_ended(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    return Told(
        _("The code that the seller came back with has ended or was used before."),
        _("It works once and for 30 minutes. Begin again: the seller consents once more."),
    )


def right_audience(attempt: ConnectAttempt) -> Audience | None:
    """Whose app a seller needs who was asked with another one; nothing where that is not what went wrong."""
    if attempt.failure != Failure.REGION:
        return None
    platform = marketplace(attempt.marketplace)
    if attempt.detail.get("region"):
        return audience_for(platform, attempt.detail["region"])
    others = [one for one in platform.audiences if attempt.app and one.name != attempt.app.audience]
    return next(iter(others), None)


def region(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    ours = audience_words(attempt)
    theirs = right_audience(attempt)
    what = _("The seller belongs to another region than this app.")
    if detail.get("region"):
        what = _("The seller is in %(region)s, and this app is for: %(ours)s.") % {
            "region": detail["region"], "ours": ours
        }  # fmt: skip
    if attempt.state == ConnectAttempt.State.HELD:
        return Told(
            what,
            _(
                "Begin again with the app for: %(theirs)s. If you know that this seller may use this app, as sellers "
                "across borders may, go on."
            ) % {"theirs": words_of(theirs)},
        )  # fmt: skip
    return Told(what, _("Begin again with the app for: %(theirs)s.") % {"theirs": words_of(theirs)})


def scope(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    if platform.signs_in_with_password:
        return Told(
            _("This user lacks permissions that are needed here:"),
            _("Give them to the user at %(marketplace)s and try again.") % {"marketplace": platform.name},
        )
    return Told(
        _("The authorization lacks rights that are needed here:"),
        _("Have the app get these rights where it is registered, and begin again: the seller has to consent to them."),
    )


def elsewhere(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    if detail.get("is_left_out"):
        return Told(
            _("You may no longer do this here."),
            _("Nothing was changed. Ask an administrator for the permission to connect sellers."),
        )
    people = ", ".join(detail.get("people") or [])
    what = _("Others here look after shops of this seller already.")
    if people:
        return Told(
            what,
            _("Nothing was changed. Ask to be let in, or to have it connected: %(people)s.") % {"people": people},
        )
    return Told(what, _("Nothing was changed. Ask an administrator to let you into these shops."))


def another_seller(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    return Told(
        _("That was another seller: %(seller)s.") % {"seller": detail.get("seller") or "?"},
        _(
            "Nothing was changed. Sign out at %(marketplace)s, sign in there as %(expected)s and renew again. To "
            "connect the other seller as well, begin under “Connect a seller”."
        ) % {"marketplace": platform.name, "expected": attempt.connection and attempt.connection.seller_name},
    )  # fmt: skip


def key(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    if platform.signs_in_with_password:
        return Told(
            _("%(marketplace)s does not accept the user name and the password.") % {"marketplace": platform.name},
            _("Check both and try again.")
            if attempt.is_renewal
            else _("Check both and try again. Nothing was connected."),
        )
    return Told(
        _("%(marketplace)s does not accept our app's key and secret.") % {"marketplace": platform.name},
        _("Compare them, and the service id, with where the app is registered, enter them anew and begin again."),
    )


def no_shops(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    return Told(
        _("This seller has no shop that the app may see."),
        _("Check at %(marketplace)s whether the shop is active, and begin again.") % {"marketplace": platform.name},
    )


def unreachable(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    return Told(
        _("%(marketplace)s cannot be reached at the moment.") % {"marketplace": platform.name},
        _("Nothing is lost: try again here within 30 minutes. After that, begin again."),
    )


def unknown(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    if detail.get("is_stuck"):
        return Told(
            _("For an hour it got no further here."),
            _("Nothing was changed. Begin again, and tell an administrator if it comes to the same: the log says why."),
        )
    return Told(
        _("The answer of %(marketplace)s was lost.") % {"marketplace": platform.name},
        _("The code works once and may be used up, so nobody knows. Begin again: the seller consents once more."),
    )


def refused(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    if detail.get("is_id_too_long"):
        return Told(
            _("The id of one of these shops is longer than any that can be kept here."),
            _("Nothing was changed. Tell an administrator: this takes a change to Countermand. Then begin again."),
        )
    return Told(
        _("%(marketplace)s refuses.") % {"marketplace": platform.name},
        _("Read below what it said, mend that, and begin again. Its support asks for the request id."),
    )


def nobody_chose(attempt: ConnectAttempt, platform: Marketplace, detail: dict[str, Any]) -> Told:
    return Told(_("Nobody chose the shops for a day, so the authorization was let go of."), _("Begin again."))


WORDS: dict[ConnectAttempt.Failure, Callable[[ConnectAttempt, Marketplace, dict[str, Any]], Told]] = {
    Failure.DENIED: denied,
    Failure.LATE: late,
    Failure.CODE: code_ended,
    Failure.REGION: region,
    Failure.SCOPE: scope,
    Failure.ELSEWHERE: elsewhere,
    Failure.ANOTHER_SELLER: another_seller,
    Failure.KEY: key,
    Failure.NO_SHOPS: no_shops,
    Failure.UNREACHABLE: unreachable,
    Failure.UNKNOWN: unknown,
    Failure.REFUSED: refused,
    Failure.NOBODY_CHOSE: nobody_chose,
}


def audience_words(attempt: ConnectAttempt) -> str:
    app = attempt.app
    return words_of(audience_of(app.marketplace, app.audience)) if app and app.audience else ""


def words_of(audience: Audience | None) -> str:
    return _(audience.text) if audience else ""
