"""Each of TikTok Shop's codes becomes the error that says what may be done next."""

import pytest

from marketplaces.errors import CredentialsRejected, MarketplaceError, OutcomeUnknown, Refused, TemporaryFailure
from marketplaces.http import Effect
from marketplaces.tiktok_shop.failures import CODES, Says, error_for

DECIDED = [
    25011011, 25011012, 25020003, 25020009, 25020010, 25001003, 25001011, 25001045, 25001051, 25005011,
    11006021, 21008099, 21011020, 21011006, 21011040, 21011027, 21011041, 21011042,
]  # fmt: skip
NO = [
    25001001, 11050001, 25001014, 25001015, 25001016, 25001020, 25001021, 25001046, 25001057, 25005010,
    25007006, 25020004, 25020005, 21011007, 21008044, 21011022, 21011044, 21011053, 21008106, 12038005, 36009009,
    36009010, 36009014, 36009021, 36009022, 36009023, 10006402, 21008111, 99999999, -1,
]  # fmt: skip


def error(code: int, message: str = "words", effect: Effect = Effect.CHANGE, status: int = 200) -> MarketplaceError:
    return error_for(code, message, effect=effect, http_status=status, request_id="R1", retry_after=7.0)


@pytest.mark.parametrize("code", DECIDED)
def test_somebody_was_faster_is_a_refusal_to_be_read_back(code: int) -> None:
    found = error(code)
    assert isinstance(found, Refused)
    assert found.already_processed
    assert (found.code, found.message, found.request_id) == (str(code), "words", "R1")


@pytest.mark.parametrize("code", NO)
@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_definite_no_is_a_refusal(code: int, status: int) -> None:
    found = error(code, status=status)
    assert isinstance(found, Refused)
    assert not found.already_processed


@pytest.mark.parametrize("code", [36009002, 36009037, 25001028])
def test_a_lock_or_a_limit_means_that_nothing_happened(code: int) -> None:
    found = error(code)
    assert isinstance(found, TemporaryFailure)
    assert found.retry_after == 7.0


@pytest.mark.parametrize("code", [code for code, says in CODES.items() if says is Says.UNSURE])
@pytest.mark.parametrize("status", [200, 500])
def test_what_broke_inside_leaves_a_change_unknown_and_a_read_to_be_repeated(code: int, status: int) -> None:
    assert isinstance(error(code, status=status), OutcomeUnknown)
    assert isinstance(error(code, effect=Effect.READ, status=status), TemporaryFailure)
    assert isinstance(error(code, effect=Effect.REPEATABLE, status=status), TemporaryFailure)


@pytest.mark.parametrize("code", [36009003, 36009007, 25001058, 25007002, 21001003])
def test_internal_errors_and_timeouts_are_among_what_broke_inside(code: int) -> None:
    assert CODES[code] is Says.UNSURE


def test_an_unknown_code_with_a_5xx_is_not_a_definite_no() -> None:
    assert isinstance(error(99999999, status=500), OutcomeUnknown)
    assert isinstance(error(25020009, status=500), Refused)


def test_any_code_with_429_means_later() -> None:
    assert isinstance(error(99999999, status=429), TemporaryFailure)


def test_an_expired_token_may_be_renewed() -> None:
    found = error(105002)
    assert isinstance(found, CredentialsRejected)
    assert found.expired


@pytest.mark.parametrize("code", [105005, 106001, 106013, 101000, 36009033, 36009043, 36004001, 36004004])
def test_key_scope_and_shop_are_for_a_human(code: int) -> None:
    found = error(code, status=401)
    assert isinstance(found, CredentialsRejected)
    assert not found.expired


@pytest.mark.parametrize(
    ("message", "kind", "expired"),
    [
        ("Invalid credentials. The 'x-tts-access-token' header is invalid.", CredentialsRejected, True),
        ("Invalid credentials. The `access_token` header is invalid.", CredentialsRejected, True),
        ("Invalid credentials. Invalid 'app_key' query parameter.", CredentialsRejected, False),
        ("Invalid credentials. Invalid 'app_secret' query parameter", CredentialsRejected, False),
        ("Missing credentials. The request does not include a required signature.", CredentialsRejected, False),
        ("Invalid timestamp. 'timestamp' must not be earlier than 5 minutes.", TemporaryFailure, None),
        ("Unexpected identifier. The 'shop_cipher' query parameter is not required.", Refused, None),
        ("param create_time_ge type invalid.", Refused, None),
    ],
)
def test_the_one_code_for_many_mistakes_is_told_apart_by_its_words(
    message: str, kind: type[MarketplaceError], expired: bool | None
) -> None:
    found = error(36009004, message, status=400)
    assert type(found) is kind
    assert getattr(found, "expired", None) is expired


def test_a_clock_that_is_off_is_said_in_so_many_words() -> None:
    assert "clock of this machine is off" in error(36009004, "Invalid timestamp.").message
