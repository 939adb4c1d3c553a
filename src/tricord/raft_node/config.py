# SPDX-License-Identifier: Apache-2.0
"""Settings of a node. A local id is enough."""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

from tricord.base.errors import ConfigurationError
from tricord.base.message import message


@message
class NodeConfig:
    """One node. Raises ConfigurationError when a setting makes no sense."""

    local_id: str
    """This node's name, the same at every start with the same stores."""
    voters: tuple[str, ...] = ()
    """The names of all voting nodes, this one among them; empty: this one alone. Of several, one that lags
    behind what the leader's log still holds is not refilled yet."""
    tick_seconds: float = 0.1
    """Length of a tick. Elections begin after 10 to 20 ticks of silence, heartbeats go out every tick."""
    timeout_seconds: float = 10.0
    """How long ``apply`` and ``barrier`` wait when the call does not say."""
    uncommitted_bytes_max: int = 64 << 20
    """Bytes of commands on their way; beyond it ``apply`` raises TooManyRequests."""
    snapshot_entries: int = 8_192
    """A snapshot is taken after so many entries. Fewer: shorter restarts; more: less work in between."""
    trailing_entries: int = 10_240
    """Entries kept behind a snapshot, for ``get_log`` and for nodes that lag."""

    def __post_init__(self) -> None:
        if not self.local_id:
            raise ConfigurationError("local_id is empty: give the node a name")
        if self.voters and self.local_id not in self.voters:
            raise ConfigurationError(f"voters must contain local_id ({self.local_id!r})")
        for name in ("tick_seconds", "timeout_seconds", "uncommitted_bytes_max", "snapshot_entries"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} must be positive")
        if self.trailing_entries < 0:
            raise ConfigurationError("trailing_entries must not be negative")


def member_number(name: str) -> int:
    """The number that stands for a name in the core: 63 bits of its hash, never 0."""
    return xxh3_64_intdigest(name.encode()) >> 1 or 1
