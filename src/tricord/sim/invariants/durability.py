# SPDX-License-Identifier: Apache-2.0
"""What a member vouches for is on its disk, and what a client was told to be written is there when all is over."""

from __future__ import annotations

from tricord.raft.messages import AppendEntriesResult, InstallSnapshotResult, Message
from tricord.sim.invariants.broken import Broken
from tricord.sim.invariants.seen import Seen, Stored

CHECKER = "durability"


def check_acknowledged(message: Message, stored: Stored, seen: Seen, term: int) -> None:
    """What a message says of its sender's log, which ``seen`` has in this term, is on its disk. Raises Broken."""
    if type(message) is AppendEntriesResult:
        if message.success and message.match_index > stored.last_index:
            raise Broken(
                CHECKER,
                f"{message.sender} acknowledges entry {message.match_index}; its disk holds {stored.last_index}",
            )
        held = stored.term_at(message.match_index)
        # In the term of its leader, a log keeps what it has in common with the leader's.
        if message.success and message.term == term and held is not None and message.match_index > seen.base[0]:
            known = seen.term_at(message.match_index)
            if held != known:
                raise Broken(
                    CHECKER,
                    f"{message.sender} acknowledges entry {message.match_index} of term {known}; its disk holds one of "
                    f"term {held}",
                )
    elif type(message) is InstallSnapshotResult and message.last_included_index > stored.last_index:
        raise Broken(CHECKER, f"{message.sender} acknowledges a snapshot that its disk does not hold")
