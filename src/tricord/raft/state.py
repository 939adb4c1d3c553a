# SPDX-License-Identifier: Apache-2.0
"""The box "State" of figure 2: what one server knows. The other files decide; this one only holds.

Persistent: term and vote (``persistent_state``), the log. Volatile: role, leader, commit index, what was handed out
to be applied, votes received, each member's progress, waiting reads, messages that wait for the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from tricord.base.log import Entry, HardState
from tricord.base.trace import Tracer
from tricord.raft.config import RaftConfig
from tricord.raft.election_timeout import ElectionTimeouts
from tricord.raft.log import Log
from tricord.raft.messages import Message
from tricord.raft.output import Output
from tricord.raft.persistent_state import PersistentState
from tricord.raft.progress import Progress


class Role(Enum):
    """What a server is in its term (section 5.1)."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


class State:
    """One server. Attributes are public to this package; others look, and never write."""

    __slots__ = (
        "commit_index",
        "config",
        "election_elapsed_ticks",
        "election_timeout_ticks",
        "election_timeouts",
        "heartbeat_elapsed_ticks",
        "held_messages",
        "last_applied",
        "leader_id",
        "log",
        "output",
        "persistent",
        "progress",
        "read_round",
        "reads_asked",
        "reads_in_rounds",
        "role",
        "tracer",
        "verified_index",
        "votes",
    )

    def __init__(
        self,
        config: RaftConfig,
        hard_state: HardState,
        base: tuple[int, int],
        entries: Sequence[Entry],
        applied_index: int,
        tracer: Tracer | None,
    ) -> None:
        self.config = config
        self.persistent = PersistentState(hard_state)
        self.log = Log(base[0], base[1], entries)
        assert self.log.last_term <= hard_state.term, "no entry is of a term that this member never saw"
        assert base[0] <= applied_index <= self.log.last_index, "what was applied is in the log or below its base"
        self.role = Role.FOLLOWER
        self.leader_id = 0
        # The stored commit index may be ahead of a log whose tail was not synced, and behind what was applied.
        self.commit_index = min(max(hard_state.commit, applied_index), self.log.last_index)
        self.last_applied = applied_index
        self.verified_index = 0
        """On a follower: how far its log is known to be this term's leader's."""
        self.votes: dict[int, bool] = {}
        self.progress: dict[int, Progress] = {}
        self.election_timeouts = ElectionTimeouts(config.election_ticks, seed=config.seed)
        self.election_timeout_ticks = self.election_timeouts.draw()
        self.election_elapsed_ticks = 0
        self.heartbeat_elapsed_ticks = 0
        self.read_round = 0
        self.reads_asked: list[int] = []
        """Contexts that no round was begun for yet."""
        self.reads_in_rounds: list[tuple[int, int, list[int]]] = []
        """(round, read index, contexts), oldest first."""
        self.held_messages: list[Message] = []
        self.tracer = tracer
        self.output = Output()

    @property
    def is_sole_voter(self) -> bool:
        """Whether this server alone is a majority."""
        return self.config.voters == (self.config.id,)

    @property
    def has_committed_in_its_term(self) -> bool:
        """Whether an entry of the current term is committed; only then a leader knows what is (section 8)."""
        return self.log.term_at(self.commit_index) == self.persistent.current_term
