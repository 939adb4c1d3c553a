# SPDX-License-Identifier: Apache-2.0
"""What is told of a key that changed. Most changes are told to nobody, so cells stay bytes until somebody looks."""

from __future__ import annotations

from tricord.base.message import message
from tricord.crdt.cell import Cell
from tricord.crdt.encoding import decode_cell


@message
class Changed:
    """A key holds this now: an encoded cell, or None for nothing. All keys of one write have one ``sequence``;
    sequences never go back."""

    sequence: int
    key: bytes
    data: bytes | None

    @property
    def cell(self) -> Cell:
        """What it holds; ``{}``: nothing. Cost: that of ``decode_cell`` each time."""
        return {} if self.data is None else decode_cell(self.data)
