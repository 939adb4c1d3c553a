# SPDX-License-Identifier: Apache-2.0
"""The box "State" of figure 2: what one server knows. The other files decide; this one only holds.

Persistent: term and vote (``persistent_state``), the log, the configurations in it. Volatile: role, leader, commit
index, what was handed out to be applied, votes received, each member's progress, waiting reads, messages that wait for
the disk, what was forwarded.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from tricord.base.log import Entry, HardState
from tricord.base.membership import Configuration
from tricord.base.trace import Tracer
from tricord.raft.config import RaftConfig
from tricord.raft.configurations import Configurations
from tricord.raft.election_timeout import ElectionTimeouts
from tricord.raft.forwarded import Forwarded
from tricord.raft.log import Log
from tricord.raft.messages import InstallSnapshot, Message
from tricord.raft.output import Output
from tricord.raft.persistent_state import PersistentState
from tricord.raft.progress import Progress


class Role(Enum):
    """What a server is in its term (section 5.1; the pre-candidate: dissertation 9.6)."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


FOLLOWER = Role.FOLLOWER
LEADER = Role.LEADER
"""Asked for in every step: a look-up in an enumeration's class costs ten times as much."""


class State:
    """One server. Attributes are public to this package; others look, and never write."""

    __slots__ = (
        "applied_index",
        "campaigns",
        "commit_at_heartbeats",
        "commit_index",
        "config",
        "configurations",
        "disk_owed_ticks",
        "election_elapsed_ticks",
        "election_timeouts",
        "followers_are_due",
        "forwarded",
        "heartbeat_elapsed_ticks",
        "held_messages",
        "idle_ticks",
        "installing",
        "is_quiescent",
        "last_applied",
        "leader_id",
        "lease_is_void",
        "log",
        "now_ticks",
        "output",
        "persistent",
        "progress",
        "promised_ticks",
        "read_round",
        "reads_asked",
        "reads_in_rounds",
        "role",
        "round_ticks",
        "snapshots_failed",
        "start_term",
        "tracer",
        "transfer_elapsed_ticks",
        "transferee",
        "uncommitted_bytes",
        "verified_index",
        "votes",
    )

    def __init__(
        self,
        config: RaftConfig,
        hard_state: HardState,
        base: tuple[int, int],
        configuration: Configuration,
        entries: Sequence[Entry],
        applied_index: int,
        tracer: Tracer | None,
        output: Output,
    ) -> None:
        self.config = config
        self.persistent = PersistentState(hard_state)
        self.start_term = hard_state.term
        """The term in which this process began."""
        self.log = Log(base[0], base[1], entries)
        assert self.log.last_term <= hard_state.term, "no entry is of a term that this member never saw"
        assert base[0] <= applied_index <= self.log.last_index, "what was applied is in the log or below its base"
        self.configurations = Configurations(base[0], configuration, entries)
        self.role = Role.FOLLOWER
        self.leader_id = 0
        # The stored commit index may be ahead of a log whose tail was not synced, and behind what was applied.
        self.commit_index = min(max(hard_state.commit, applied_index), self.log.last_index)
        self.last_applied = applied_index
        """The last entry that was handed out to be applied."""
        self.applied_index = applied_index
        """The last one that the host has applied."""
        self.verified_index = 0
        """On a follower: how far its log is known to be this term's leader's."""
        self.installing: InstallSnapshot | None = None
        """On a follower: the snapshot that its host is making durable."""
        self.votes: dict[int, bool] = {}
        self.campaigns = 0
        """Elections that this server began since it last knew a leader."""
        self.progress: dict[int, Progress] = {}
        self.election_timeouts = ElectionTimeouts(config.election_ticks, seed=config.seed, priority=config.priority)
        self.election_timeouts.draw()
        self.election_elapsed_ticks = 0
        self.heartbeat_elapsed_ticks = 0
        self.now_ticks = 0
        """All ticks that ever passed, pauses too."""
        self.promised_ticks = config.election_ticks
        """Until when a leader's lease may count on this server to elect nobody (section 6.4.1), in whatever term: an
        election timeout from when it heard of one, or from its start, for a process before it may have heard of one."""
        self.commit_at_heartbeats = (0, 0)
        """On a leader: the commit index when the heartbeats before the last left, and when the last did."""
        self.read_round = 0
        self.round_ticks: list[tuple[int, int]] = []
        """With lease reads: (round, when it began), the newest confirmed one first."""
        self.lease_is_void = False
        """A leader that told another to campaign has no lease in this term any more."""
        self.followers_are_due = True
        """On a leader: whether anything happened since it last looked what each follower may be sent."""
        self.reads_asked: list[tuple[int, list[int]]] = []
        """(who asks, 0: this server's host; contexts) that no round was begun for yet."""
        self.reads_in_rounds: list[tuple[int, int, list[tuple[int, list[int]]]]] = []
        """(round, read index, who asks with which contexts), oldest first."""
        self.forwarded = Forwarded(config.seed)
        self.transferee = 0
        """On a leader: to whom the lead is being handed over."""
        self.transfer_elapsed_ticks = 0
        self.disk_owed_ticks = 0
        """On a leader: how long its disk owes an answer."""
        self.snapshots_failed: set[int] = set()
        """Members whose snapshot did not arrive; asked for again at the next heartbeat."""
        self.uncommitted_bytes = 0
        """On a leader, with ``uncommitted_bytes_max``: data in the uncommitted tail."""
        self.is_quiescent = False
        self.idle_ticks = 0
        self.held_messages: list[Message] = []
        self.tracer = tracer
        self.output = output

    @property
    def election_timeout_ticks(self) -> int:
        """How long this server is silent until it campaigns."""
        return self.election_timeouts.ticks

    @property
    def configuration(self) -> Configuration:
        """The configuration in force: the newest in the log, committed or not (section 4.1)."""
        return self.configurations.current

    @property
    def is_sole_voter(self) -> bool:
        """Whether this server alone is a majority."""
        configuration = self.configurations.current
        return configuration.voters == (self.config.id,) and not configuration.outgoing

    @property
    def is_promotable(self) -> bool:
        """Whether this server may campaign: its state is whole, and it votes, or did in what is known to be committed.

        Section 4.2.2: one that is not in the newest configuration may be the only one that can bring it to the others.
        """
        configurations, own = self.configurations, self.config.id
        if self.installing is not None:
            return False
        if configurations.current.is_voter(own):
            return True
        return configurations.current_index > self.commit_index and configurations.at(self.commit_index).is_voter(own)

    @property
    def has_committed_in_its_term(self) -> bool:
        """Whether an entry of the current term is committed; only then a leader knows what is (section 8)."""
        return self.log.term_at(self.commit_index) == self.persistent.current_term
