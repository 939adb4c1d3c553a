# SPDX-License-Identifier: Apache-2.0
"""What a follower passed on to its leader and awaits the answer of, and what a leader took of others.

A request's number begins with one that each start draws anew, so that a leader takes none twice: neither one that the
network doubled nor one of a process that is gone.
"""

from __future__ import annotations

_START_BITS = 32


class Forwarded:
    """Proposals by number and reads by context, each with the ticks that it has waited."""

    __slots__ = ("_start", "count", "proposals", "reads", "reads_asked", "taken")

    def __init__(self, seed: int) -> None:
        self._start = (seed * 0x9E3779B97F4A7C15 >> 16) % (1 << 31)
        self.count = 0
        """How many proposals were ever passed on; the last one's number."""
        self.proposals: dict[int, int] = {}
        self.reads: dict[int, int] = {}
        self.reads_asked: list[int] = []
        """Contexts to be passed on at the end of the step."""
        self.taken: dict[int, int] = {}
        """On a leader: the newest request taken of each member."""

    def next_request(self) -> int:
        """A number on the wire for one more proposal, which waits from now on."""
        self.count += 1
        self.proposals[self.count] = 0
        return self._start << _START_BITS | self.count

    def number(self, request: int) -> int:
        """The number here of a request on the wire (0: it is of an earlier start)."""
        return request & ((1 << _START_BITS) - 1) if request >> _START_BITS == self._start else 0

    def is_taken(self, member: int, request: int) -> bool:
        """Whether this leader saw it, or a later one of the same start; if not, it counts as seen now."""
        newest = self.taken.get(member, -1)
        if newest >> _START_BITS == request >> _START_BITS and request <= newest:
            return True
        self.taken[member] = request
        return False
