# SPDX-License-Identifier: Apache-2.0
"""What turns of an eventual keyspace's core changed, numbered, and told of when it is durable."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tricord.base.ordered import Write
from tricord.crdt.changed import Changed
from tricord.eventual.store import changes_in
from tricord.eventual.turn import Output
from tricord.server.replicas.eventual_records import HostRecords


@dataclass(slots=True)
class _Turn:
    """One that is not durable yet: ``effects`` hold the cells of what changed, by sequence and key."""

    mark: int
    number: int
    changed: dict[bytes, int]
    effects: list[Write]
    adopted: bool


class Deliveries:
    """Each key that a turn changed has a number of its own, counted over all starts."""

    def __init__(self, records: HostRecords) -> None:
        self._records = records
        self._undurable: deque[_Turn] = deque()
        self._last = 0

    @property
    def persisted(self) -> int:
        """The effects of all turns up to this one are durable."""
        return self._undurable[0].number - 1 if self._undurable else self._last

    @property
    def are_durable(self) -> bool:
        """Whether nothing waits."""
        return not self._undurable

    def number(self, output: Output) -> dict[bytes, int]:
        """The sequence of each key that the turn changed."""
        self._last = output.turn
        if not output.changed:
            return {}
        first = self._records.deliver(len(output.changed))
        return {key: first + place for place, key in enumerate(output.changed)}

    def keep(self, mark: int, output: Output, sequences: dict[bytes, int]) -> None:
        """Until all up to the mark is durable."""
        effects = output.effects if sequences else []
        self._undurable.append(_Turn(mark, output.turn, sequences, effects, output.adopted))

    def committed(self, mark: int) -> tuple[list[Changed], bool]:
        """All up to the mark is durable: what there is to tell, and whether former writes stand among it."""
        told: list[Changed] = []
        adopted = False
        while self._undurable and self._undurable[0].mark <= mark:
            turn = self._undurable.popleft()
            adopted = adopted or turn.adopted
            if turn.changed:
                cells = changes_in(turn.effects)
                for key, sequence in turn.changed.items():
                    told.append(Changed(sequence, key, cells[key]))
        return told, adopted
