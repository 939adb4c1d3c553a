# SPDX-License-Identifier: Apache-2.0
"""The alarm of a member whose disk is full, as its own measure raises and clears it: it asks whoever leads, again and
again, until the state machine has it so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.errors import TricordError
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import Applied

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host

LOOK_SECONDS = 0.25


class SpaceAlarm:
    """Of one member, for as long as the run lasts: what was asked for long ago may still take effect."""

    def __init__(self, cluster: Cluster, member: int) -> None:
        self._cluster = cluster
        self._member = member
        self.is_full = True
        self._look()

    def _look(self) -> None:
        cluster = self._cluster
        cluster.schedule.after(LOOK_SECONDS, self._look)
        leader = cluster.leader()
        if leader is not None and ((self._member, AlarmKind.NOSPACE) in leader.machine.alarms) != self.is_full:
            change = AlarmChange(self._member, AlarmKind.NOSPACE, self.is_full, automatic=True)
            leader.propose(self, encode_command(change, None))

    # --- as an Asker: whatever became of it, the next look tells ---------------------------------------------------

    def applied(self, host: Host, applied: Applied) -> None:
        """It is so."""

    def readable(self, host: Host) -> None:
        """Not of these."""

    def dropped(self, host: Host, error: TricordError) -> None:
        """It did nothing, or nobody can say."""

    def gone(self, host: Host) -> None:
        """The leader died."""

    def ended(self, host: Host) -> None:
        """Not of these."""
