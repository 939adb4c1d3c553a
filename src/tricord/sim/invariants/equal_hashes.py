# SPDX-License-Identifier: Apache-2.0
"""The state is a function of the log: the chain after an entry is one number on all members."""

from __future__ import annotations

from tricord.sim.invariants.broken import Broken
from tricord.statemachine.machine import StateMachine

CHECKER = "equal hashes"


class EqualHashes:
    """The chain after each index, as the first member that applied it had it."""

    __slots__ = ("_chains",)

    def __init__(self) -> None:
        self._chains: dict[int, int] = {0: 0}

    def applied(self, member: int, machine: StateMachine, first: int, last: int) -> None:
        """A member applied these indexes, or begins at the last. Raises Broken. Cost: a look-up for each."""
        chains = self._chains
        for index in range(first, last + 1):
            chain = machine.chain_at(index)
            if chain is not None and chains.setdefault(index, chain) != chain:
                raise Broken(CHECKER, f"{member}'s state after entry {index} differs from that of others")
