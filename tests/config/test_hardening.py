"""What browsers are told about every page and file, and that no page holds what its policy forbids."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from accounts.encryption import encrypted
from cancellations.models import CancellationRequest, Evidence
from shops.models import Role
from tests.config.test_admin import everything, root  # noqa: F401
from tests.config.test_admin import pages as admin_pages
from tests.config.test_api import cancellation  # noqa: F401
from tests.config.test_strangers import CONNECTING, ONLY_POST, PERSONAL, addresses  # noqa: F401
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db
SWAGGER = "/api/v1/docs/"  # the one page that writes styles into its elements
ENTRANCE = [
    "account_login", "account_reset_password", "account_reset_password_done", "account_inactive",
    "account_reset_password_from_key_done",
]  # fmt: skip
OWN = [
    "account_logout", "account_change_password", "account_set_password", "account_reauthenticate", "mfa_index",
    "mfa_activate_totp", "mfa_deactivate_totp", "mfa_list_webauthn", "mfa_add_webauthn", "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes", "mfa_reauthenticate", "usersessions_list",
]  # fmt: skip


class Elements(HTMLParser):
    """`inline` after `feed`: what of a page the policy keeps from working."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.script: dict[str, str | None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.script = told if tag == "script" else None
        if tag == "style":
            self.inline.append("<style>")
        for name, value in attrs:
            is_address = name in ("href", "src", "action", "formaction") and (value or "").strip().startswith(
                "javascript:"
            )
            if name == "style" or re.fullmatch(r"on[a-z]+", name) or is_address:
                self.inline.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        script, self.script = self.script, None
        if script is not None and "src" not in script and script.get("type") != "application/json" and data.strip():
            self.inline.append(f"<script>{data[:40]}")


def inline(page: str) -> list[str]:
    elements = Elements()
    elements.feed(page)
    return elements.inline


def wrong_with(answer: Any, *, signed_in: bool) -> list[str]:
    """What of this answer would let a browser do more than it needs to."""
    wrong = []
    policy = answer.headers.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or "unsafe" in policy or "frame-ancestors 'none'" not in policy:
        wrong.append(policy or "no policy")
    for name, value in {
        "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
    }.items():  # fmt: skip
        if answer.headers.get(name) != value:
            wrong.append(f"{name}: {answer.headers.get(name)}")
    if "geolocation=()" not in answer.headers.get("Permissions-Policy", ""):
        wrong.append("no Permissions-Policy")
    is_image = answer.headers.get("Content-Type", "").startswith("image/")
    if signed_in and not is_image and "no-store" not in answer.headers.get("Cache-Control", ""):
        wrong.append(f"Cache-Control: {answer.headers.get('Cache-Control')}")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        wrong += inline(answer.content.decode())
    return wrong


def tried(
    client: Client, where: Iterator[str] | list[str], *, signed_in: bool = True
) -> tuple[set[int], dict[str, Any]]:
    """(the codes of all answers, what is wrong by address)"""
    codes, wrong = set(), {}
    for address in where:
        answer = client.get(address)
        if told := wrong_with(answer, signed_in=signed_in):
            wrong[address] = told
        codes.add(answer.status_code)
        b"".join(getattr(answer, "streaming_content", ()))  # which closes it
    return codes, wrong


def test_the_eye_for_it_sees_what_a_policy_would_stop() -> None:
    for page in (
        "<style>p{}</style>", '<p style="color:red">', "<script>alert(1)</script>", '<img src=x onerror="alert(1)">',
        '<a href=" javascript:1">', '<script type="module">import "x"</script>', '<button formaction="javascript:1">',
    ):  # fmt: skip
        assert inline(page), page
    assert not inline(
        '<script src="/static/app.js"></script><p class="only">once</p><script type="application/json">{}</script>'
    )


class TestEveryPage:
    def test_of_the_screens(self, addresses: dict[str, str]) -> None:  # noqa: F811
        image = Evidence.objects.exclude(decision=None).get()
        assert image.decision
        client = Client()
        client.force_login(member(Role.MANAGER, image.decision.shop))
        more = [reverse(name) for name in PERSONAL] + [reverse(name) for name in CONNECTING if name == "shops:connect"]
        codes, wrong = tried(client, [*addresses.values(), *more])
        assert not wrong
        assert codes >= {200, 404, 405}

    def test_of_the_admin(self, everything: CancellationRequest, root: Client) -> None:  # noqa: F811
        codes, wrong = tried(root, admin_pages())
        assert not wrong
        assert 200 in codes

    def test_of_signing_in(self) -> None:
        where = [reverse(name) for name in ENTRANCE] + ["/accounts/password/reset/key/1-x/", "/accounts/signup/"]
        codes, wrong = tried(Client(), where, signed_in=False)
        assert not wrong
        assert 200 in codes

    def test_of_ones_own_account(self) -> None:
        person = UserFactory()
        for kind, data in (
            ("totp", {"secret": encrypted("A" * 32)}),
            ("recovery_codes", {"seed": encrypted("a" * 40), "used_mask": 0}),
        ):
            Authenticator.objects.create(user=person, type=kind, data=data)
        client = Client()
        client.force_login(person)
        codes, wrong = tried(client, [reverse(name) for name in OWN])
        assert not wrong
        assert 200 in codes

    def test_of_the_api(self, client: Client) -> None:
        client.force_login(member(Role.AGENT, ShopFactory()))
        where = ["orders/", "shops/", "cancellations/", "decisions/", "audit/", "health/", "schema/", "nowhere/"]
        codes, wrong = tried(client, [f"/api/v1/{each}" for each in where])
        assert not wrong
        assert codes == {200, 404}

    def test_of_files(self, client: Client) -> None:
        for name in ("app.css", "app.js", "icon.svg"):
            answer = client.get(f"/static/{name}")
            assert not wrong_with(answer, signed_in=False)
            assert "Access-Control-Allow-Origin" not in answer.headers
            b"".join(getattr(answer, "streaming_content", ()))

    def test_swagger_alone_may_write_styles_and_still_no_scripts(self, client: Client) -> None:
        client.force_login(UserFactory())
        answer = client.get(SWAGGER)
        assert [each for each in inline(answer.content.decode()) if "style" not in each] == []
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert {name for name, sources in policy.items() if "unsafe" in sources} == {"style-src"}


class TestEveryError:
    @pytest.mark.parametrize("address", ["/nowhere/", "/cancellations/999/", "/static/nothing.css", "/orders/1%00/"])
    @pytest.mark.parametrize("signed_in", [True, False])
    def test_of_an_address(self, address: str, signed_in: bool) -> None:
        client = Client()
        if signed_in:
            client.force_login(UserFactory())
        answer = client.get(address)
        assert answer.status_code in ((404, 400) if signed_in else (302, 404, 400))
        assert not wrong_with(answer, signed_in=signed_in and not address.startswith("/static/"))

    def test_of_a_host_that_is_not_ours(self, client: Client) -> None:
        answer = client.get("/accounts/login/", headers={"host": "elsewhere.example"})
        assert answer.status_code == 400
        assert not wrong_with(answer, signed_in=False)

    def test_of_a_form_that_was_forged(self) -> None:
        client = Client(enforce_csrf_checks=True)
        answer = client.post("/accounts/login/", {"login": "a@b.example"})
        assert answer.status_code == 403
        assert not wrong_with(answer, signed_in=False)

    def test_of_a_role_that_does_not_reach(self, addresses: dict[str, str], client: Client) -> None:  # noqa: F811
        client.force_login(member(Role.VIEWER, CancellationRequest.objects.get().shop))
        answer = client.post(addresses["cancellations:approve"])
        assert answer.status_code == 403
        assert not wrong_with(answer, signed_in=True)

    @pytest.mark.parametrize(
        ("more", "code"),
        [({"CONTENT_LENGTH": "100000001"}, 413), ({"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}, 411)],
    )
    @pytest.mark.parametrize("address", ["/accounts/login/", "/api/v1/decisions/"])
    def test_of_a_body_that_is_not_read(self, client: Client, address: str, more: dict[str, Any], code: int) -> None:
        answer = client.generic("POST", address, **more)
        assert answer.status_code == code
        assert not wrong_with(answer, signed_in=False)

    def test_of_ourselves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = Client(raise_request_exception=False)
        client.force_login(UserFactory())
        monkeypatch.setattr("shops.views.shops.render", lambda *_: 1 / 0)
        answer = client.get(reverse("shops:list"))
        assert answer.status_code == 500
        assert not wrong_with(answer, signed_in=True)


class TestAnAddressThatOnlyTakesForms:
    @pytest.mark.parametrize("name", sorted(ONLY_POST - {"cancellations:remove_evidence"}))
    def test_tells_somebody_who_comes_by_a_link_so(self, addresses: dict[str, str], name: str) -> None:  # noqa: F811
        client = Client()
        client.force_login(UserFactory())
        answer = client.get(addresses[name])
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        assert "Only a form leads here" in answer.content.decode()
        assert reverse("cancellations:queue") in answer.content.decode()

    def test_says_no_more_than_before_to_a_fragment_the_api_and_nobody(self, addresses: dict[str, str]) -> None:  # noqa: F811
        client = Client()
        client.force_login(UserFactory())
        assert client.get(addresses["cancellations:close"], headers={"HX-Request": "true"}).content == b""
        assert client.put("/api/v1/orders/").json()["type"] == "/problems/method-not-allowed"
        assert Client().get("/webhooks/tiktok_shop/").content == b""


class TestFiles:
    def test_an_image_is_kept_by_nobody_but_the_browser_and_taken_for_nothing_else(
        self,
        client: Client,
        addresses: dict[str, str],  # noqa: F811
    ) -> None:
        image = Evidence.objects.exclude(decision=None).get()
        assert image.decision
        client.force_login(member(Role.VIEWER, image.decision.shop))
        for name, mime_type in (("evidence", "image/png"), ("thumbnail", "image/jpeg")):
            answer = client.get(addresses[f"cancellations:{name}"])
            b"".join(getattr(answer, "streaming_content", ()))
            assert answer["Content-Type"] == mime_type
            assert answer["Cache-Control"].startswith("private")
            assert not wrong_with(answer, signed_in=True)


class TestCookies:
    def test_no_script_reads_them_and_no_other_site_sends_a_form_with_them(self, client: Client) -> None:
        person = UserFactory(password="a word nobody else has")
        client.get(reverse("account_login"))
        client.post(reverse("account_login"), {"login": person.email, "password": "a word nobody else has"})
        assert {"sessionid", "csrftoken"} <= set(client.cookies)
        for name, cookie in client.cookies.items():
            assert cookie["httponly"] and cookie["samesite"] == "Lax", name

    def test_scripts_take_the_token_from_forms(self, settings: Any) -> None:
        for script in (settings.BASE_DIR / "static").glob("*.js"):
            assert "document.cookie" not in script.read_text(), script
