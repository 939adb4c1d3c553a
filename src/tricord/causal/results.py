# SPDX-License-Identifier: Apache-2.0
"""What goes into a replica's calls, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tricord.base.dots import Seen
from tricord.base.errors import TricordError
from tricord.base.message import message
from tricord.causal.operation import Operation
from tricord.crdt.cell import Cell, Delta
from tricord.crdt.cell import Write as Circumstances
from tricord.crdt.changed import Changed
from tricord.crdt.plain import PlainPut

BATCH_BYTES = 256 * 1024


@message
class Change:
    """What a write does to one key: ``mutate`` is a mutator of ``crdt`` that still lacks the cell and circumstances.
    ``seen`` and ``expires`` are as in ``crdt.cell.Write``. ``plain``: what ``mutate``
    does, where it is a put and both are left out; it costs less where what the key holds is as simple."""

    key: bytes
    mutate: Callable[[Cell, Circumstances], Delta]
    seen: Seen | None = None
    expires: int = 0
    plain: PlainPut | None = None


@dataclass(slots=True)
class Delivered:
    """What came of a call. The host logs ``operations`` in this order, tells watchers of ``events`` and lets
    ``satisfied`` tickets go on; after ``resynced`` watchers have to read anew. ``refused``: operations that cannot be
    taken in, and why: their senders have to keep them. ``full``: some found no room and have to be sent again.
    ``ahead``: by how many milliseconds a stamp was too far ahead of this wall clock to be followed."""

    operations: list[Operation] = field(default_factory=list)
    events: list[Changed] = field(default_factory=list)
    satisfied: list[int] = field(default_factory=list)
    refused: list[tuple[Operation, TricordError]] = field(default_factory=list)
    full: bool = False
    ahead: int = 0
    resynced: bool = False


@message
class ToSend:
    """Encoded operations for a peer. ``lagging``: it needs a state first. ``more``: others found no room."""

    operations: list[bytes]
    lagging: bool = False
    more: bool = False
