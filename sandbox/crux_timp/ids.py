"""Identifiers of the network: UUIDs, tokens and passwords, the same for the same seed."""

from __future__ import annotations

import random
import string
import uuid


class Ids:
    def __init__(self, seed: int) -> None:
        self._dice = random.Random(f"crux ids {seed}")

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))

    def token(self) -> str:
        return f"{self._dice.getrandbits(160):040x}"

    def password(self) -> str:
        return "".join(self._dice.choices(string.ascii_letters + string.digits, k=20))
