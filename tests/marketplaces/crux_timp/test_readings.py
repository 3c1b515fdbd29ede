"""What the pages leave open, as options that an administrator can read and set."""

from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import pytest

from marketplaces.crux_timp.adapter import CruxTimp
from marketplaces.crux_timp.endpoints import HOSTS
from marketplaces.crux_timp.readings import OPTIONS, Readings, readings
from marketplaces.crux_timp.rulebook import capabilities
from marketplaces.errors import CredentialsRejected
from marketplaces.records import Credentials


def test_every_reading_is_an_option_with_a_text_and_a_default() -> None:
    assert [option.name for option in OPTIONS] == [field.name for field in fields(Readings)]
    assert readings({}) == Readings()
    for option in OPTIONS:
        assert option.text.endswith(".")
        assert getattr(Readings(), option.name) == option.default
        assert not option.choices or option.default in option.choices
        assert all(option.choices.values())


@pytest.mark.parametrize(
    ("name", "value"), [(option.name, value) for option in OPTIONS for value in option.choices or [option.default]]
)
def test_every_choice_can_be_made(name: str, value: str) -> None:
    found = readings({name: value})
    assert getattr(found, name) == value
    CruxTimp().adapter(Credentials("u", "p", options={name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("environment", "staging"),
        ("currency", "usd"),
        ("currency", "EURO"),
        ("look_back_days", "8"),
        ("look_back_days", 7),
        ("date_zone", "Denver"),
        ("date_zone", "../etc/passwd"),
        ("date_zone", ""),
        ("not_pending", "200"),
        ("cancel_title", None),
    ],
)
def test_a_value_that_makes_no_sense_is_told_to_who_keeps_the_connection(name: str, value: Any) -> None:
    with pytest.raises(CredentialsRejected, match=f"option “{name}” has to be") as rejected:
        CruxTimp().adapter(Credentials("u", "p", options={name: value}))
    assert not rejected.value.expired


def test_names_that_are_not_ours_are_passed_over() -> None:
    assert readings({"colour": "blue"}) == Readings()


def test_each_environment_has_a_host() -> None:
    (environment,) = [option for option in OPTIONS if option.name == "environment"]
    assert {f"https://{host}" for host in environment.choices.values()} == set(HOSTS.values())
    assert set(environment.choices) == set(HOSTS)


def test_what_was_made_a_week_ago_is_read_again() -> None:
    assert Readings().look_back == timedelta(days=7)


def test_the_rulebook_is_the_same_on_every_day_and_says_what_cannot_be_done() -> None:
    found = capabilities("US", date(2026, 1, 1))
    assert found == capabilities("US", date(2030, 1, 1))
    assert (found.marketplace, found.marketplace_name, found.market_name) == (
        "crux_timp",
        "Crux Connect",
        "United States",
    )
    assert (found.can_reject, found.shipping_rejects, found.silence, found.time_zone) == (True, False, "nothing", "UTC")
    assert not (found.takes_reject_reason or found.takes_comment or found.takes_images or found.takes_cancel_reason)
    assert not (found.shows_requests or found.previews_refunds or found.approve_has_key)
    assert found.announces_requests
    notices = (
        found.approve_notice,
        found.reject_notice,
        found.items_notice,
        found.requests_notice,
        found.shipping_notice,
    )
    assert all(notice and notice.text.endswith(".") for notice in notices)
    assert set(found.cancellable_order_statuses) < set(found.order_statuses)
    assert set(found.order_statuses) == set(found.status_labels)
