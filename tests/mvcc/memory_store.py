# SPDX-License-Identifier: Apache-2.0
"""An ordered store as a member has it, in memory: an overlay above a backend, drained when a test says so."""

from __future__ import annotations

from tricord.base.ordered import Table
from tricord.storage.memory_backend import MemoryBackend, no_tables
from tricord.storage.overlay import Overlay


class MemoryStore(Overlay):
    """An overlay that knows its backend."""

    def __init__(self) -> None:
        self.backend = MemoryBackend(no_tables(), lambda tables: None, map_size=1 << 30)
        super().__init__(self.backend)

    def hand_over(self) -> None:
        """Begin a drain and commit it; until ``drained`` the overlay answers for it."""
        self.backend.commit(self.take())

    def drain(self) -> None:
        """Move everything into the backend."""
        self.hand_over()
        self.drained()

    def everything(self) -> dict[str, list[tuple[bytes, bytes]]]:
        """All records of all tables."""
        return {table.name: list(self.scan(table, b"", None)) for table in Table}
