# SPDX-License-Identifier: Apache-2.0
"""The part of an engine that copies and rebuilds its store, by a list."""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.base.errors import TricordError
from tricord.base.export import Export, ExportForm


class MemoryExport:
    """A file in memory, which knows whether it was closed."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.closed = 0

    async def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]

    def close(self) -> None:
        self.closed += 1


@dataclass(kw_only=True)
class ScriptedMaintenance:
    """``export`` is the file that it gives; ``forms`` and ``defragmented`` are what it was asked."""

    export: MemoryExport = field(default_factory=lambda: MemoryExport(b"a file"))
    fault: TricordError | None = None
    forms: list[ExportForm] = field(default_factory=list)
    defragmented: int = 0

    async def open_snapshot(self, form: ExportForm) -> Export:
        self.forms.append(form)
        if self.fault is not None:
            raise self.fault
        return self.export

    async def defragment(self) -> None:
        self.defragmented += 1
        if self.fault is not None:
            raise self.fault
