# SPDX-License-Identifier: Apache-2.0
"""Settings of a node. A local id is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xxhash import xxh3_64_intdigest

from tricord.base.errors import ConfigurationError
from tricord.base.message import message

COMMAND_BYTES_LIMIT = 32 << 20
"""What fits into a frame between two nodes, with room for what is around it."""

_POSITIVE = (
    "tick_seconds",
    "heartbeat_ticks",
    "timeout_seconds",
    "command_bytes_max",
    "uncommitted_bytes_max",
    "snapshot_entries",
    "snapshot_bytes",
    "snapshots_kept",
)


@message
class NodeConfig:
    """One node. Raises ConfigurationError when a setting makes no sense."""

    local_id: str
    """This node's name, the same at every start with the same stores. A node whose disk was lost comes back under
    another name, or after the old one was removed."""
    voters: Mapping[str, str] | Sequence[str] = ()
    """The cluster at its very first start: the names of all voting nodes, this one among them, the same at each of
    them; with a mapping also their addresses (``HOST:PORT``). Empty: this one alone. Stores that hold anything already
    know better: then it only helps to find the others."""
    join: bool = False
    """Begin without a cluster and wait: for the leader of one that ``voters`` names to add this node (which need not be
    among them), or for ``bootstrap``."""
    cluster: str = "raft"
    """The cluster's name. Nodes of another cluster are not listened to; stores belong to one for ever."""
    tick_seconds: float = 0.1
    """Length of a tick."""
    election_ticks: int = 10
    """A node that hears no leader for this long, or up to twice as long, begins an election. Lower: a lost leader is
    replaced sooner; higher: a slow network or a busy process is not taken for a lost leader."""
    heartbeat_ticks: int = 1
    """A leader's pause between heartbeats."""
    priority: int = 0
    """Who of equals should lead: a higher one campaigns sooner, and is preferred when the lead is handed over."""
    lease_reads: bool = False
    """Barriers without a round of messages while a majority was heard a moment ago. Trusts clocks and pauses."""
    timeout_seconds: float = 10.0
    """How long a call waits when it does not say."""
    command_bytes_max: int = 8 << 20
    """Bytes of one command; a larger one raises RequestTooLarge. Large commands hold up others."""
    uncommitted_bytes_max: int = 64 << 20
    """Bytes of commands on their way; beyond it ``apply`` raises TooManyRequests."""
    snapshot_entries: int = 8_192
    """A snapshot is taken after so many entries. Fewer: shorter restarts; more: less work in between."""
    snapshot_bytes: int = 64 << 20
    """A snapshot is taken after so many bytes of commands, however few they are."""
    snapshots_kept: int = 2
    """Newest snapshots that are kept. With more than one, a damaged snapshot is made good by the one before it and the
    log, which is kept for its sake."""
    trailing_entries: int = 10_240
    """Entries kept behind a snapshot, for ``get_log`` and for nodes that lag."""

    def __post_init__(self) -> None:
        if not self.local_id:
            raise ConfigurationError("local_id is empty: give the node a name")
        if isinstance(self.voters, str):
            raise ConfigurationError("voters is one text: give names in a tuple, or names and addresses in a mapping")
        if self.voters and not self.join and self.local_id not in self.voters:
            raise ConfigurationError(f"voters must contain local_id ({self.local_id!r}), but for a node that joins")
        if len(set(self.voters)) != len(self.voters):
            raise ConfigurationError("voters has a name twice")
        if not self.cluster:
            raise ConfigurationError("cluster is empty: give the cluster a name")
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} must be positive")
        if self.command_bytes_max > COMMAND_BYTES_LIMIT:
            raise ConfigurationError(f"command_bytes_max must be at most {COMMAND_BYTES_LIMIT}")
        if self.election_ticks <= self.heartbeat_ticks:
            raise ConfigurationError("election_ticks must be above heartbeat_ticks")
        if min(self.trailing_entries, self.priority) < 0:
            raise ConfigurationError("trailing_entries and priority must not be negative")

    @property
    def addresses(self) -> dict[str, str]:
        """The initial voters by name; the address is empty where none was given."""
        voters = self.voters
        return dict(voters) if isinstance(voters, Mapping) else dict.fromkeys(voters, "")


def cluster_number(cluster: str) -> int:
    """The number that stands for a cluster's name: 63 bits of its hash, never 0."""
    return xxh3_64_intdigest(cluster.encode()) >> 1 or 1


def member_number(cluster: str, name: str) -> int:
    """The number that stands for a node of a cluster in the core: 63 bits of a hash, never 0."""
    return xxh3_64_intdigest(name.encode(), seed=cluster_number(cluster)) >> 1 or 1
