# SPDX-License-Identifier: Apache-2.0
"""Election Safety (figure 3): a term has one leader at most, and a majority's disks hold their votes for it."""

from __future__ import annotations

from collections.abc import Callable

from tricord.raft.messages import Message, RequestVote, RequestVoteResult
from tricord.raft.state import State
from tricord.sim.invariants.broken import Broken, majority
from tricord.sim.invariants.seen import Stored

CHECKER = "election safety"


class ElectionSafety:
    """Who led in which term. ``stored(member)`` is its disk, or None for one that is gone."""

    __slots__ = ("_stored", "leaders", "newest")

    def __init__(self, stored: Callable[[int], Stored | None]) -> None:
        self._stored = stored
        self.leaders: dict[int, int] = {}
        self.newest = 0
        """The newest term that anybody led in."""

    def elected(self, member: int, state: State) -> None:
        """A member leads from now on. Raises Broken."""
        term = state.persistent.current_term
        self.newest = max(self.newest, term)
        other = self.leaders.setdefault(term, member)
        if other != member:
            raise Broken(CHECKER, f"term {term} has two leaders: {other} and {member}")
        configuration = state.configuration
        for voters in (configuration.voters, configuration.outgoing):
            votes = sum(self._voted(voter, member, term) for voter in voters)
            if voters and not majority(voters, votes):
                raise Broken(CHECKER, f"{member} leads in term {term}, and only {votes} disks of {voters} say so")

    def _voted(self, voter: int, candidate: int, term: int) -> bool:
        stored = self._stored(voter)
        if stored is None:
            return True  # replaced meanwhile: nobody can say
        hard_state = stored.hard_state
        return hard_state.term > term or (hard_state.term == term and hard_state.vote == candidate)


def check_vote(message: Message, stored: Stored) -> None:
    """What a message says of its sender's vote is on the sender's disk. Raises Broken."""
    hard_state = stored.hard_state
    kind = type(message)
    vote = 0
    if kind is RequestVote:
        assert isinstance(message, RequestVote)
        if message.pre_vote:
            return
        vote = message.sender
    elif kind is RequestVoteResult:
        assert isinstance(message, RequestVoteResult)
        if message.pre_vote:
            return
        vote = message.receiver if message.vote_granted else 0
    if message.term > hard_state.term:
        raise Broken(CHECKER, f"{message.sender} speaks in term {message.term}; its disk holds {hard_state.term}")
    if vote and (hard_state.term, hard_state.vote) != (message.term, vote):
        raise Broken(CHECKER, f"{message.sender} votes for {vote} in term {message.term}, which its disk does not hold")
