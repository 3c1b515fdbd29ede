"""From every row of the admin to where staff see it, and the verbs of staff on many rows."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cancellations.models import Batch, CancellationRequest, Decision, Evidence
from config.admin import BELONGS_TO
from exports.models import Export
from shops.models import Connection, Membership
from tests.config.test_admin import everything, root  # noqa: F401
from tests.config.test_api import cancellation  # noqa: F401
from tests.factories import DecisionFactory, UserFactory
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db


def models_with_a_page() -> list[Any]:
    """All whose rows have a page, or belong to something that has one."""
    return [
        model
        for model in admin.site._registry
        if model not in (Batch, Delivery, Endpoint, Export)  # whose pages are for who made them
        and (
            hasattr(model, "get_absolute_url")
            or model in (User, Connection)
            or any(field.name in BELONGS_TO for field in model._meta.concrete_fields)
        )
    ]


def test_every_row_leads_to_where_staff_see_it(everything: CancellationRequest, root: Client) -> None:  # noqa: F811
    seen = set()
    for model in models_with_a_page():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for row in model._default_manager.all()[:3]:
            if isinstance(row, Membership) and row.shop is None:  # it is about a group
                continue
            if isinstance(row, Evidence) and row.decision is None:  # nobody's yet but who uploaded it
                continue
            page = root.get(reverse(f"{name}_change", args=[row.pk]))
            address = page.context.get("absolute_url")
            assert address, row
            assert f'href="{address}"' in page.content.decode(), row
            assert root.get(address).status_code == 200, address
            seen.add(model._meta.model_name)
    assert seen >= {
        "shop", "order", "cancellationrequest", "decision", "user", "connection", "membership", "lineitem", "event",
        "commenttemplate", "batchitem",
    }  # fmt: skip


def test_lists_lead_there_too(everything: CancellationRequest, root: Client) -> None:  # noqa: F811
    rows: list[tuple[str, Any]] = [
        ("orders_order", everything.order),
        ("cancellations_cancellationrequest", everything),
        ("cancellations_decision", everything.decisions.get()),
        ("shops_shop", everything.shop),
    ]
    for name, row in rows:
        assert (
            f'<a href="{row.get_absolute_url()}">Open</a>'
            in root.get(reverse(f"admin:{name}_changelist")).content.decode()
        )


def test_a_person_leads_to_what_they_did(everything: CancellationRequest, root: Client) -> None:  # noqa: F811
    person = everything.decisions.get().made_by
    assert person
    page = root.get(reverse("admin:accounts_user_change", args=[person.pk]))
    entries = root.get(page.context["absolute_url"]).context["page"].rows
    assert {entry.actor for entry in entries} == {person}


def test_an_authorization_leads_to_the_pages_that_renew_and_end_it(
    everything: CancellationRequest,  # noqa: F811
    root: Client,  # noqa: F811
) -> None:
    page = root.get(reverse("admin:shops_connection_change", args=[everything.shop.connection_id])).content.decode()
    assert f'href="{reverse("cancellations:disconnect", args=[everything.shop_id])}"' in page
    assert f'href="{everything.shop.get_absolute_url()}">Renew the authorization</a>' in page


def test_decisions_are_countersigned_by_the_verb_of_staff(root: Client) -> None:  # noqa: F811
    waiting, own = (DecisionFactory(state=Decision.State.UNSIGNED) for _ in range(2))
    Decision.objects.filter(pk=own.pk).update(made_by=User.objects.get(is_superuser=True))
    sent = DecisionFactory(state="sending", made_by=UserFactory())
    page = root.post(
        reverse("admin:cancellations_decision_changelist"),
        {"action": "countersign", "_selected_action": [waiting.pk, own.pk, sent.pk]},
        follow=True,
    ).content.decode()
    assert "You decided this yourself" in page
    assert {one.pk: one.state for one in Decision.objects.all()} == {
        waiting.pk: "recorded", own.pk: "unsigned", sent.pk: "sending",
    }  # fmt: skip
