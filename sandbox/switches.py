"""Where a marketplace's own pages disagree or say nothing: switches, each with the strict reading as its default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar


def one_of(*values: Any) -> Any:
    """A switch with these positions, the first of them its default."""
    return field(default=values[0], metadata={"values": values})


@dataclass(slots=True)
class SwitchBoard:
    """The switches of one marketplace. Outside it they are called as here, with ``prefix`` in front."""

    prefix: ClassVar[str] = ""

    @classmethod
    def names(cls) -> list[str]:
        return [cls.prefix + each.name for each in fields(cls)]

    def set(self, name: str, value: object) -> None:
        """Set one switch from a JSON value or command-line text. Raises ValueError for a value it cannot have."""
        found = next(each for each in fields(self) if self.prefix + each.name == name)
        setattr(self, found.name, _converted(found, value))

    def as_json(self) -> dict[str, Any]:
        return {self.prefix + each.name: getattr(self, each.name) for each in fields(self)}


class Switches:
    """All boards as one. Changed with ``--switch NAME=VALUE`` or ``POST /__sandbox__/switches``;
    ``docs/sandbox.md`` explains each."""

    def __init__(self, boards: Sequence[SwitchBoard]) -> None:
        self._boards = boards

    def set(self, name: str, value: object) -> None:
        """Set one switch. Raises ValueError for an unknown name or value."""
        board = next((each for each in self._boards if name in each.names()), None)
        if board is None:
            raise ValueError(f"no switch is called {name!r}")
        board.set(name, value)

    def set_from_text(self, assignment: str) -> None:
        name, _, value = assignment.partition("=")
        self.set(name.strip(), value.strip())

    def as_json(self) -> dict[str, Any]:
        return {name: value for board in self._boards for name, value in board.as_json().items()}


def _converted(switch: Field[Any], value: object) -> bool | int | str:
    kind: type = type(switch.default)
    if kind is bool:
        words = {"true": True, "1": True, "false": False, "0": False}
        if str(value).lower() not in words:
            raise ValueError(f"{value!r} is neither true nor false")
        return words[str(value).lower()]
    converted = int(str(value)) if kind is int else str(value)
    positions = switch.metadata.get("values", (converted,))
    if converted not in positions:
        raise ValueError(f"{switch.name} is one of {', '.join(map(str, positions))}")
    return converted
