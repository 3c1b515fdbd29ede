"""Our database connected to a running simulator: what tests of sync, delivery and screens stand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from cancellations import sync
from cancellations.calls import target_of
from cancellations.checks import Details
from cancellations.decisions import cancel_items, decide
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.recording import Heard, record
from cancellations.shipping import Shipping
from marketplaces.records import Tokens
from orders.models import LineItem, Order
from shops.connecting.sellers import Account, connect, connect_with_password
from shops.models import Role, Shop
from shops.tokens import adapter_for
from tests.factories import member
from tests.sandbox_process import SandboxProcess


@dataclass
class World:
    """The simulator, and the staff member and the shops that we have for it."""

    sandbox: SandboxProcess
    agent: User

    def shop(self, region: str) -> Shop:
        return Shop.objects.select_related("connection").filter(region=region).order_by("pk")[0]

    def sync(self, region: str) -> None:
        for run in sync.pull(self.shop(region)):
            assert run.state == run.State.SUCCEEDED, run.error

    def asked(self, region: str, **how: object) -> CancellationRequest:
        """A request that a buyer of this market has just made, read by us."""
        shop = self.shop(region)
        told = self.sandbox.ask_to_cancel(shop_id=shop.marketplace_id, **how)
        sync.read_requests_of_order(shop, told["order_id"])
        return CancellationRequest.objects.get(shop=shop, marketplace_id=told["cancel_id"])

    def asked_about(self, region: str, **of_order: object) -> CancellationRequest:
        """A request about an order of ours that has these columns and that no request is about yet."""
        order = self.orders(region, **of_order)[0]
        return self.asked(region, order_id=order.marketplace_id)

    def orders(self, region: str, **of_order: object) -> list[Order]:
        """Orders that wait to be shipped and that nobody asked to cancel."""
        return list(
            Order.objects.filter(
                shop=self.shop(region),
                status="AWAITING_SHIPMENT",
                cancellations=None,
                fulfillment_type="seller",
                **of_order,
            ).order_by("pk")
        )

    def now(self) -> "World":
        """Let every undo window end."""
        Decision.objects.filter(state=Decision.State.RECORDED).update(
            send_after=timezone.now() - timedelta(seconds=1), due_at=timezone.now() - timedelta(seconds=1)
        )
        return self

    def skip_waiting(self, decision: Decision) -> None:
        Decision.objects.filter(pk=decision.pk).update(due_at=timezone.now() - timedelta(seconds=1))

    def approve(self, cancellation: CancellationRequest) -> Decision:
        return decide(cancellation, Verdict.APPROVE, self.agent)

    def reject(self, cancellation: CancellationRequest, reason: str, **details: object) -> Decision:
        return decide(cancellation, Verdict.REJECT, self.agent, Details(reason=reason, **details))  # type: ignore[arg-type]

    def ship(self, cancellation: CancellationRequest, **shipping: object) -> Decision:
        return decide(
            cancellation,
            Verdict.SHIP_TO_REJECT,
            self.agent,
            Details(shipping=Shipping(**shipping)),  # type: ignore[arg-type]
        )

    def cancel_items(self, order: Order, items: dict[int, int], reason: str) -> Decision:
        return cancel_items(order, items, self.agent, reason)

    def effects(self, about: CancellationRequest | Order, *, by: str = "seller") -> list[str]:
        """What the simulator's ledger says that sellers did to an order: once each, or something is wrong."""
        order_id = about.order_marketplace_id if isinstance(about, CancellationRequest) else about.marketplace_id
        return [entry["effect"] for entry in self.sandbox.effects(order_id=order_id) if entry["actor"] == by]


@dataclass
class SupplierWorld(World):
    """A supplier at a marketplace that shows no requests; retailers ask there, and somebody here writes it down."""

    supplier: Shop

    def orders_of(self, state: str = "open", **of_order: object) -> list[Order]:
        """Our orders that stand like this over there: open, pending, …"""
        told = self.sandbox.get("crux/orders", supplier=self.supplier.marketplace_id, state=state)["orders"]
        ids = [order["order_uuid"] for order in told]
        return list(Order.objects.filter(shop=self.supplier, marketplace_id__in=ids, **of_order).order_by("pk"))

    def ask(self, order: Order, line_item: LineItem | None = None) -> None:
        """The retailer asks to cancel, over there."""
        line = {"line_item_uuid": line_item.marketplace_id} if line_item else {}
        self.sandbox.post("retailer", action="request", order_uuid=order.marketplace_id, **line)

    def recorded(self, order: Order, line_item: LineItem | None = None) -> CancellationRequest:
        """A request that the retailer made there and that our agent has written down here."""
        self.ask(order, line_item)
        return record(order, line_item, self.agent, Heard())

    def pull(self) -> None:
        for run in sync.pull(Shop.objects.select_related("connection").get(pk=self.supplier.pk)):
            assert run.state == run.State.SUCCEEDED, run.error

    def effects(self, about: CancellationRequest | Order, *, by: str = "seller") -> list[str]:
        order_id = about.order_marketplace_id if isinstance(about, CancellationRequest) else about.marketplace_id
        entries = self.sandbox.effects(order_id=order_id, shop_id=self.supplier.marketplace_id)
        return [entry["effect"] for entry in entries if entry["actor"] == by]


def confirmed_elsewhere(request: CancellationRequest) -> None:
    """By a colleague, without us."""
    adapter_for(request.shop).approve(target_of(request), "")


def supplier_world(sandbox: SandboxProcess) -> SupplierWorld:
    """Connect the simulator's suppliers, who sign in with a name and a password, and pull them once."""
    for seller in sandbox.credentials()["connections"]:
        if not seller["access_token"]:
            account = Account(seller["marketplace"], seller["app_key"], seller["app_secret"], seller["api_url"])
            connect_with_password(account)
    shops = list(Shop.objects.select_related("connection").order_by("pk"))
    for one in shops:
        sync.pull(one)
    return SupplierWorld(sandbox, member(Role.AGENT, *shops), shops[0])


def connected_world(sandbox: SandboxProcess, *, pulled: Sequence[str] = ()) -> World:
    """Connect every shop of the simulator and pull it once, or those of these regions alone."""
    told = sandbox.credentials()
    for shop in {shop["access_token"]: shop for shop in told["shops"]}.values():
        ends = timezone.now() + timedelta(days=6)
        tokens = Tokens(shop["access_token"], ends, shop["refresh_token"], ends, seller_name=shop["name"])
        connect(Account("tiktok_shop", told["app_key"], told["app_secret"], sandbox.url, sandbox.url), tokens)
    for one in Shop.objects.select_related("connection"):
        if not pulled or one.region in pulled:
            sync.pull(one)
    return World(sandbox, member(Role.AGENT, *Shop.objects.all()))
