# SPDX-License-Identifier: Apache-2.0
"""Every write that a run made, and what has to be of the acknowledged ones at its end: each stands, or one that was
made in knowledge of it took its place. And what an acknowledged write replaced is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tricord.base.dots import Dot
from tricord.crdt.cell import Delta, dots_of, entries_of
from tricord.crdt.encoding import decode_delta
from tricord.eventual.store import UNSENT, writes_of
from tricord.eventual.turn import Output
from tricord.sim.eventual.world import Host, World

_KIND = 0
_NAME = 1


@dataclass(slots=True)
class Ledger:
    """``acknowledged`` loses what the death of a disk excuses."""

    made: dict[Dot, tuple[bytes, Delta]] = field(default_factory=dict)
    acknowledged: set[Dot] = field(default_factory=set)
    last_write: float = 0.0

    def take(self, host: Host, output: Output, now: float) -> None:
        """Note what a turn made and answered."""
        for _, at, data in output.effects:
            if at[_KIND] == UNSENT and data is not None:
                name = at[_NAME:]
                incarnation, first = int.from_bytes(name[:8], "big"), int.from_bytes(name[8:], "big")
                for counter, (key, delta) in enumerate(writes_of(data), first):
                    self.made[Dot(host.number, incarnation, counter)] = key, decode_delta(delta)
                self.last_write = now
        self.acknowledged.update(answer.dot for answer in output.writes if answer.dot is not None and not answer.error)

    def excuse(self, number: int) -> None:
        """The disk of this replica is gone."""
        self.acknowledged = {dot for dot in self.acknowledged if dot.replica != number}

    def problems(self, world: World) -> Iterator[str]:
        """What does not hold at the end, in words."""
        replaced = {gone for dot, (_, delta) in self.made.items() for gone in delta.dots if gone != dot}
        gone_for_good = {gone for dot in self.acknowledged for gone in self.made[dot][1].dots if gone != dot}
        copies = self._copies()
        for host in world.hosts.values():
            if host.core is None or host.number not in world.active:
                continue
            standing = {dot for _, cell in host.core.cells(b"", None) for dot in dots_of(cell)}
            for dot in sorted(self.acknowledged):
                key, delta = self.made[dot]
                names = copies.get(_mark(key, delta), {dot})
                if delta.cell and not names & (standing | replaced):
                    yield f"replica {host.number} lost the acknowledged write {dot} of {key!r}"
            for dot in sorted(gone_for_good & standing):
                yield f"at replica {host.number} {dot} of {self.made[dot][0]!r} is back"

    def _copies(self) -> dict[tuple[bytes, tuple[bytes, ...]], set[Dot]]:
        """Names of the same write: the one that it was made under, and those of its re-naming."""
        copies: dict[tuple[bytes, tuple[bytes, ...]], set[Dot]] = {}
        for dot, (key, delta) in self.made.items():
            copies.setdefault(_mark(key, delta), set()).add(dot)
        return copies


def _mark(key: bytes, delta: Delta) -> tuple[bytes, tuple[bytes, ...]]:
    """What tells a write from others, whatever its name: values of a run are written once."""
    return key, tuple(sorted(b"%d %s" % (entry.stamp, entry.payload) for _, entry in entries_of(delta.cell)))
