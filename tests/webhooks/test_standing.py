"""An endpoint goes no further than its owner does today, and somebody can always stop it."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.models import Entry
from shops.models import Membership, Role, Shop
from tests.factories import ShopFactory
from tests.webhooks.conftest import happened
from tests.webhooks.receiver import Receiver
from webhooks import endpoints
from webhooks.delivery import deliver
from webhooks.models import Delivery, Endpoint
from webhooks.relay import relay

pytestmark = pytest.mark.django_db


def test_whoever_is_no_manager_any_more_sends_nothing_out(
    owner: User, shop: Shop, endpoint: Endpoint, receiver: Receiver
) -> None:
    happened(shop, "decision:1")
    relay()
    owner.memberships.update(role=Role.VIEWER)
    happened(shop, "decision:2")
    relay()
    deliver(endpoint.pk)
    assert receiver.tried == []
    assert Delivery.objects.get().problem == Delivery.Problem.NOT_SEEN


def test_of_shops_that_one_only_sees_nothing_goes_out(owner: User, endpoint: Endpoint, receiver: Receiver) -> None:
    seen = ShopFactory()
    Membership.objects.create(user=owner, shop=seen, role=Role.AGENT)
    happened(seen, "decision:1")
    relay()
    assert not Delivery.objects.exists()
    with pytest.raises(ValidationError, match="manage"):
        endpoints.change(endpoint, owner, endpoints.Wish("ERP", receiver.url, [], [seen]))


def test_of_who_has_left_the_house_nothing_goes_out(owner: User, shop: Shop, endpoint: Endpoint) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)
    happened(shop, "decision:1")
    relay()
    assert not Delivery.objects.exists()


def test_its_owner_can_stop_it_whatever_became_of_the_role(owner: User, shop: Shop, endpoint: Endpoint) -> None:
    owner.memberships.all().delete()
    endpoints.pause(endpoint, owner)
    assert endpoint.state == Endpoint.State.PAUSED
    with pytest.raises(PermissionDenied):
        endpoints.resume(endpoint, owner)
    endpoints.remove(endpoint, owner)
    assert not Endpoint.objects.exists()


def test_a_superuser_can_stop_that_of_somebody_else(endpoint: Endpoint, admin_client: Client) -> None:
    chosen = {"action": "pause", "_selected_action": [endpoint.pk]}
    admin_client.post(reverse("admin:webhooks_endpoint_changelist"), chosen)
    endpoint.refresh_from_db()
    assert endpoint.state == Endpoint.State.PAUSED
    assert Entry.objects.get(action="endpoint.paused").actor != endpoint.owner


def test_a_test_says_why_nothing_would_be_tried(endpoint: Endpoint, owner: User) -> None:
    for state, why in ((Endpoint.State.PAUSED, "paused"), (Endpoint.State.GONE, "wants no more")):
        endpoint.state = state
        endpoint.save()
        with pytest.raises(ValidationError, match=why):
            endpoints.test(endpoint, owner)
