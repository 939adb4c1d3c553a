# SPDX-License-Identifier: Apache-2.0
"""64 bits over every step: two runs with the same hash went the same way."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64

if TYPE_CHECKING:
    from tricord.replica import Replica, TurnInput, TurnOutput
    from tricord.statemachine.machine import StateMachine

_TURN = Struct("<QQQQQQQQHHHHHHHHHH")


class Trace:
    """When who took a turn, what went in, what it is then, and what came out."""

    __slots__ = ("_hash", "turns")

    def __init__(self) -> None:
        self._hash = xxh3_64()
        self.turns = 0

    def turn(
        self,
        now: int,
        member: int,
        taken: TurnInput,
        given: TurnOutput[Any],
        replica: Replica[Any],
        machine: StateMachine,
    ) -> None:
        """A member took a turn."""
        self.turns += 1
        state = replica.state
        self._hash.update(
            _TURN.pack(
                now,
                member,
                state.persistent.current_term,
                state.log.last_index,
                state.commit_index,
                state.last_applied,
                machine.chain,
                taken.persisted_to,
                taken.ticks & 0xFFFF,
                len(taken.messages) & 0xFFFF,
                len(taken.proposals) & 0xFFFF,
                len(taken.reads) & 0xFFFF,
                len(given.messages) & 0xFFFF,
                len(given.entries) & 0xFFFF,
                len(given.replies) & 0xFFFF,
                len(given.dropped) & 0xFFFF,
                len(given.reads) & 0xFFFF,
                state.leader_id & 0xFFFF,
            )
        )

    def note(self, words: str) -> None:
        """Something else happened: a fault, a start, what a client was told."""
        self._hash.update(words.encode())

    def digest(self) -> int:
        """The hash so far."""
        return int(self._hash.intdigest())
