# SPDX-License-Identifier: Apache-2.0
"""A leader that works is left alone, and one that is gone is missed (dissertation 4.2.3 and 9.6; section 5.2).

- Who hears its leader promises its vote to nobody else.
- Nobody enters a term of its own accord before a majority said that it would vote for it.
- A follower begins to be patient anew only when it hears of a leader, or votes: else nobody would ever campaign.

What breaks these costs progress, not safety: it is seen here long before a cluster stands still.
"""

from __future__ import annotations

from typing import Any

from tricord.raft import Role
from tricord.raft.messages import AppendEntries, InstallSnapshot, Message, RequestVote, RequestVoteResult, TimeoutNow
from tricord.raft.state import FOLLOWER, State
from tricord.replica import TurnInput
from tricord.sim.invariants.broken import Broken, majority

CHECKER = "progress"
_CAUSES = (AppendEntries, InstallSnapshot, RequestVote, TimeoutNow)


class Patience:
    """What each member knew after its last turn, and who would vote for whom."""

    __slots__ = ("_before", "_promised")

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, int, Role, int, int]] = {}
        """Member -> term, vote, role, leader and ticks without a sign of life."""
        self._promised: dict[tuple[int, int], set[int]] = {}
        """(candidate, term) -> who said yes."""

    def started(self, member: int) -> None:
        """A process begins: it has heard of nobody."""
        self._before.pop(member, None)

    def answered(self, message: RequestVoteResult, state: State, taken: TurnInput) -> None:
        """A member answers whether it would vote, in the turn that took this. Raises Broken."""
        if not (message.pre_vote and message.vote_granted):
            return
        self._promised.setdefault((message.receiver, message.term), set()).add(message.sender)
        before = self._before.get(message.sender)
        if before is None or before[3] in (0, message.sender) or not _is_asked(message, taken):
            return
        term, _, _, leader, silent = before
        # Time that passed in this turn, and news of another term, may have come first.
        if silent + taken.ticks + taken.paused_ticks < state.config.election_ticks and not _ends_a_lead(taken, term):
            words = (
                f"would vote for {message.receiver} in term {message.term}, and heard of {leader} {silent} ticks ago"
            )
            raise Broken(CHECKER, f"{message.sender} {words}")

    def campaigned(self, message: RequestVote, state: State) -> None:
        """A member asks for votes in a term that it entered. Raises Broken."""
        if message.pre_vote or message.transfer or not state.config.pre_vote or state.role is not Role.CANDIDATE:
            return
        willing = {message.sender, *self._promised.get((message.sender, message.term), ())}
        for voters in (state.configuration.voters, state.configuration.outgoing):
            if voters and not majority(voters, len(willing.intersection(voters))):
                raise Broken(
                    CHECKER, f"{message.sender} enters term {message.term}, and only {sorted(willing)} would vote"
                )

    def turned(self, member: int, state: State, taken: TurnInput) -> None:
        """A member took a turn. Raises Broken. Cost: a comparison, and a look at what it heard where it is patient."""
        persistent = state.persistent
        term, vote, silent = persistent.current_term, persistent.voted_for, state.election_elapsed_ticks
        before = self._before.get(member)
        now = (term, vote, state.role, state.leader_id, silent)
        if now == before:
            return
        self._before[member] = now
        if before is None or silent >= before[4] or state.role is not FOLLOWER or state.config.quiesce_ticks:
            return
        if before[:3] == (term, vote, FOLLOWER) and not any(_is_cause(one, term) for one in taken.messages):
            heard = sorted({f"{type(one).__name__} of term {_term(one)}" for one in taken.messages})
            words = f"after {before[4]} ticks, having heard {', '.join(heard) or 'nothing'}"
            raise Broken(CHECKER, f"{member} begins to be patient anew in term {term}, {words}")


def _is_cause(message: Message, term: int) -> bool:
    return type(message) in _CAUSES and _term(message) >= term


def _is_asked(answer: RequestVoteResult, taken: TurnInput) -> bool:
    """Whether this turn decided on the answer; else it was decided before, and waited for the disk."""
    return any(
        type(one) is RequestVote and one.pre_vote and (one.sender, one.term) == (answer.receiver, answer.term)
        for one in taken.messages
    )


def _ends_a_lead(taken: TurnInput, term: int) -> bool:
    """Whether a member that took this may know of no leader any more, for a good reason."""
    if taken.leader_gone or taken.unreachable or taken.installed is not None:
        return True
    for message in taken.messages:
        if type(message) is RequestVote:
            if message.transfer:
                return True
        elif type(message) is TimeoutNow or _term(message) > term:
            return True
    return False


def _term(message: Any) -> int:
    return int(message.term)
