# SPDX-License-Identifier: Apache-2.0
"""64 bits over every step: two runs with the same hash went the same way."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64

if TYPE_CHECKING:
    from tricord.raft.state import State
    from tricord.replica import TurnInput, TurnOutput
    from tricord.statemachine.machine import StateMachine

_TURN = Struct("<8Q6I")


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
        state: State,
        machine: StateMachine,
    ) -> None:
        """A member took a turn, and is in this state now."""
        self.turns += 1
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
                taken.ticks,
                len(taken.messages),
                len(taken.proposals) << 16 | len(taken.reads),
                len(given.messages) << 16 | len(given.entries),
                len(given.replies) << 16 | len(given.reads),
                state.leader_id,
            )
        )

    def note(self, words: str) -> None:
        """Something else happened: a fault, a start, what a client was told."""
        self._hash.update(words.encode())

    def digest(self) -> int:
        """The hash so far."""
        return int(self._hash.intdigest())
