"""Every string can be translated, and German has all of them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.functional import Promise

from accounts.templatetags.times import clock
from marketplaces.registry import MARKETPLACES
from shops.market_words import capabilities_in
from shops.models import Role
from tests.factories import CancellationFactory, OrderFactory, ShopFactory, UserFactory, at, member

HOME: Path = settings.BASE_DIR
OTHERS = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%\(\w+\)(?:\.\d+)?[sdf]|\{\w+\}")


def read(home: Path, language: str) -> Catalog:
    with (home / f"locale/{language}/LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project after makemessages, which writes beside the templates that it reads."""
    home = tmp_path_factory.mktemp("words") / "copy"
    left_out = shutil.ignore_patterns(".*", "node_modules", "tests", "*.mo", "__pycache__", "staticfiles")
    shutil.copytree(HOME, home, ignore=left_out)
    languages = [part for code in OTHERS for part in ("-l", code)]
    command = [sys.executable, "manage.py", "makemessages", "--verbosity", "0", *languages]
    own = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": "postgres://none/none", "CELERY_BROKER_URL": "redis://none/0",
    }  # fmt: skip
    done = subprocess.run(command, cwd=home, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return home


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_all_that_is_said_and_nothing_else(collected: Path, language: str) -> None:
    here, there = read(HOME, language), read(collected, language)
    unsaid = [message.id for message in there if message.id and (message.fuzzy or not all(strings_of(message)))]
    assert not unsaid, "run ./run makemessages, then translate these"
    assert {message.id for message in here} == {message.id for message in there}


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_placeholders_of_what_it_translates(language: str) -> None:
    for message in read(HOME, language):
        if message.id:
            wanted = set(PLACEHOLDER.findall(message.id if isinstance(message.id, str) else message.id[1]))
            for string in strings_of(message):
                assert set(PLACEHOLDER.findall(string)) <= wanted, message.id
            assert set(PLACEHOLDER.findall(strings_of(message)[-1])) == wanted, message.id


def strings_of(message: object) -> list[str]:
    string = getattr(message, "string", "")
    return [string] if isinstance(string, str) else list(string)


@pytest.mark.django_db
@pytest.mark.parametrize(("chosen", "asked", "shown"), [("de", "en", "de"), ("", "de", "de"), ("en", "de", "en")])
def test_a_page_is_in_the_language_of_its_reader(client: Client, chosen: str, asked: str, shown: str) -> None:
    row = CancellationFactory(order=OrderFactory(shop=ShopFactory(region="US")))
    client.force_login(member(Role.AGENT, row.shop, language=chosen))
    page = client.get(f"/cancellations/{row.pk}/", headers={"Accept-Language": asked})
    assert page["Content-Language"] == shown
    text = page.content.decode()
    assert f'<html lang="{shown}"' in text
    assert ("Die Stornierung genehmigen" in text, "Approve the cancellation" in text) == (shown == "de", shown == "en")


@pytest.mark.django_db
def test_a_person_chooses_their_language(client: Client) -> None:
    person = UserFactory()
    client.force_login(person)
    own = {"first_name": "Ada", "last_name": "King", "time_zone": "UTC"}
    assert client.post("/accounts/profile/", {**own, "language": "de"}).status_code == 302
    assert "Gespeichert" in client.get("/accounts/profile/").content.decode()
    answer = client.post("/accounts/profile/", {**own, "language": "tlh"})
    assert answer.status_code == 422
    person.refresh_from_db()
    assert person.language == "de"


def test_a_browser_that_asks_for_another_language_gets_english(client: Client) -> None:
    page = client.get("/accounts/login/", headers={"Accept-Language": "fr,ja;q=0.8"})
    assert 'lang="en"' in page.content.decode()


def test_what_a_marketplace_says_is_said_in_the_readers_language() -> None:
    day = at("2024-03-30 12:00").date()
    german, english = (capabilities_in(language, "tiktok_shop", "US", day) for language in ("de", "en"))
    assert (german.market_name, english.market_name) == ("Vereinigte Staaten", "United States")
    assert german.status_labels["AWAITING_SHIPMENT"] == "Wartet auf Versand"
    assert german.reject_notice and english.reject_notice
    assert german.reject_notice.text.endswith("Ablehnen geht hier noch 1 Tag.")
    assert english.reject_notice.text.endswith("Rejecting here works for 1 more day.")
    other = german.evidence_hints[""][0]
    assert "gesucht am 21. November 2026" in other.text
    assert not other.values


def test_the_names_of_reasons_stay_the_marketplaces() -> None:
    day = at("2026-11-21 12:00").date()
    german, english = (capabilities_in(language, "tiktok_shop", "GB", day) for language in ("de", "en"))
    assert german.cancel_reasons == english.cancel_reasons


def test_a_market_without_a_name_gets_no_catalogs_head() -> None:
    for slug in MARKETPLACES:
        assert "Project-Id" not in repr(capabilities_in("de", slug, "", at("2026-11-21 12:00").date()))


def test_no_language_leaks_out_of_what_was_asked() -> None:
    with translation.override("en"):
        capabilities_in("de", "tiktok_shop", "DE", at("2026-01-01 00:00").date())
        assert translation.get_language() == "en"


@pytest.mark.parametrize(("language", "day"), [("en", "3 Mar 12:00"), ("de", "3. März 12:00")])
def test_a_day_is_written_as_the_reader_writes_it(language: str, day: str, time_machine: Any) -> None:
    time_machine.move_to(at("2026-06-01 12:00"))
    with translation.override(language):
        assert clock(at("2026-03-03 12:00")) == day
        assert clock(at("2025-03-03 12:00")) == day.replace(" 12:00", " 2025 12:00")


@pytest.mark.parametrize("label", ["accounts", "shops", "orders", "cancellations"])
def test_whatever_the_admin_names_can_be_translated(label: str) -> None:
    app = apps.get_app_config(label)
    names: dict[str, Any] = {label: app.verbose_name}
    for model in app.get_models():
        names[model.__name__] = model._meta.verbose_name
        fields = [field for field in model._meta.local_fields if field.name != "id"]
        names |= {f"{model.__name__}.{field.name}": field.verbose_name for field in fields}
    assert not [name for name, words in names.items() if not isinstance(words, Promise)]
