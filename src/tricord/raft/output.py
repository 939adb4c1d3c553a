# SPDX-License-Identifier: Apache-2.0
"""What a core asks of its host, as lists; nothing is a callback. The package tells the duties."""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.base.log import Entry, HardState
from tricord.raft.messages import Message


@dataclass(slots=True)
class Output:
    """The result of one ``step``."""

    hard_state: HardState | None = None
    """To persist before the entries."""
    entries: list[Entry] = field(default_factory=list)
    """To persist, in this order; one at an index that the disk holds replaces it and everything behind."""
    messages: list[Message] = field(default_factory=list)
    """To send at once: what they depend on is durable already."""
    committed: list[Entry] = field(default_factory=list)
    """To apply, in order, before the next step. Never the same entry twice."""
    proposed: list[int] = field(default_factory=list)
    """For each Propose of the step, in order: the index of its first command, or 0 for refused: not the leader."""
    reads: list[tuple[int, int]] = field(default_factory=list)
    """(context, index): serve the read once the index is applied."""
    reads_dropped: list[int] = field(default_factory=list)
    """Contexts that will get no index, since this member does not lead; ask again later, or elsewhere."""
