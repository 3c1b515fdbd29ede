"""Writing the audit log."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from audit import origin
from audit.models import Entry


def write(
    action: str,
    *,
    about: models.Model | None = None,
    actor: Any = None,
    shop_id: int | None = None,
    order_id: int | None = None,
    cancellation_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Entry:
    """Add an entry; call it in the transaction of the change that it tells of.

    `action` is what and how in the past tense, such as "decision.recorded". `actor` is a User; without one it is
    whoever made the request that is being answered, or nobody. `before` and `after` hold what JSON can, never a
    secret.
    """
    came_from = origin.current()
    person = actor or came_from.user
    return Entry.objects.create(
        action=action, actor=person, actor_name=str(person or "")[:254],
        about_type=about._meta.label_lower if about else "", about_id=str(about.pk) if about else "",
        about=str(about)[:300] if about else "", shop_id=shop_id, order_id=order_id, cancellation_id=cancellation_id,
        before=dict(before or {}), after=dict(after or {}), via=came_from.via, address=came_from.address,
        user_agent=came_from.user_agent, token=came_from.token,
    )  # fmt: skip
