"""`check --deploy`: content with the production example, and with nothing that is for trying out."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.test import Client

from config import private_servers
from tests.factories import PASSWORD, UserFactory

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def example() -> dict[str, str]:
    """The production example, its blanks filled."""
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    blanks = {name for name, value in given.items() if not value}
    assert blanks == {"SECRET_KEY", "FIELD_ENCRYPTION_KEYS"}
    return given | {name: Fernet.generate_key().decode() + "and more" * (name == "SECRET_KEY") for name in blanks}


def checked(**changed: str | None) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LOCAL_DIR", "LANG")}
    environment = {**known, **example(), **changed}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=CHECKOUT,
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_production_example_leaves_nothing_to_say() -> None:
    done = checked()
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout


def test_one_that_was_filled_with_what_is_for_trying_out_is_refused() -> None:
    done = checked(DEBUG="true", EMAIL_URL=None, BEHIND_HTTPS="false", METRICS_TOKEN="short", MEDIA_ROOT=None)
    assert done.returncode == 1
    for told in ("W018", "EMAIL_URL", "W008", "METRICS_TOKEN", "MEDIA_ROOT"):
        assert told in done.stderr, told


@pytest.fixture
def told(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """Call it for the ids of our own checks that have something to say."""
    monkeypatch.setattr(os, "environ", {**os.environ, **example()})
    settings.MEDIA_ROOT = "/var/lib/countermand/media"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.PUBLIC_URL = settings.METRICS_TOKEN = ""
    return lambda: {
        str(one.id) for one in run_checks(include_deployment_checks=True) if str(one.id).startswith("countermand.")
    }


def test_what_is_given_is_not_complained_of(told: Callable[[], set[str]]) -> None:
    assert told() == set()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("SECRET_KEY", "countermand.E002"), ("FIELD_ENCRYPTION_KEYS", "countermand.E002"),
        ("DATABASE_URL", "countermand.E003"), ("CELERY_BROKER_URL", "countermand.E003"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("blank", [True, False])
def test_what_was_left_out_is_named(told: Callable[[], set[str]], name: str, problem: str, blank: bool) -> None:
    del os.environ[name]
    if blank:
        os.environ[name] = ""
    assert told() == {problem}


def test_a_private_server_that_was_named_is_one_all_the_same(told: Callable[[], set[str]]) -> None:
    os.environ["DATABASE_URL"] = private_servers.database_url()
    assert told() == {"countermand.E003"}


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("FIELD_ENCRYPTION_KEYS", [Fernet.generate_key().decode(), "x" * 32], "countermand.E001"),
        ("MEDIA_ROOT", str(private_servers.LOCAL / "media"), "countermand.E004"),
        ("PUBLIC_URL", "http://countermand.example", "countermand.E005"),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "countermand.W001"),
        ("METRICS_TOKEN", "12345", "countermand.W002"),
    ],
)
def test_a_setting_that_is_for_trying_out_is_named(
    told: Callable[[], set[str]], settings: Any, setting: str, value: Any, problem: str
) -> None:
    setattr(settings, setting, value)
    assert told() == {problem}


@pytest.mark.parametrize("key", ["x" * 32, "", "é" * 44, "a" * 43])
def test_a_key_that_is_none_is_told_before_it_is_needed_and_is_not_repeated(settings: Any, key: str) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), key]
    [problem] = [one for one in run_checks() if one.id == "countermand.E001"]
    assert "Number 2 of FIELD_ENCRYPTION_KEYS" in problem.msg
    assert not key or key not in f"{problem.msg}{problem.hint}"


def test_run_check_takes_the_same_example() -> None:
    assert "grep '^[A-Z_]*=' .env.example" in (CHECKOUT / "run").read_text()


def test_cookies_behind_https_are_this_very_hosts() -> None:
    names = (
        "SESSION_COOKIE_NAME",
        "CSRF_COOKIE_NAME",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SESSION_COOKIE_DOMAIN",
    )
    told = subprocess.run(
        [sys.executable, "-c", f"from config import settings as s; print([getattr(s, n, None) for n in {names}])"],
        cwd=CHECKOUT,
        env={**os.environ, **example()},
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert told.strip() == "['__Host-session', '__Host-csrf', True, True, None]"


@pytest.mark.django_db
def test_with_them_people_sign_in_and_come_back_from_elsewhere(settings: Any) -> None:
    """Nothing depends on the names; browsers send Lax cookies with a link from another site, and that is enough."""
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    person = UserFactory(password=PASSWORD)
    client = Client(enforce_csrf_checks=True)
    page = client.get("/accounts/login/", secure=True)
    form = {"login": person.email, "password": PASSWORD, "csrfmiddlewaretoken": page.context["csrf_token"]}
    answer = client.post(
        "/accounts/login/", form, secure=True, headers={"referer": "https://testserver/accounts/login/"}
    )
    assert answer["Location"] == "/"
    for name in ("__Host-session", "__Host-csrf"):
        cookie = client.cookies[name]
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
    back = client.get(
        "/shops/", secure=True, headers={"referer": "https://marketplace.example/", "sec-fetch-site": "cross-site"}
    )
    assert back.status_code == 200
