"""The API keeps to its own description, whatever schemathesis thinks of: no 500, no status and no field unheard of."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections
from hypothesis import HealthCheck
from hypothesis import settings as examples
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Scope
from accounts.tokens import make_token
from cancellations.models import Batch, CancellationRequest
from config import contract
from config.wsgi import application
from tests.config.test_api import addresses
from tests.config.test_api import cancellation as cancellation
from tests.factories import CancellationFactory, OrderFactory
from webhooks import endpoints

pytestmark = pytest.mark.django_db


def no_fault_of_ours(_context: Any, response: Any, _case: Case[Any]) -> None:
    """The marketplace is not there, which is a 503."""
    assert response.status_code == 503 or response.status_code < 500, response.text


CHECKS = [
    no_fault_of_ours,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {
            "max-examples": 6, "deterministic": True, "with-security-parameters": False, "no-shrink": True,
            "allow-x00": False,
        },
        "phases": {"coverage": {"unexpected-methods": []}},
    }
)  # fmt: skip
SCHEMA = schemathesis.openapi.from_dict(contract.schema(), config=CONFIG)
SCHEMA.app = application


class Rows:
    """What is here to be asked about, by the names that paths and bodies have for it."""

    def __init__(self, cancellation: CancellationRequest) -> None:
        decision = cancellation.decisions.get()
        assert decision.made_by
        decision.made_by.is_superuser = True
        decision.made_by.save()
        _row, self.token = make_token(decision.made_by, Scope.ADMIN, 1)
        self.fresh = CancellationFactory(order=OrderFactory(shop=cancellation.shop))
        self.by_name = {
            "cancellation": self.fresh.pk, "cancellation_pk": cancellation.pk, "shop_pk": cancellation.shop_id,
            "batch_pk": Batch.objects.get().pk, "order": cancellation.order_id, "shop": cancellation.shop_id,
        }  # fmt: skip
        parts = [address.split("/") for address in addresses(cancellation)]
        self.by_folder = {part[3]: int(part[4]) for part in parts if part[4:] and part[4].isdigit()}
        endpoint = endpoints.make(decision.made_by, endpoints.Wish("ERP", "http://127.0.0.1:9/"))
        self.by_folder["endpoints"] = endpoint.pk
        self.by_folder["deliveries"] = endpoints.test(endpoint, decision.made_by).pk

    def put_into(self, case: Case[Any]) -> None:
        """Ids that are there, where the path and the body name any."""
        folder = case.path.split("/")[3]
        for name in case.path_parameters or {}:
            known = self.by_folder.get(folder) if name in ("id", "code") else self.by_name.get(name)
            if known:
                case.path_parameters[name] = known
        if isinstance(case.body, dict):
            for name in {*case.body} & {*self.by_name}:
                case.body[name] = self.by_name[name]
            if "cancellations" in case.body:
                case.body["cancellations"] = [self.fresh.pk]


@pytest.fixture
def rows(cancellation: CancellationRequest, settings: Any) -> Iterator[Rows]:
    settings.WEBHOOK_ALLOW_PRIVATE = ["127.0.0.0/8"]
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)  # they would close the test's own
    logging.disable(logging.CRITICAL)
    yield Rows(cancellation)
    logging.disable(logging.NOTSET)
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


@SCHEMA.parametrize()
@examples(deadline=None, database=None, suppress_health_check=[*HealthCheck])
def test_every_answer_is_as_described(case: Case[Any], rows: Rows) -> None:
    rows.put_into(case)
    case.call_and_validate(headers={"Authorization": f"Token {rows.token}"}, checks=CHECKS)
