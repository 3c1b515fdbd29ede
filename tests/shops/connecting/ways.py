"""A person on the way to connecting a seller, and the seller who consents over there."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests

from accounts.models import User
from shops.connecting import attempts, consent
from shops.connecting.choosing import choose
from shops.models import App, ConnectAttempt, Connection
from tests.factories import UserFactory
from tests.sandbox_process import SandboxProcess

BACK = "http://testserver/shops/connect/tiktok_shop/back/"
SCOPES = (
    "seller.authorization.info", "seller.order.info", "seller.return_refund.basic", "seller.fulfillment.basic",
    "seller.fulfillment.package.write", "seller.logistics", "seller.product.basic",
)  # fmt: skip


def app_at(sandbox: SandboxProcess, audience: str = "world", **other: Any) -> App:
    told = sandbox.credentials()
    columns = {
        "app_key": told["app_key"], "app_secret": told["app_secret"], "service_id": told["services"][audience],
        "consent_url": f"{sandbox.url}/open/authorize", "api_url": sandbox.url, "auth_url": sandbox.url,
    }  # fmt: skip
    app, _made = App.objects.update_or_create(
        marketplace="tiktok_shop", audience=audience, defaults={**columns, **other}
    )
    return app


def administrator() -> User:
    return UserFactory(is_superuser=True, is_staff=True)


def answered(sandbox: SandboxProcess, link: str, region: str, **form: Any) -> str:
    """The address that a seller of this region comes back to, after answering on the page behind the link."""
    sandbox.post("redirect", url=BACK)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    sent = {**asked, "shop_id": sandbox.shop(region)["id"], "do": "allow", "scope": list(SCOPES), **form}
    got = requests.post(link.partition("?")[0], data=sent, timeout=10, allow_redirects=False)
    assert got.status_code == 302, got.text
    return got.headers["Location"]


@dataclass
class Way:
    """One person's way in one browser session."""

    sandbox: SandboxProcess
    user: User = field(default_factory=administrator)
    session: str = "session-key"

    def consented(
        self, region: str, app: App | None = None, connection: Connection | None = None, **form: Any
    ) -> ConnectAttempt:
        """What the seller answered has come back; no worker has seen it."""
        link = consent.ask_consent(self.user, self.session, app or app_at(self.sandbox), connection)
        return self.back(answered(self.sandbox, link, region, **form))

    def back(self, address: str) -> ConnectAttempt:
        return consent.come_back(self.user, self.session, "tiktok_shop", dict(parse_qsl(urlsplit(address).query)))

    def worked(
        self, region: str, app: App | None = None, connection: Connection | None = None, **form: Any
    ) -> ConnectAttempt:
        return work(self.consented(region, app, connection, **form))

    def connected(self, region: str, app: App | None = None) -> Connection:
        """All shops of this seller."""
        attempt = self.worked(region, app)
        assert attempt.state == ConnectAttempt.State.CHOOSING, (attempt.failure, attempt.detail)
        connection = choose(attempt, self.user, [shop.marketplace_id for shop in attempt.found])
        assert connection
        return connection

    def signed_in(
        self, user_name: str = "", password: str = "", connection: Connection | None = None
    ) -> ConnectAttempt:
        seller = self.sandbox.connections("crux_timp")[0]
        App.objects.get_or_create(marketplace="crux_timp", audience="", defaults={"api_url": seller["api_url"]})
        name, secret = user_name or seller["app_key"], password or seller["app_secret"]
        return work(consent.sign_in(self.user, self.session, "crux_timp", name, secret, {}))


def work(attempt: ConnectAttempt) -> ConnectAttempt:
    attempts.work(str(attempt.pk))
    return fresh(attempt)


def fresh(attempt: ConnectAttempt) -> ConnectAttempt:
    return ConnectAttempt.objects.get(pk=attempt.pk)
