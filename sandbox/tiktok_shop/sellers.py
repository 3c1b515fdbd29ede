"""The shops of the world and what they sell, out of ``markets.toml``, ``shops.toml`` and ``catalogue.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from sandbox.tiktok_shop.ids import Ids
from sandbox.tiktok_shop.records import Market, Shop, Sku

HERE = Path(__file__).parent


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text())


def make_shops(ids: Ids, regions: frozenset[str] | None = None, branches: int = 1) -> list[Shop]:
    """All shops, or those of some regions, with their products. Shops of one seller share a ``seller_id``."""
    markets = {region: _market(region, row) for region, row in read("markets.toml").items()}
    catalogue = read("catalogue.toml")
    sellers: dict[str, str] = {}
    shops = []
    for row in [_branch(row, number) for number in range(branches) for row in read("shops.toml")["shop"]]:
        seller_id = sellers.setdefault(row["seller"], "")
        if not seller_id:
            seller_id = sellers[row["seller"]] = ids.next("open")
        if regions is None or row["region"] in regions:
            shops.append(_shop(row, seller_id, markets[row["region"]], catalogue, ids))
    return shops


def _branch(row: dict[str, Any], number: int) -> dict[str, Any]:
    """The shop itself, or another of its kind, of another seller."""
    if number == 0:
        return row
    return {**row, "name": f"{row['name']} {number + 1}", "seller": f"{row['seller']} {number + 1}"}


def _market(region: str, row: dict[str, Any]) -> Market:
    carriers = [(carrier[0], carrier[1]) for carrier in row.pop("carriers")]
    return Market(region=region, carriers=carriers, **row)


def _shop(row: dict[str, Any], seller_id: str, market: Market, catalogue: dict[str, Any], ids: Ids) -> Shop:
    shop_id = ids.next("shop")
    return Shop(
        id=shop_id,
        name=row["name"],
        region=row["region"],
        seller_type=row["seller_type"],
        seller_id=seller_id,
        seller_name=row["seller"],
        cipher=f"{row['prefix']}_{ids.secret('cipher ' + row['name'], 32)}",
        code=f"{row['region']}LC{ids.secret('code ' + row['name'], 8).upper()}",
        market=market,
        warehouse_id=ids.next("warehouse"),
        own_option_id=ids.next("option"),
        platform_option_id=ids.next("option"),
        skus=[sku for kind, product in catalogue.items() for sku in _skus(kind, product, row, market, ids)],
        token_prefix=row["prefix"],
        share=row["share"],
    )


def _skus(kind: str, product: dict[str, Any], shop: dict[str, Any], market: Market, ids: Ids) -> list[Sku]:
    product_id = ids.next("product")
    price = _pretty_price(product["price"] * market.rate, market)
    return [
        Sku(
            id=ids.next("sku"),
            product_id=product_id,
            product_name=product[shop["language"]],
            name=variant,
            seller_sku=f"{kind[:4].upper()}-{place + 1:02d}-{shop['region']}",
            price=price,
            picture=f"/images/{kind}-{product['tones'][place].lstrip('#')}.svg",
        )
        for place, variant in enumerate(product["variants"])
    ]


def _pretty_price(amount: float, market: Market) -> int:
    """A price a shop would ask: ending in 90 or 00 where there are cents, in whole thousands where there are none."""
    if not market.decimals:
        return max(1000, round(amount / 1000) * 1000)
    if market.currency == "THB":
        return max(100, round(amount / 1000) * 1000 - 100)
    return max(10, round(amount / 10) * 10)
