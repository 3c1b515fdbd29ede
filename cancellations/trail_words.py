"""What the audit log's entries say, in words for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format, localize
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from audit.changes import CHANGED
from audit.models import Entry
from cancellations.models import CancellationRequest, Verdict
from orders.models import Order
from shops.models import ConnectAttempt, Shop

ACTIONS: Mapping[str, Any] = {
    "announcement.handled": _("Announcement looked into"),
    "app.registered": _("Marketplace app registered"),
    "audit.exported": _("Audit log exported"),
    "backup.restored": _("Database put back to an earlier copy"),
    "batch.started": _("Batch started"),
    "batch.taken_back": _("Batch taken back"),
    "buyer_data.erased": _("Buyer's data erased on request"),
    "buyer_data.purged": _("Buyers' data erased by schedule"),
    "cancellation.assigned": _("Request assigned"),
    "cancellation.claimed": _("Request opened to answer it"),
    "cancellation.closed": _("Recorded request closed"),
    "cancellation.moved": _("Request changed at the marketplace"),
    "cancellation.recorded": _("Request recorded"),
    "cancellation.taken_over": _("Request taken over"),
    "channel.tested": _("Test sent to a channel"),
    "chat_address.removed": _("Chat channel removed"),
    "chat_address.set": _("Chat channel set"),
    "comment_template.added": _("Comment template added"),
    "comment_template.changed": _("Comment template changed"),
    "comment_template.deleted": _("Comment template deleted"),
    "connection.asked_for": _("Connecting a seller begun"),
    "connection.deauthorized": _("Seller took the authorization back"),
    "connection.end_announced": _("End of the authorization announced"),
    "connection.ended": _("Seller disconnected"),
    "connection.failed": _("Connecting a seller failed"),
    "connection.made": _("Seller connected"),
    "connection.renewed": _("Authorization renewed"),
    "decision.accepted": _("Decision accepted by the marketplace"),
    "decision.asked_again": _("Marketplace asked again about a decision"),
    "decision.confirmed": _("Decision confirmed by the marketplace"),
    "decision.countersigned": _("Decision countersigned"),
    "decision.declined": _("Countersigning declined"),
    "decision.overtaken": _("Decision overtaken by the marketplace"),
    "decision.recorded": _("Decision recorded"),
    "decision.refused": _("Decision refused by the marketplace"),
    "decision.set_aside": _("Decision set aside"),
    "decision.stalled": _("Decision needs somebody"),
    "decision.withdrawn": _("Decision taken back"),
    "disagreement.left": _("Disagreement left as it is"),
    "disagreement.repaired": _("Repair of a disagreement asked for"),
    "endpoint.changed": _("Endpoint for webhooks changed"),
    "endpoint.died": _("Endpoint for webhooks does not answer any more"),
    "endpoint.gone": _("Endpoint for webhooks wants no more"),
    "endpoint.made": _("Endpoint for webhooks added"),
    "endpoint.paused": _("Endpoint for webhooks paused"),
    "endpoint.removed": _("Endpoint for webhooks removed"),
    "endpoint.replayed": _("Webhooks sent again"),
    "endpoint.resumed": _("Endpoint for webhooks resumed"),
    "endpoint.revived": _("Endpoint for webhooks answers again"),
    "endpoint.secret_rotated": _("Endpoint for webhooks has a new secret"),
    "endpoint.tested": _("Test sent to an endpoint for webhooks"),
    "evidence.purged": _("Files of evidence erased by schedule"),
    "evidence.removed": _("Evidence removed"),
    "evidence.uploaded": _("Evidence uploaded"),
    "export.fetched": _("Export fetched"),
    "export.started": _("Export started"),
    "ladder.set": _("Ladder of who is told set"),
    "membership.added": _("Membership added in the admin"),
    "membership.changed": _("Membership changed"),
    "membership.deleted": _("Membership deleted in the admin"),
    "membership.ended": _("Membership ended"),
    "membership.made": _("Membership added"),
    "note.added": _("Note written"),
    "openid.linked": _("OpenID Connect account linked"),
    "openid.unlinked": _("OpenID Connect account unlinked"),
    "parcel.not_there": _("Parcel looked for and not found"),
    "parcel.pulled": _("Parcel pulled"),
    "parcel.put_back": _("Parcel put back"),
    "password.changed": _("Password changed"),
    "password.reset": _("Password set anew by e-mail"),
    "person.sign_in_failed": _("Sign-in failed"),
    "person.signed_in": _("Signed in"),
    "person.signed_out": _("Signed out"),
    "push.repaired": _("Registration of pushes put right"),
    "pushes.registered": _("Pushes of changes asked for"),
    "pushes.removed": _("Pushes of changes switched off"),
    "recovery_codes.made": _("Recovery codes made"),
    "recovery_codes.used": _("Recovery code used"),
    "safety_net.set": _("Safety net set"),
    "safety_net.switched_off": _("Safety net switched off"),
    "saved_view.deleted": _("Shared view deleted"),
    "saved_view.shared": _("View shared"),
    "second_factor.added": _("Second factor added"),
    "second_factor.failed": _("Second factor not accepted"),
    "second_factor.removed": _("Second factor removed"),
    "secrets.rotated": _("Secrets encrypted anew"),
    "sessions.ended": _("Sessions ended"),
    "shop.changed": _("Shop changed"),
    "sync.asked_for": _("Pull asked for"),
    "token.ended": _("API token ended"),
    "token.made": _("API token made"),
    "truth.asked_for": _("Truth check asked for"),
    "user.added": _("Person added"),
    "user.changed": _("Person changed"),
}
# What entries call otherwise than the rows that they are about do.
CALLED: Mapping[Any, str] = {(ConnectAttempt, "why"): "failure"}
VERBS = {"added": _("%(thing)s: added"), "changed": _("%(thing)s: changed"), "deleted": _("%(thing)s: deleted")}


@dataclass(frozen=True)
class Change:
    """One field, with what it was and what it is; `is_secret` where nothing more is told than that it changed."""

    name: str
    before: str
    after: str
    is_secret: bool = False


@dataclass(frozen=True)
class Line:
    """An entry as a page shows it."""

    entry: Entry
    sentence: str
    changes: Sequence[Change]
    shop: Shop | None
    order: Order | None
    cancellation: CancellationRequest | None

    @property
    def address(self) -> str:
        """Of the page of what it was done to, where there is one."""
        found = self.cancellation or self.order
        if found:
            return found.get_absolute_url()
        return reverse("shops:shop", args=[self.shop.pk]) if self.shop else ""

    @property
    def about(self) -> str:
        return self.entry.about or str(self.cancellation or self.order or "")


def lines(entries: Sequence[Entry], user: Any) -> list[Line]:
    """Three queries, however many entries; what this person does not see is not linked."""
    shops = of_these(Shop.objects.visible_to(user).defer("cipher"), entries, "shop_id")
    orders = of_these(Order.objects.visible_to(user), entries, "order_id")
    requests = of_these(CancellationRequest.objects.visible_to(user), entries, "cancellation_id")
    return [
        Line(
            entry,
            sentence(entry.action, entry.about_type),
            list(changes(entry)),
            shops.get(entry.shop_id),
            orders.get(entry.order_id),
            requests.get(entry.cancellation_id),
        )
        for entry in entries
    ]


def of_these(rows: Any, entries: Iterable[Entry], name: str) -> dict[Any, Any]:
    """Entries keep numbers of what may be gone."""
    return {row.pk: row for row in rows.filter(pk__in={getattr(entry, name) for entry in entries} - {None})}


def sentence(action: str, about_type: str) -> str:
    """What was done. Of the admin's changes each kind of row is called what it is called there."""
    if action in ACTIONS:
        return str(ACTIONS[action])
    verb = action.rpartition(".")[2]
    model = model_of(about_type)
    if verb in VERBS and model:
        return str(VERBS[verb]) % {"thing": capfirst(str(model._meta.verbose_name))}
    return action.replace(".", " ").replace("_", " ")


def model_of(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def changes(entry: Entry) -> Iterable[Change]:
    model = model_of(entry.about_type)
    for name in list(dict.fromkeys([*entry.before, *entry.after])):
        field = field_of(model, name)
        before, after = entry.before.get(name), entry.after.get(name)
        label = str(getattr(field, "verbose_name", name)).replace("_", " ")
        if after == CHANGED and before is None:
            yield Change(label, "", "", is_secret=True)
        else:
            yield Change(label, shown(before, field, name), shown(after, field, name))


def field_of(model: type[models.Model] | None, name: str) -> Any:
    try:
        return model._meta.get_field(CALLED.get((model, name), name)) if model else None
    except FieldDoesNotExist:
        return None


def shown(value: Any, field: Any, name: str) -> str:
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return _now("yes") if value else _now("no")
    if isinstance(value, list):
        return ", ".join(shown(one, getattr(field, "base_field", field), name) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(one, None, key)}" for key, one in value.items())
    if name == "verdict" and value in Verdict.values:
        return str(Verdict(value).label)
    choices = dict(getattr(field, "flatchoices", ()) or ())
    if value in choices:
        return str(choices[value])
    if isinstance(field, models.DateTimeField) and (moment := parse_datetime(str(value))):
        return date_format(localtime(moment), "SHORT_DATETIME_FORMAT")
    return str(localize(value))
