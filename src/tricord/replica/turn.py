# SPDX-License-Identifier: Apache-2.0
"""What goes into a turn of the replica and what comes out: one record each, with lists.

A ticket is an integer that the host chose for one request; the replica hands it back with the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tricord.base.errors import TricordError
from tricord.base.log import HardState
from tricord.base.membership import Change, Configuration
from tricord.raft.messages import Message
from tricord.raft.output import Output

AppliedT = TypeVar("AppliedT")


@dataclass(slots=True)
class TurnInput:
    """Everything that happened since the last turn."""

    ticks: int = 0
    """How many ticks passed. After a stall one is right: what came in meanwhile goes first."""
    paused_ticks: int = 0
    """How many more passed while this process did not run; nobody's silence, but leases end."""
    proposals: list[tuple[int, bytes]] = field(default_factory=list)
    """(ticket, command)."""
    reads: list[int] = field(default_factory=list)
    """Tickets of linearizable reads."""
    reads_behind: list[tuple[int, int]] = field(default_factory=list)
    """(ticket of a read of this or a later turn, how many entries may be missing to its index when it is served)."""
    now: float = 0.0
    """The host's time, read after all of ``reads`` were asked for and before the turn: see ``Replica.fresh_as_of``."""
    persisted_to: int = 0
    """The highest index that is durable in this member's log (0: nothing new)."""
    persisted_term: int = 0
    """The term of the entry at ``persisted_to``. A sole voter's host may leave it 0: its entries are never replaced."""
    persisted_hard_state: HardState | None = None
    """The newest hard state that is durable, if that is news."""
    messages: list[Message] = field(default_factory=list)
    """From peers. An InstallSnapshot comes when its data is here, whole and verified."""
    changes: list[tuple[int, list[Change], bool]] = field(default_factory=list)
    """(ticket, changes of the configuration, through a joint one); answered when it is committed, and left again where
    it was joint. An empty list of changes leaves a joint configuration."""
    transfers: list[tuple[int, int]] = field(default_factory=list)
    """(ticket, to whom the lead should go; 0: to the best one); answered when another leads, or when it failed."""
    snapshots_sent: list[tuple[int, int, bool]] = field(default_factory=list)
    """(member, the snapshot's index, whether it arrived): attempts that have ended."""
    installed: tuple[int, int] | None = None
    """(index, term) of the snapshot of ``TurnOutput.install``, which is durable now; the machine holds its state."""
    unreachable: list[int] = field(default_factory=list)
    """Members whose link broke: what was sent may be lost."""
    leader_gone: int = 0
    """A member whose process is known to be gone; if it leads, it is not waited for."""

    def emptied(self) -> TurnInput:
        """One without anything, after a turn took this: this one, unless it held what somebody may have kept."""
        if (
            self.proposals
            or self.reads
            or self.reads_behind
            or self.changes
            or self.transfers
            or self.snapshots_sent
            or self.unreachable
            or self.installed
        ):
            return TurnInput()
        self.ticks = self.paused_ticks = self.persisted_to = self.persisted_term = self.leader_gone = 0
        self.persisted_hard_state = None
        if self.messages:
            self.messages = []
        return self


@dataclass(slots=True, init=False)
class TurnOutput(Output, Generic[AppliedT]):
    """What the host has to do: what the core asks for (``answered`` and ``committed`` are done with), and the answers.

    The order of persisting is: ``hard_state``, ``install``, ``entries``.
    """

    replies: list[tuple[int, AppliedT]]
    """(ticket, what its command answered)."""
    dropped: list[tuple[int, TricordError]]
    """(ticket, why): NoLeader, TooManyRequests and MembershipRefused did nothing; OutcomeUnknown may have happened or
    happen yet."""
    reads: list[int]
    """Tickets of the reads that may be served now, from the state as it is."""
    applied: list[AppliedT]
    """Everything that was applied in this turn, for watchers."""
    changed: list[tuple[int, Configuration]]
    """(ticket, the configuration that its change led to)."""
    transferred: list[tuple[int, int]]
    """(ticket, who leads now)."""

    def __init__(self) -> None:
        Output.__init__(self)  # not by super(): a dataclass with slots is another class than the one that was written
        self.replies = []
        self.dropped = []
        self.reads = []
        self.applied = []
        self.changed = []
        self.transferred = []
