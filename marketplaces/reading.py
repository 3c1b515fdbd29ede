"""Reading typed values out of a marketplace's JSON. Every reader raises BadRecord naming the path, never the value.

Marketplaces leave out what does not apply, or send null, so optional readers take both. How times and amounts are
written differs from one to the next: those readers are each marketplace's own.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from marketplaces.errors import BadRecord

Json = Mapping[str, Any]
Drift = dict[str, None]  # fields and words that we do not know, in the order met, each once
Record = TypeVar("Record")

# What no database keeps and no UTF-8 holds can only be in JSON as one of these escapes.
_UNKEEPABLE = re.compile(rb"\\u(0000|d[89a-f])", re.IGNORECASE)
LONGEST_ID = 200  # characters; of theirs have some forty, and what is looked up by an index must fit into one


def parsed(body: bytes) -> Any:
    """The JSON of a body, without null characters and half surrogate pairs in its texts. Raises ValueError."""
    try:
        value = json.loads(body, parse_constant=str)
        return _keepable(value) if _UNKEEPABLE.search(body) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _keepable(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        case list():
            return [_keepable(one) for one in value]
        case dict():
            return {_keepable(name): _keepable(one) for name, one in value.items()}
    return value


def text(raw: Json, name: str) -> str:
    """An optional text, "" when absent."""
    value = raw.get(name)
    if value is None:
        return ""
    if type(value) is not str:
        raise BadRecord(name, "must be text")
    return value


def short(raw: Json, name: str, longest: int = LONGEST_ID) -> str:
    """An optional id, number or word, "" when absent."""
    value = text(raw, name)
    if len(value) > longest:
        raise BadRecord(name, f"is longer than {longest} characters")
    return value


def identifier(raw: Json, name: str, longest: int = LONGEST_ID) -> str:
    """A text that must be there. A number is refused: ids are longer than the floats of many tools can hold."""
    value = raw.get(name)
    if type(value) is not str or not value:
        raise BadRecord(name, "must be a non-empty text")
    return short(raw, name, longest)


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
    if type(value) is not dict:
        raise BadRecord(name, "must be an object")
    return value


def objects(raw: Json, name: str) -> Sequence[Json]:
    """An optional list of objects, empty when absent."""
    value = raw.get(name)
    if value is None:
        return ()
    if type(value) is not list:
        raise BadRecord(name, "must be a list")
    for index, one in enumerate(value):
        if type(one) is not dict:
            raise BadRecord(f"{name}[{index}]", "must be an object")
    return value


def texts(raw: Json, name: str) -> Sequence[str]:
    """An optional list of texts, empty when absent."""
    value = raw.get(name)
    if value is None:
        return ()
    if type(value) is not list or any(type(one) is not str for one in value):
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
    """
    names = raw.keys() - known
    if not names:
        return _NOTHING
    for name in sorted(names):
        drift[f"{where}.{name}"] = None
    return {name: _impersonal(name, raw[name]) for name in names}


def _impersonal(name: str, value: Any) -> Any:
    if _PERSONAL.search(name):
        return None
    match value:
        case dict():
            return {inner: _impersonal(inner, one) for inner, one in value.items()}
        case list():
            return [_impersonal("", one) for one in value]
    return value


def inside(where: str, error: BadRecord) -> BadRecord:
    """The same problem seen from one level up, of the same kind."""
    return type(error)(f"{where}.{error.where}", error.problem)
