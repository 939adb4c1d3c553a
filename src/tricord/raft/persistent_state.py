# SPDX-License-Identifier: Apache-2.0
"""The two values of figure 2 that must survive a crash beside the log: current term and vote.

Both are known here in two versions: as decided, and as durable. The disk is one more peer: it is told the new values
and answers later. The rule kept with it, by ``outbox``: no message leaves in a term, or with a vote, that a crash could
still undo. Without it a restarted member votes twice in one term, and two leaders share it.
"""

from __future__ import annotations

from tricord.base.log import HardState


class PersistentState:
    """Current term and vote (0: nobody), and how much of it is durable."""

    __slots__ = ("changed", "current_term", "durable_term", "durable_vote", "is_durable", "voted_for")

    def __init__(self, hard_state: HardState) -> None:
        self.current_term = hard_state.term
        self.voted_for = hard_state.vote
        self.durable_term = hard_state.term
        self.durable_vote = hard_state.vote
        self.changed = False
        self.is_durable = True
        """Whether a restart now would find exactly the current term and vote. Kept, since each message asks for it."""

    def enter_term(self, term: int) -> None:
        """Begin a higher term; nobody has this member's vote in it yet."""
        assert term > self.current_term, "a term never goes back"
        self.current_term = term
        self.voted_for = 0
        self.changed = True
        self.is_durable = False

    def vote_for(self, candidate: int) -> None:
        """Give this term's vote. Section 5.2: at most one vote in a term."""
        assert self.voted_for in (0, candidate), "one vote in a term"
        if self.voted_for == 0:
            self.voted_for = candidate
            self.changed = True
            self.is_durable = False

    def persisted(self, term: int, vote: int) -> None:
        """The disk holds these values now; older answers are ignored."""
        if (term, vote != 0) >= (self.durable_term, self.durable_vote != 0):
            self.durable_term = term
            self.durable_vote = vote
            self.is_durable = (term, vote) == (self.current_term, self.voted_for)
