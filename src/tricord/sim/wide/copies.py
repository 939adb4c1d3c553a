# SPDX-License-Identifier: Apache-2.0
"""Whether a member may forget what it had acknowledged, so that nothing that was promised depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tricord.sim.wide.cluster_run import ClusterRun
    from tricord.sim.wide.keeper import Keeper


class Forgotten:
    """What one member knew when it died."""

    def __init__(self, run: ClusterRun, keeper: Keeper, member: Any | None) -> None:
        """``member`` is None where nobody ran; then what it knew is not known, and nothing may be forgotten."""
        self._run = run
        self._keeper = keeper
        self._is_known = member is not None
        self._last_index = member.replica.last_index if member is not None else 0
        self._term = member.replica.term if member is not None else 0
        self.member = keeper.member

    def is_covered(self) -> bool:
        """Whether every majority that it may be a part of has somebody else who knows all of it, and nobody asks for
        its vote in a term in which it may have voted.

        Somebody else leads in a term as new, all others are in that term too, and what is decided and durable on
        enough of them reaches beyond its log.
        """
        leader = self._run.leader()
        if not self._is_known or leader is None:
            return False
        replica = leader.host.member.replica
        configuration = replica.configuration
        if configuration.is_joint or self.member not in configuration.voters or not replica.caught_up:
            return False
        if replica.term < self._term or replica.commit_index < self._last_index:
            return False
        members = {keeper.member: keeper.host.member for keeper in self._run.up()}
        others = [members.get(voter) for voter in configuration.voters if voter != self.member]
        if any(other is None or other.replica.term != replica.term for other in others):
            return False
        ignorant = [other for other in others if _durable(other) < replica.commit_index]
        return len(ignorant) <= len(configuration.voters) // 2 + 1 - 2


def _durable(member: Any) -> int:
    log = member.replica._raft.state.log
    return int(min(log.persisted_index, member.replica.commit_index))
