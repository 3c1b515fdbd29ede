"""Who may take an export's rows away, asked when it is started, while it is written and when it is fetched."""

from typing import TYPE_CHECKING

from cancellations import trail
from exports.kinds import KINDS
from exports.models import Export

if TYPE_CHECKING:
    from accounts.models import User


def may_take_away(export: Export, user: "User") -> bool:
    """Whether this person may still export from every shop that its rows can be of."""
    if not user.is_active:
        return False
    if export.shops is None:
        return trail.reads_everything(user)
    allowed = KINDS[export.kind].shops(user).filter(pk__in=export.shops)
    return allowed.count() == len(export.shops)


def may_export(user: "User", kind: str) -> bool:
    """Whether there is any shop of which this person may export rows of this kind."""
    return KINDS[kind].shops(user).exists() or (kind == "audit" and trail.reads_everything(user))
