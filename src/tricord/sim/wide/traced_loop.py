# SPDX-License-Identifier: Apache-2.0
"""A virtual loop that keeps a hash over all that it did, so that two runs can be compared."""

from __future__ import annotations

import struct
from typing import Any

from xxhash import xxh3_64

from tricord.sim.virtual_loop import VirtualLoop

_STEP = struct.Struct("<dI")


class TracedLoop(VirtualLoop):
    """Each step's time and how much was ready go into the hash, and whatever ``note`` is given."""

    def __init__(self) -> None:
        super().__init__()
        self._hash = xxh3_64()
        self.steps = 0

    @property
    def trace_hash(self) -> int:
        """64 bits over everything so far."""
        return self._hash.intdigest()

    def note(self, data: bytes) -> None:
        """Something happened that must be the same each time."""
        self._hash.update(data)

    def sent(self, route: tuple[str, str], args: tuple[Any, ...]) -> None:
        """Something was sent from one host to another."""
        self._hash.update(f"{route[0]}>{route[1]}".encode())
        if args and isinstance(args[0], bytes):
            self._hash.update(args[0])

    def _run_once(self) -> None:
        self.steps += 1
        self._hash.update(_STEP.pack(self._now, len(self._ready)))  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]
