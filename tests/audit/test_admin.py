"""What is done in the admin, in the audit log: with before and after, and without secrets."""

import json

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse

from audit.changes import is_secret, open_columns
from audit.models import Entry
from config.admin import Audited
from shops.encryption import EncryptedTextField
from shops.models import Membership, MoneyCap, Role
from tests.config.test_admin import OURS, management_form, root  # noqa: F401
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db


def test_every_model_of_ours_is_audited_in_the_admin() -> None:
    assert [
        model
        for model, model_admin in admin.site._registry.items()
        if model._meta.app_label in (*OURS, "audit", "account", "mfa") and not isinstance(model_admin, Audited)
    ] == []


def test_no_encrypted_column_is_told_with_a_row_that_is_deleted() -> None:
    told, secrets = set(), set()
    for model in apps.get_models():
        columns = [field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]
        if columns:
            secrets |= {f"{model.__name__}.{name}" for name in columns}
            told |= {f"{model.__name__}.{name}" for name in open_columns(model)}
    assert len(secrets) > 3
    assert not told & secrets
    assert all(is_secret(name) for name in ("password", "new_app_secret", "digest"))


def test_a_row_that_is_made_changed_and_deleted_leaves_three_entries(root: Client) -> None:  # noqa: F811
    address = reverse("admin:shops_moneycap_add")
    root.post(address, {"role": "agent", "currency": "USD", "amount": "100"})
    cap = MoneyCap.objects.get()
    change = reverse("admin:shops_moneycap_change", args=[cap.pk])
    root.post(change, {"role": "agent", "currency": "USD", "amount": "250.50"})
    root.post(change, {"role": "agent", "currency": "USD", "amount": "250.50"})  # nothing new
    root.post(reverse("admin:shops_moneycap_delete", args=[cap.pk]), {"post": "yes"})
    made, changed, deleted = Entry.objects.order_by("pk")
    assert (made.action, made.before, made.after) == (
        "money_cap.added", {}, {"role": "agent", "currency": "USD", "amount": "100"},
    )  # fmt: skip
    assert (changed.before, changed.after) == ({"amount": "100.0000"}, {"amount": "250.50"})
    assert (deleted.action, deleted.before["amount"], deleted.after) == ("money_cap.deleted", "250.5000", {})
    assert {entry.via for entry in (made, changed, deleted)} == {"admin"}
    assert made.actor


def test_many_rows_that_are_deleted_at_once_leave_an_entry_each(root: Client) -> None:  # noqa: F811
    caps = [MoneyCap.objects.create(role="agent", currency=currency, amount=1) for currency in ("EUR", "USD")]
    form = {"action": "delete_selected", ACTION_CHECKBOX_NAME: [cap.pk for cap in caps], "post": "yes"}
    root.post(reverse("admin:shops_moneycap_changelist"), form)
    assert [entry.before["currency"] for entry in Entry.objects.filter(action="money_cap.deleted").order_by("pk")]
    assert not MoneyCap.objects.exists()


def test_a_membership_that_is_changed_on_the_shops_page_stands_in_the_shops_log(root: Client) -> None:  # noqa: F811
    shop = ShopFactory()
    member(Role.VIEWER, shop)
    rows = list(Membership.objects.filter(shop=shop))
    form = {
        "is_active": "on", "time_zone": "Europe/London", "new_cipher": "another-cipher",
        **management_form("memberships", rows), "memberships-0-role": "manager",
    }  # fmt: skip
    answer = root.post(reverse("admin:shops_shop_change", args=[shop.pk]), form)
    assert answer.status_code == 302, answer.context["errors"]
    of_shop, of_member = Entry.objects.filter(shop_id=shop.pk).order_by("pk")
    assert (of_shop.action, of_shop.after) == ("shop.changed", {"cipher": "changed"})
    assert (of_member.action, of_member.before, of_member.after) == (
        "membership.changed", {"role": "viewer"}, {"role": "manager"},
    )  # fmt: skip
    assert "another-cipher" not in json.dumps(list(Entry.objects.values()), default=str)


def test_a_person_who_is_made_and_shut_out_is_in_the_log_and_their_password_is_not(root: Client) -> None:  # noqa: F811
    secret = "correct horse battery"
    form = {"email": "new@example.test", "usable_password": "true", "password1": secret, "password2": secret}
    answer = root.post(reverse("admin:accounts_user_add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    person = UserFactory()
    change = reverse("admin:accounts_user_change", args=[person.pk])
    answer = root.post(change, {"email": person.email, "first_name": person.first_name, "time_zone": "UTC"})
    assert answer.status_code == 302, answer.context["errors"]
    root.post(reverse("admin:auth_user_password_change", args=[person.pk]), {**form, "usable_password": "true"})
    made, changed, password = Entry.objects.filter(action__startswith="user.").order_by("pk")
    assert (made.after["email"], made.after["password"]) == ("new@example.test", "changed")
    assert (changed.before, changed.after) == ({"is_active": True}, {"is_active": False})
    assert password.after == {"password": "changed"}
    assert secret not in json.dumps(list(Entry.objects.values()), default=str)


def test_a_change_that_is_refused_leaves_no_entry(root: Client) -> None:  # noqa: F811
    root.post(reverse("admin:shops_moneycap_add"), {"role": "agent", "currency": "USD", "amount": "-1"})
    assert not Entry.objects.exists()


def test_entries_are_read_only_and_for_superusers_alone(root: Client, client: Client) -> None:  # noqa: F811
    root.post(reverse("admin:shops_moneycap_add"), {"role": "agent", "currency": "USD", "amount": "1"})
    entry = Entry.objects.get()
    assert root.get(reverse("admin:audit_entry_changelist")).status_code == 200
    for page in ("change", "delete"):
        assert root.post(reverse(f"admin:audit_entry_{page}", args=[entry.pk]), {"post": "yes"}).status_code == 403
    assert root.post(reverse("admin:audit_entry_add")).status_code == 403
    client.force_login(member(Role.MANAGER, ShopFactory(), is_staff=True))
    assert client.get(reverse("admin:audit_entry_changelist")).status_code == 403
