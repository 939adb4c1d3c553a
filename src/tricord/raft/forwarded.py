# SPDX-License-Identifier: Apache-2.0
"""What a server passed on to its leader and awaits the answer of, and what it took of others.

A request's number begins with one that each start draws anew, so that a leader takes none twice: neither one that the
network doubled nor one of a process that is gone.
"""

from __future__ import annotations

_START_BITS = 32
STARTS_KEPT = 64
"""Of how many of a member's starts requests are told apart: a copy that comes later than that many is none that a
network kept."""


class Forwarded:
    """Proposals by number, each with the member that was asked and the ticks that it has waited; reads by context, with
    the ticks."""

    __slots__ = ("_start", "count", "proposals", "reads", "reads_asked", "taken")

    def __init__(self, seed: int) -> None:
        self._start = (seed * 0x9E3779B97F4A7C15 >> 16) % (1 << 31)
        self.count = 0
        """How many proposals were ever passed on; the last one's number."""
        self.proposals: dict[int, tuple[int, int]] = {}
        self.reads: dict[int, int] = {}
        self.reads_asked: list[int] = []
        """Contexts to be passed on at the end of the step."""
        self.taken: dict[int, dict[int, int]] = {}
        """Of each member, by its starts, the newest request taken or refused."""

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self.proposals or self.reads)

    def next_request(self, member: int) -> int:
        """A number on the wire for one more proposal to the member; it waits from now on."""
        self.count += 1
        self.proposals[self.count] = (member, 0)
        return self._start << _START_BITS | self.count

    def number(self, request: int) -> int:
        """The number here of a request on the wire (0: it is of an earlier start)."""
        return request & ((1 << _START_BITS) - 1) if request >> _START_BITS == self._start else 0

    def is_taken(self, member: int, request: int) -> bool:
        """Whether this server saw it, or a later one of the same start; if not, it counts as seen now."""
        starts = self.taken.get(member)
        if starts is None:
            starts = self.taken[member] = {}
        start = request >> _START_BITS
        newest = starts.get(start)
        if newest is not None:
            if request <= newest:
                return True
        elif len(starts) == STARTS_KEPT:
            del starts[next(iter(starts))]
        starts[start] = request
        return False
