"""Reading typed values out of a marketplace's JSON. Every reader raises BadRecord naming the path, never the value.

Marketplaces leave out what does not apply, or send null, so optional readers take both. How times and amounts are
written differs from one to the next: those readers are each marketplace's own.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any, TypeVar

from marketplaces.errors import BadRecord
from marketplaces.records import Page, SetAside

Json = Mapping[str, Any]
Drift = dict[str, None]  # fields and words that we do not know, in the order met, each once
Record = TypeVar("Record")

# What no database keeps and no UTF-8 holds: as an escape, or as the bytes that half a surrogate pair would have.
_UNKEEPABLE = re.compile(rb"\\u(0000|d[89a-f])|\xed[\xa0-\xbf]", re.IGNORECASE)
LONGEST_TEXT = 10_000  # characters of a text that is shown or searched; of theirs, hardly any has a thousand
MOST_VALUES = 1_000_000  # in an answer: a page of a hundred orders has some fifty thousand
MOST_MEMBERS = 5_000  # of a list inside a record
DEEPEST = 50  # of a field that we do not know
MOST_TOLD = 100  # of what a page holds that nobody asked for
TWICE = "was told twice, and differently"
UNASKED = "was not asked for"
LONGEST_ID = 200  # characters; of theirs have some forty, and what is looked up by an index must fit into one


class Contradiction(dict[str, Any]):
    """An object that names something twice, of which each reader would believe another one; so none is believed."""


def parsed(body: bytes) -> Any:
    """The JSON of a body, without null characters and half surrogate pairs in its texts. Raises ValueError.

    Objects that name something twice are Contradictions, which every reader here refuses.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:  # each takes far more memory than its byte
        raise ValueError("holds too many values")
    try:
        text = body.decode("utf-8", "surrogatepass").removeprefix("\ufeff")
        value = json.loads(text, parse_constant=str, object_pairs_hook=_object)
        return _keepable(value) if _is_unkeepable(body) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _is_unkeepable(body: bytes) -> bool:
    """Nearly every body is ruled out by what each of them begins with, which is found a hundred times faster."""
    return (b"\\u" in body or b"\xed" in body) and bool(_UNKEEPABLE.search(body))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Contradiction(found)


def _keepable(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        case list():
            return [_keepable(one) for one in value]
        case dict():
            return type(value)({_keepable(name): _keepable(one) for name, one in value.items()})
    return value


def an_object(value: Any, where: str) -> Json:
    """The object that a value is. Raises BadRecord."""
    if isinstance(value, Contradiction):
        raise BadRecord(where, "names something twice")
    if type(value) is not dict:
        raise BadRecord(where, "must be an object")
    return value


def text(raw: Json, name: str, longest: int = LONGEST_TEXT) -> str:
    """An optional text, "" when absent."""
    value = raw.get(name)
    if type(value) is str and len(value) <= longest:
        return value
    if value is None:
        return ""
    raise BadRecord(name, "must be text" if type(value) is not str else f"is longer than {longest} characters")


def short(raw: Json, name: str, longest: int = LONGEST_ID) -> str:
    """An optional id, number or word, "" when absent."""
    return text(raw, name, longest)


def each_text(raw: Json, names: Sequence[str], longest: int = LONGEST_TEXT) -> Sequence[str]:
    """What `text` reads of each of these, at once: a record has dozens of them."""
    values = tuple(map(raw.get, names, repeat("")))
    try:
        if len("".join(values)) <= longest:
            return values
    except TypeError:  # one of them is no text, or nothing
        pass
    return tuple(text(raw, name, longest) for name in names)


def identifier(raw: Json, name: str, longest: int = LONGEST_ID) -> str:
    """A text that must be there. A number is refused: ids are longer than the floats of many tools can hold."""
    value = raw.get(name)
    if type(value) is not str or not value:
        raise BadRecord(name, "must be a non-empty text")
    if len(value) > longest:
        raise BadRecord(name, f"is longer than {longest} characters")
    return value


def flag(raw: Json, name: str) -> bool:
    """An optional truth, False when absent."""
    value = raw.get(name)
    if value is None:
        return False
    if type(value) is not bool:
        raise BadRecord(name, "must be true or false")
    return value


def number(raw: Json, name: str) -> int:
    """An optional whole number, 0 when absent."""
    value = raw.get(name)
    if value is None:
        return 0
    if type(value) is not int:
        raise BadRecord(name, "must be a whole number")
    return value


def members(raw: Json, name: str) -> Json:
    """An optional object, empty when absent."""
    value = raw.get(name)
    if value is None:
        return {}
    return an_object(value, name)


def objects(raw: Json, name: str) -> Sequence[Json]:
    """An optional list of objects, empty when absent."""
    value = raw.get(name)
    if value is None:
        return ()
    if type(value) is not list:
        raise BadRecord(name, "must be a list")
    if len(value) > MOST_MEMBERS:
        raise BadRecord(name, f"has more than {MOST_MEMBERS} members")
    if set(map(type, value)) <= _OBJECT:
        return value
    return [an_object(one, f"{name}[{index}]") for index, one in enumerate(value)]


def texts(raw: Json, name: str) -> Sequence[str]:
    """An optional list of texts, empty when absent."""
    value = raw.get(name)
    if value is None:
        return ()
    if type(value) is not list or len(value) > MOST_MEMBERS or any(type(one) is not str for one in value):
        raise BadRecord(name, "must be a list of texts")
    return tuple(value)


def each(raw: Json, name: str, read: Callable[[Json], Record]) -> tuple[Record, ...]:
    """Every object of an optional list through `read`, whose BadRecord then says which one it was."""
    records = []
    for index, one in enumerate(objects(raw, name)):
        try:
            records.append(read(one))
        except BadRecord as problem:
            raise inside(f"{name}[{index}]", problem) from None
    return tuple(records)


_NOTHING: Json = {}
_OBJECT = {dict}  # and no Contradiction


# In names of fields that may tell of a person: buyer_email, cpfName, taxpayer_id. Rather one too many than too few.
_PERSONAL = re.compile(
    """
    name | phone | mobile | whatsapp | mail | addr | street | postal | postcode | zip_?code | district | city | geo
    | latitude | longitude | birth | gender | passport | national | identity | avatar | photo | signature | message
    | contact | recipient | receiver | consignee | buyer | customer | invoice | bank | iban | card | cpf | cnpj | curp
    | tax_?(id|payer|number|no|code)($|_) | taxpayer | vat_?(id|number|no)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def unknown(raw: Json, known: Collection[str], where: str, drift: Drift) -> Json:
    """The fields that are not in `known`, as they came; each is reported in `drift`.

    Of those whose name says that they tell of a person, however deep, the name alone: nobody has asked for them.
    Raises BadRecord for what nothing could be written down of.
    """
    if frozenset(known).issuperset(raw):
        return _NOTHING
    names = raw.keys() - known
    for name in sorted(names):
        drift[f"{where}.{name}"] = None
    return {name: _impersonal(name, raw[name]) for name in names}


def _impersonal(name: str, value: Any, depth: int = 0) -> Any:
    if _PERSONAL.search(name):
        return None
    if depth > DEEPEST:
        raise BadRecord("a field that we do not know", "is nested too deeply")
    match value:
        case dict():
            return {inner: _impersonal(inner, one, depth + 1) for inner, one in value.items()}
        case list():
            return [_impersonal("", one, depth + 1) for one in value]
    return value


def only(page: Page[Record], is_wanted: Callable[[Record], bool], problem: str) -> Page[Record]:
    """The page without the records that are not wanted, which are set aside: nobody asked for them."""
    others = [one for one in page.records if not is_wanted(one)]
    if not others:
        return page
    told = [SetAside(str(getattr(one, "marketplace_id", "")), problem) for one in others[:MOST_TOLD]]
    return replace(page, records=[one for one in page.records if is_wanted(one)], set_aside=[*page.set_aside, *told])


def told_once(page: Page[Record]) -> Page[Record]:
    """The page without the records of which two different ones have the same id and time of change."""
    seen: dict[object, Record] = {}
    contradicted = set()
    for one in page.records:
        key = (one.marketplace_id, one.updated_at)  # type: ignore[attr-defined]
        known = seen.setdefault(key, one)
        if known is not one and known != one:
            contradicted.add(key)
    return only(page, lambda one: (one.marketplace_id, one.updated_at) not in contradicted, TWICE)  # type: ignore[attr-defined]


def inside(where: str, error: BadRecord) -> BadRecord:
    """The same problem seen from one level up, of the same kind."""
    return type(error)(f"{where}.{error.where}", error.problem)
