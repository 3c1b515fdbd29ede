"""One matrix: every address of the screens and of the API × everybody who may knock, and what each of them needs."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse

from accounts.models import Scope, User
from accounts.tokens import make_token
from cancellations.models import CancellationRequest
from shops.models import Membership, Permission, Role, Shop, ShopGroup
from tests.config.test_api import addresses as api_addresses
from tests.config.test_api import ask, cancellation  # noqa: F401 - a row with everything on it
from tests.config.test_strangers import ONLY_GET, ONLY_POST, OWN, PERSONAL, READ, WRITE, addresses, names_of  # noqa: F401
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db
Need = Role | Permission

# What each address takes in the shop that its row belongs to. READ takes no more than to see the shop.
SCREENS: dict[str, Need] = {
    **dict.fromkeys(READ, Role.VIEWER),
    "cancellations:approve": Permission.APPROVE,
    "cancellations:reject": Permission.REJECT,
    "cancellations:add_evidence": Permission.REJECT,
    "cancellations:ship": Permission.SHIP_TO_REJECT,
    "cancellations:cancel_items": Permission.CANCEL_ITEMS,
    "cancellations:afterwards": Permission.CANCEL_ITEMS,
    **dict.fromkeys(
        [
            "shops:renew", "shops:renew_sign_in", "shops:register_pushes", "shops:remove_pushes",
            "cancellations:disconnect",
        ],
        Permission.CONNECT,
    ),
    # The decision of these rows is a rejection.
    "cancellations:countersign": Permission.REJECT,
    "cancellations:decline": Permission.REJECT,
    **dict.fromkeys(
        [
            "cancellations:ask_again", "cancellations:record_request", "cancellations:close", "cancellations:handle",
            "cancellations:claim", "cancellations:take_over", "cancellations:let_go", "cancellations:assign",
            "cancellations:note", "gate:pulled", "truth:repair",
        ],
        Role.AGENT,
    ),
    # Somebody else made the decision of these rows.
    **dict.fromkeys(
        [
            "cancellations:undo", "cancellations:set_aside", "cancellations:templates", "cancellations:template",
            "cancellations:delete_template", "shops:sync", "shops:members", "shops:member", "shops:remove_member",
            "truth:check",
            "safety:net", "safety:switch_off", "safety:ladder", "safety:chat", "safety:test",
        ],
        Role.MANAGER,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Somebody with a part in the shop, and all that they have in it."""

    name: str
    make: Callable[[Shop], User]
    has: frozenset[Need]


def with_list(role: Role, *permissions: Permission) -> Callable[[Shop], User]:
    def make(shop: Shop) -> User:
        person = member(role, shop)
        person.memberships.update(permissions=list(permissions))
        return person

    return make


def through_a_group(role: Role) -> Callable[[Shop], User]:
    def make(shop: Shop) -> User:
        group = ShopGroup.objects.create(name=f"Group {ShopGroup.objects.count()}")
        group.shops.add(shop)
        person = UserFactory()
        Membership.objects.create(user=person, group=group, role=role)
        return person

    return make


def of(role: Role) -> frozenset[Need]:
    return frozenset({*Role.at_most(role), *Permission.of_role(role)})


PEOPLE = [
    Person("a viewer", lambda shop: member(Role.VIEWER, shop), of(Role.VIEWER)),
    Person("an agent", lambda shop: member(Role.AGENT, shop), of(Role.AGENT)),
    Person("a manager", lambda shop: member(Role.MANAGER, shop), of(Role.MANAGER)),
    Person("an agent through a group", through_a_group(Role.AGENT), of(Role.AGENT)),
    Person("a superuser", lambda shop: UserFactory(is_superuser=True), of(Role.MANAGER)),
    Person("a viewer with a list", with_list(Role.VIEWER, *Permission), of(Role.VIEWER)),
    Person("a manager without permissions", with_list(Role.MANAGER), frozenset(Role)),
    *(
        Person(f"an agent who may {one}", with_list(Role.AGENT, one), frozenset({Role.VIEWER, Role.AGENT, one}))
        for one in Permission
    ),
]
NO = {401, 403, 404}  # and 503 is the marketplace's, which nothing here speaks to


@contextmanager
def undone(method: str) -> Iterator[None]:
    """As if it had not been sent, so that each finds the rows as they were."""
    if method == "get":  # changes nothing, and may ask the marketplace, which is not done inside a transaction
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def signed_in(person: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def status(answer: Any) -> int:
    if answer.streaming:
        b"".join(answer)  # an image comes as an open file, which is closed at its end
    return int(answer.status_code)


def test_every_address_of_a_shops_rows_says_what_it_takes() -> None:
    assert set(SCREENS) == READ | WRITE


@pytest.mark.parametrize("name", sorted(SCREENS))
def test_a_screen_opens_to_those_who_have_what_it_takes_and_to_no_others(
    addresses: dict[str, str],  # noqa: F811
    name: str,
) -> None:
    shop = CancellationRequest.objects.get().shop
    method = "get" if name in READ else "post"
    for person in PEOPLE:
        with undone(method):
            found = status(getattr(signed_in(person.make(shop)), method)(addresses[name]))
        expected = SCREENS[name] in person.has
        assert (found not in NO and found != 500) == expected, f"{person.name}: {found}"
        assert expected or found == 403, f"{person.name}: {found}"


@pytest.mark.parametrize("name", sorted(READ | WRITE | OWN))
def test_to_strangers_a_row_is_not_there(addresses: dict[str, str], name: str) -> None:  # noqa: F811
    method = "get" if name in READ | ONLY_GET else "post"
    strangers = [
        member(Role.MANAGER, ShopFactory()),
        through_a_group(Role.MANAGER)(ShopFactory()),
        UserFactory(),
        UserFactory(is_staff=True),
    ]
    for stranger in strangers:
        assert status(getattr(signed_in(stranger), method)(addresses[name])) == 404


# --- the API ----------------------------------------------------------------------------------------------------------


def needed(address: str, method: str, row: CancellationRequest) -> tuple[Need, dict[str, Any]]:
    """What an address takes and a body that gets as far as asking for it; lists are everybody's own."""
    approve = {"verdict": "approve", "cancellation": row.pk}
    by_end: dict[str, tuple[Need, dict[str, Any]]] = {
        "/decisions/": (Permission.APPROVE, approve),
        "/cancellations/": (Role.AGENT, {"order": row.order_id, "heard_through": "email"}),
        "/close/": (Role.AGENT, {"note": "Looked into it."}),
        "/withdraw/": (Role.MANAGER, {}),  # somebody else's decision
        "/countersign/": (Permission(row.decisions.get().verdict), {}),
        "/decline/": (Permission(row.decisions.get().verdict), {"note": "No."}),
        "/ask-again/": (Role.AGENT, {}),
        "/set-aside/": (Role.MANAGER, {"note": "Looked into it."}),
        "/handle/": (Role.AGENT, {}),
        "/sync/": (Role.MANAGER, {}),
        "/exports/": (Permission.EXPORT, {"kind": "requests", "filters": {"shop": str(row.shop_id)}}),
        "/done/": (Role.AGENT, {}),
        "/evidence/": (Permission.REJECT, {}),
        "/refund-preview/": (Permission.CANCEL_ITEMS, {}),
        "/notes/": (Role.AGENT, {"text": "Called back."}),
        "/claim/": (Role.AGENT, {}),
        # Any manager may have a net that only tells people.
        "/safety-net/": (Role.MANAGER, {"action": "tell", "minutes": 30}),
        "/ladder/": (Role.MANAGER, {"rungs": []}),
        "/assignee/": (Role.AGENT, {"to": None}),
        "/repair/": (Role.AGENT, {"repair": "read_again"}),
        "/truth/": (Role.MANAGER, {}),
    }
    if method == "get":
        return Role.VIEWER, {}
    return next(need for end, need in by_end.items() if address.endswith(end))


def everything(row: CancellationRequest) -> list[tuple[str, str]]:
    """All but what belongs to one person, or answers row by row: tried in tests/cancellations/test_api_*."""
    own = re.compile(r"/v1/(batches/.*|evidence/\d+/|decisions/bulk/)$")
    return [
        (address, method)
        for address, methods in api_addresses(row).items()
        for method in methods
        if not own.search(address)
    ]


def test_the_api_lets_in_those_who_have_what_it_takes_and_no_others(
    cancellation: CancellationRequest,  # noqa: F811
) -> None:
    for address, method in everything(cancellation):
        need, body = needed(address, method, cancellation)
        for person in PEOPLE:
            with undone(method):
                found = status(ask(signed_in(person.make(cancellation.shop)), method, address, body))
            expected = need in person.has
            assert (found not in NO and found != 500) == expected, f"{method} {address} by {person.name}: {found}"


@pytest.mark.parametrize("scope", Scope)
def test_a_token_opens_no_more_than_its_scope(cancellation: CancellationRequest, scope: Scope) -> None:  # noqa: F811
    has = of({Scope.READ: Role.VIEWER, Scope.DECIDE: Role.AGENT, Scope.ADMIN: Role.MANAGER}[scope])
    for address, method in everything(cancellation):
        need, body = needed(address, method, cancellation)
        with undone(method):
            found = status(ask(bearing(member(Role.MANAGER, cancellation.shop), scope), method, address, body))
        assert (found not in NO and found != 500) == (need in has), f"{method} {address}: {found}"


def test_a_token_for_other_shops_finds_nothing_here(cancellation: CancellationRequest) -> None:  # noqa: F811
    other = ShopFactory()
    client = bearing(member(Role.MANAGER, cancellation.shop, other), Scope.ADMIN, other)
    for address, method in everything(cancellation):
        _need, body = needed(address, method, cancellation)
        answer = ask(client, method, address, body)
        if method == "get" and any(address.endswith(f"/v1/{kind}/") for kind in LISTS):
            assert str(cancellation.order_marketplace_id) not in answer.content.decode(), address
        else:
            # A body that names a foreign row is told that there is none.
            assert status(answer) in ({404, 400} if method == "post" else {404}), address


LISTS = (
    "shops", "orders", "cancellations", "decisions", "announcements", "audit", "health", "cancelled-lines", "exports",
    "pull-tasks", "disagreements", "tellings",
)  # fmt: skip


def bearing(person: User, scope: Scope, *shops: Shop) -> Client:
    _row, text = make_token(person, scope, 1, shops=shops or None)
    return Client(headers={"Authorization": f"Token {text}"}, raise_request_exception=False)


def test_nobody_is_let_in_anywhere_without_signing_in(
    addresses: dict[str, str],  # noqa: F811
    client: Client,
) -> None:
    for name in sorted(names_of(get_resolver()) & (PERSONAL | READ | WRITE | OWN)):
        answer = client.get(addresses.get(name) or reverse(name))
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("account_login")), name
    assert ONLY_POST <= READ | WRITE | OWN
