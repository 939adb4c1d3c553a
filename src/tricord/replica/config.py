# SPDX-License-Identifier: Apache-2.0
"""Limits of one replica."""

from __future__ import annotations

from tricord.base.message import message


@message
class ReplicaConfig:
    """How much waits and how much is kept in memory."""

    uncommitted_bytes_max: int = 64 << 20
    """Bytes of commands on their way; beyond it proposals get TooManyRequests. A single command always passes when
    nothing else is on its way. Higher: more memory and a longer queue before clients are told to slow down."""
    kept_entries: int = 10_000
    """Applied entries kept in memory for peers that lag."""
    kept_bytes: int = 16 << 20
    """Bytes of data in memory beyond which applied entries go, however few are kept then."""
    lagging_bytes: int = 128 << 20
    """The same for entries that a member which takes entries now still needs."""
    answer_adding_early: bool = True
    """Whether the adding of a voter is answered once the voters so far have decided it: before it is committed, which
    may take the new voter itself. Else when it is complete, as every other change."""

    def __post_init__(self) -> None:
        if min(self.uncommitted_bytes_max, self.kept_bytes) < 1 or self.kept_entries < 0:
            raise ValueError("the limits of a replica must be positive")
