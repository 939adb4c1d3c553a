# SPDX-License-Identifier: Apache-2.0
"""Reads by a lease (dissertation 6.4.1): while a leader's lease holds nobody leads after it, and whoever confirmed the
round that a lease counts from elects nobody as long as that lease may hold. Only a leader that hands over allows it.

Times are true ones, rounds begin when their first heartbeat leaves.
"""

from __future__ import annotations

from tricord.raft.messages import AppendEntries, AppendEntriesResult, Message, RequestVote, RequestVoteResult
from tricord.raft.read_index import has_lease
from tricord.raft.state import State
from tricord.sim.invariants.broken import Broken

CHECKER = "read leases"


class ReadLeases:
    """What voters promised. ``tick`` is how long one takes, in nanoseconds."""

    __slots__ = ("_began", "_handed_over", "_promised", "_tick")

    def __init__(self, tick: int) -> None:
        self._tick = tick
        self._began: dict[int, tuple[int, int, int]] = {}
        """Of each leader its newest round: (term, round, when it began)."""
        self._promised: dict[int, int] = {}
        """Until when a voter elects nobody."""
        self._handed_over: set[int] = set()
        """The terms of elections that a leader asked for."""

    def sent(self, messages: list[Message], state: State, now: int) -> None:
        """A member sends these. Raises Broken."""
        for message in messages:
            kind = type(message)
            if kind is AppendEntries:
                assert isinstance(message, AppendEntries)
                if self._began.get(message.sender, (0, 0, 0))[:2] != (message.term, message.read_round):
                    self._began[message.sender] = (message.term, message.read_round, now)
            elif kind is AppendEntriesResult:
                assert isinstance(message, AppendEntriesResult)
                self._confirmed(message, state)
            elif kind is RequestVote:
                assert isinstance(message, RequestVote)
                if message.transfer:
                    self._handed_over.add(message.term)
                elif not message.pre_vote:
                    self._voted(message.sender, message.term, now)
            elif kind is RequestVoteResult:
                assert isinstance(message, RequestVoteResult)
                if message.vote_granted and not message.pre_vote:
                    self._voted(message.sender, message.term, now)

    def check_alone(self, member: int, state: State, newest: int) -> None:
        """A leader, and the newest term that anybody leads in. Raises Broken."""
        if newest > state.persistent.current_term and has_lease(state):
            raise Broken(
                CHECKER,
                f"{member} has a lease for reads in term {state.persistent.current_term}; term {newest} has a leader",
            )

    def _confirmed(self, message: AppendEntriesResult, state: State) -> None:
        term, number, began = self._began.get(message.receiver, (0, 0, 0))
        if term == message.term and number == message.read_round:
            config = state.config
            until = began + (config.election_ticks - config.lease_drift_ticks) * self._tick
            self._promised[message.sender] = max(self._promised.get(message.sender, 0), until)

    def _voted(self, voter: int, term: int, now: int) -> None:
        left = self._promised.get(voter, 0) - now
        if left > 0 and term not in self._handed_over:
            raise Broken(CHECKER, f"{voter} votes in term {term}, {left / 1e9:.3f} s before its promise ends")
