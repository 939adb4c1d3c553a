# SPDX-License-Identifier: Apache-2.0
"""What a leader knows of one member's log: ``next_index`` and ``match_index`` of figure 2, and how much is on its way.

- PROBE: the two logs' common part is not known: one message at a time, until one is accepted.
- REPLICATE: entries are sent ahead of their acknowledgement (dissertation 10.2.1), within the in-flight limits.
- SNAPSHOT: the entries that it lacks are gone here: the host brings it a snapshot, and nothing is sent meanwhile.

```
            a message is accepted                 it is refused, or may be lost
 PROBE ------------------------------> REPLICATE ------------------------------> PROBE
   '--- its entries are gone ---> SNAPSHOT --- the attempt ended, or it is durable ---> PROBE
```
"""

from __future__ import annotations

from enum import Enum

from tricord.base.reachable import reachable
from tricord.raft.inflights import Inflights


class Phase(Enum):
    """How entries are sent to a member."""

    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


PROBE = Phase.PROBE
REPLICATE = Phase.REPLICATE
SNAPSHOT = Phase.SNAPSHOT
"""For look-ups in every step."""


class Progress:
    """One member as the leader sees it; the leader keeps one for itself, fed by its own disk."""

    __slots__ = (
        "acknowledged_since_heartbeat",
        "commit_sent",
        "inflights",
        "match_index",
        "next_index",
        "phase",
        "probe_sent",
        "probed_to",
        "read_round",
        "silent_ticks",
    )

    def __init__(self, next_index: int) -> None:
        self.match_index = 0
        self.next_index = next_index
        self.phase = PROBE
        self.probe_sent = False
        """In PROBE: nothing more is sent before an answer, or the next heartbeat."""
        self.probed_to = 0
        """The last entry that the probe on its way carries."""
        self.inflights = Inflights()
        self.read_round = 0
        """The newest round in which this member confirmed the leader."""
        self.silent_ticks = 0
        """How long it was not heard."""
        self.acknowledged_since_heartbeat = False
        self.commit_sent = 0
        """How far it was told that the log is committed."""

    def matched(self, index: int) -> bool:
        """The member's durable log is the leader's up to the index. True when that is news."""
        news = index > self.match_index
        if news:
            self.match_index = index
            self.inflights.acknowledged(index)
            self.acknowledged_since_heartbeat = True
        # In PROBE, only what confirms the place that was asked about ends it: a heartbeat's answer tells less.
        if self.phase is PROBE and self.match_index >= self.next_index - 1:
            self.phase = REPLICATE
            self.probe_sent = False
            self.next_index = max(self.next_index, self.probed_to + 1)
        self.next_index = max(self.next_index, self.match_index + 1)
        return news

    def refused(self, refused_index: int, match_hint: int) -> bool:
        """The member's log has not the leader's entry at ``refused_index``. False for an answer that is out of date."""
        if self.phase is SNAPSHOT or refused_index <= self.match_index:
            return False
        if self.phase is PROBE and refused_index != self.next_index - 1:
            return False
        self.probe(max(self.match_index, min(refused_index - 1, match_hint)) + 1)
        return True

    def probe(self, next_index: int) -> None:
        """Ask anew, from that index on."""
        self.phase = PROBE
        self.probe_sent = False
        self.probed_to = 0
        self.inflights.clear()
        self.next_index = next_index

    def await_snapshot(self) -> None:
        """The host was asked to bring one."""
        reachable("a follower's entries were gone from the leader's log")
        self.phase = SNAPSHOT
        self.inflights.clear()
