# SPDX-License-Identifier: Apache-2.0
"""What a member vouches for is on its disk, and what a client was told to be written is there when all is over."""

from __future__ import annotations

from tricord.raft.messages import AppendEntriesResult, InstallSnapshotResult, Message
from tricord.sim.invariants.broken import Broken
from tricord.sim.invariants.seen import Stored

CHECKER = "durability"


def check_acknowledged(message: Message, stored: Stored) -> None:
    """What a message says of its sender's log is on the sender's disk. Raises Broken."""
    if type(message) is AppendEntriesResult:
        if message.success and message.match_index > stored.last_index:
            raise Broken(
                CHECKER,
                f"{message.sender} acknowledges entry {message.match_index}; its disk holds {stored.last_index}",
            )
    elif type(message) is InstallSnapshotResult and message.last_included_index > stored.last_index:
        raise Broken(CHECKER, f"{message.sender} acknowledges a snapshot that its disk does not hold")
