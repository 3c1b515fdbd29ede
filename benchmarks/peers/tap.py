"""A Singer tap of the order search, as one writes it with Meltano's SDK. Its config names `api_url`."""

import time
from collections.abc import Mapping
from typing import Any

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th

PAGE_SIZE = 100  # the most that the marketplace gives


class Orders(RESTStream):
    """Every order with its lines, which stay JSON in a column."""

    name = "orders"
    path = "/order/202309/orders/search"
    http_method = "POST"
    payload_as_json = True
    primary_keys = ("id",)
    replication_key = "update_time"
    records_jsonpath = "$.data.orders[*]"
    next_page_token_jsonpath = "$.data.next_page_token"
    schema = th.PropertiesList(
        *(
            th.Property(name, th.StringType)
            for name in (
                "id", "status", "user_id", "buyer_message", "cancel_reason", "fulfillment_type", "shipping_type",
                "shipping_provider", "tracking_number", "warehouse_id", "payment_method_name",
            )
        ),
        *(th.Property(name, th.IntegerType) for name in ("create_time", "update_time", "paid_time", "rts_sla_time")),
        th.Property("payment", th.ObjectType(additional_properties=True)),
        th.Property("recipient_address", th.ObjectType(additional_properties=True)),
        th.Property("line_items", th.ArrayType(th.ObjectType(additional_properties=True))),
    ).to_dict()  # fmt: skip

    @property
    def url_base(self) -> str:
        return self.config["api_url"]

    def get_url_params(self, context: Mapping[str, Any] | None, next_page_token: str | None) -> dict[str, Any]:
        params = {"page_size": PAGE_SIZE, "app_key": "app", "shop_cipher": "cipher", "timestamp": int(time.time())}
        return params | ({"page_token": next_page_token} if next_page_token else {})

    def prepare_request_payload(self, context: Mapping[str, Any] | None, next_page_token: str | None) -> dict[str, int]:
        return {"update_time_ge": 0, "update_time_lt": int(time.time())}


class OrdersTap(Tap):
    name = "tap-orders"
    config_jsonschema = th.PropertiesList(th.Property("api_url", th.StringType, required=True)).to_dict()

    def discover_streams(self) -> list[Orders]:
        return [Orders(self)]


if __name__ == "__main__":
    OrdersTap.cli()
