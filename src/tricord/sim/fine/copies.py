# SPDX-License-Identifier: Apache-2.0
"""Whether a member's copy may be lost: the atlas in its strict form, which looks at what the other disks hold.

Raft trusts that a member never forgets what it vouched for. So one may come back with an older disk only where it makes
no difference: a majority without it durably holds every entry that it forgets, and has gone beyond the terms, or given
the votes, that it could give a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tricord.sim.fine.disk import Image
from tricord.sim.invariants.broken import majority

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host


def may_forget(cluster: Cluster, host: Host, image: Image) -> bool:
    """Whether the member may have this older disk instead of its own."""
    configuration = host.replica.configuration
    if configuration.is_joint or cluster.operator.is_busy:
        return False
    hosts = [other for other in cluster.hosts.values() if not other.wiped and not other.refused]
    if any(other is not host and other.replica.configuration != configuration for other in hosts):
        return False
    voters = configuration.voters
    others = [other.disk.synced or other.disk.held for other in hosts if other is not host and other.identity in voters]
    held = host.disk.held
    return (
        image.last_index <= held.last_index
        and majority(voters, sum(_holds_all_of(other, held) for other in others))
        and _vote_is_settled(voters, others, held, image)
    )


def _holds_all_of(other: Image, held: Image) -> bool:
    """Whether the other disk has the same last entry: by log matching it has all before it."""
    last = held.last_index
    return other.base[0] > last or other.term_at(last) == held.term_at(last)


def _vote_is_settled(voters: tuple[int, ...], others: Iterable[Image], held: Image, image: Image) -> bool:
    if image.hard_state.term == held.hard_state.term and image.hard_state.vote == held.hard_state.vote:
        return True
    term = held.hard_state.term
    beyond = 0
    votes: dict[int, int] = {}
    for other in others:
        if other.hard_state.term > term:
            beyond += 1
        elif other.hard_state.term == term and other.hard_state.vote:
            votes[other.hard_state.vote] = votes.get(other.hard_state.vote, 0) + 1
    return majority(voters, beyond + max(votes.values(), default=0))
