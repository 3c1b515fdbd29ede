"""Our apps at marketplaces: entering one, and replacing its secret wherever it is used."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from marketplaces.base import Audience, Marketplace
from marketplaces.registry import MARKETPLACES, marketplace
from shops.connecting.entitled import may_change_app
from shops.connecting.telling import write_for_each
from shops.models import App, Connection, Shop
from shops.models.connections import ConnectionQuerySet

if TYPE_CHECKING:
    from accounts.models import User


def register_app(user: "User", slug: str, audience: str, *, app_key: str, app_secret: str, service_id: str) -> App:
    """Enter our app for these sellers, or replace what is entered; an empty secret keeps the one that is stored.

    Connections that speak with the same key get the new secret. Raises PermissionDenied, ValidationError by field.
    """
    audience_of(slug, audience)
    with transaction.atomic():
        app, _made = App.objects.select_for_update().get_or_create(marketplace=slug, audience=audience)
        if not may_change_app(user, app, app_key):
            raise PermissionDenied(_("Shops of others use this app as well: an administrator can change it."))
        if not (app_secret or app.app_secret) or (app_key != app.app_key and not app_secret):
            raise ValidationError({"app_secret": _("Enter the secret that belongs to this key.")})
        before = {"app_key": app.app_key, "service_id": app.service_id}
        app.app_key, app.service_id = app_key, service_id
        if app_secret:
            app.app_secret = app_secret
        app.save()
        reached = replace_secret(app) if app_secret else 0
        shops = Shop.objects.filter(connection__in=speaking(app))
        after = {
            "app_key": app_key,
            "service_id": service_id,
            "is_secret_new": bool(app_secret),
            "connections": reached,
        }
        write_for_each(shops, "app.registered", about=app, actor=user, before=before, after=after)
    return app


def replace_secret(app: App) -> int:
    """Give an app's secret to the connections that speak with its key; returns how many there are."""
    return speaking(app).update(app_secret=app.app_secret)


def speaking(app: App) -> ConnectionQuerySet:
    """The connections that speak with this app's key."""
    same_key = Connection.objects.filter(marketplace=app.marketplace, app_key=app.app_key)
    return same_key.exclude(state=Connection.State.DISCONNECTED)


def audience_of(slug: str, name: str) -> Audience:
    """Raises ValidationError for sellers that this marketplace does not tell apart."""
    platform = MARKETPLACES.get(slug)
    found = next((one for one in platform.audiences if one.name == name), None) if platform else None
    if found is None:
        raise ValidationError(_("There are no such sellers."))
    return found


def consent_page(app: App) -> str:
    return app.consent_url or audience_of(app.marketplace, app.audience).consent_url


def consent_origins() -> list[str]:
    """Where forms that ask a seller may lead to, as a Content-Security-Policy names it."""
    pages = [consent_page(app) for app in App.objects.exclude(service_id="").defer("app_secret")]
    return sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, pages)})


def audience_for(platform: Marketplace, region: str) -> Audience | None:
    """Those that sellers of this region belong to."""
    others = [one for one in platform.audiences if not one.regions]
    return next((one for one in platform.audiences if region in one.regions), others[0] if others else None)


def app_of(connection: Connection) -> App | None:
    """The app that this seller consents to when the authorization is renewed."""
    if connection.app_id:
        return connection.app
    return fitting_app(connection)


def fitting_app(connection: Connection) -> App | None:
    """The app of ours that it speaks with; where several have its key, the one for sellers of its shops' region."""
    apps = list(App.objects.filter(marketplace=connection.marketplace, app_key=connection.app_key))
    region = connection.shops.order_by("pk").values_list("region", flat=True).first()
    audience = audience_for(marketplace(connection.marketplace), region) if region else None
    fitting = [app for app in apps if audience and app.audience == audience.name] or apps
    return fitting[0] if len(fitting) == 1 else None


def platform_of(slug: str) -> Marketplace | None:
    return marketplace(slug) if slug in MARKETPLACES else None


def platforms() -> list[tuple[str, Marketplace]]:
    return list(MARKETPLACES.items())
