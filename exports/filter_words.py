"""What exports were narrowed to, in words for people; two queries, however many exports."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from accounts.models import User
from exports.kinds import KINDS
from exports.models import Export
from shops.models import Shop

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

ROWS = {"shop": Shop, "person": User, "whose": User}  # filters whose values may be numbers of rows


def in_words(exports: Sequence[Export], reader: "User | AnonymousUser") -> dict[int, list[tuple[str, str]]]:
    """(what, which) of every filter that is set, by the export's number."""
    shops = Shop.objects.visible_to(reader).filter(pk__in=numbers(exports, Shop)).defer("cipher")
    people = User.objects.filter(pk__in=numbers(exports, User))
    known = {Shop: {str(one.pk): str(one) for one in shops}, User: {str(one.pk): str(one) for one in people}}
    return {export.pk: list(words_of(export, known)) for export in exports}


def numbers(exports: Sequence[Export], model: type[Any]) -> set[int]:
    values = {export.filters.get(name, "") for export in exports for name in ROWS if ROWS[name] is model}
    return {int(value) for value in values if value.isdecimal() and len(value) < 19}


def words_of(export: Export, known: Mapping[Any, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    filters = KINDS[export.kind].filter_class.base_filters
    for name, value in export.filters.items():
        label = getattr(filters.get(name), "label", None) or name
        yield str(label), choice(filters.get(name), value) or known.get(ROWS.get(name), {}).get(value, value)


def choice(narrowing: Any, value: str) -> str:
    """What the form calls this value; nothing where it calls it nothing."""
    choices = narrowing.extra.get("choices", ()) if narrowing is not None else ()
    found = {str(name): str(label) for name, label in choices} if isinstance(choices, list | tuple) else {}
    return found.get(value) or {"true": _("yes"), "false": _("no")}.get(value, "")
