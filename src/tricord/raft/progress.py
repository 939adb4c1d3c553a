# SPDX-License-Identifier: Apache-2.0
"""What a leader knows of one member's log: ``next_index`` and ``match_index`` of figure 2, and how much is on its way.

``probing`` means that the two logs' common part is not known yet: one message at a time, until one is accepted. Then
entries are sent ahead of their acknowledgement (dissertation 10.2.1, pipelining), bounded by the messages on their way.
"""

from __future__ import annotations


class Progress:
    """One member as the leader sees it; the leader keeps one for itself, fed by its own disk."""

    __slots__ = ("inflight", "match_index", "next_index", "probe_sent", "probing", "read_round")

    def __init__(self, next_index: int) -> None:
        self.match_index = 0
        self.next_index = next_index
        self.probing = True
        self.probe_sent = False
        self.inflight: list[int] = []
        """Last indexes of the messages with entries that were not answered yet, ascending."""
        self.read_round = 0
        """The newest round in which this member confirmed the leader."""

    def matched(self, index: int) -> bool:
        """The member's durable log is the leader's up to the index. True when that is news."""
        news = index > self.match_index
        if news:
            self.match_index = index
            self.inflight = [last for last in self.inflight if last > index]
        if self.probing:
            self.probing = False
            self.probe_sent = False
            self.next_index = self.match_index + 1
        else:
            self.next_index = max(self.next_index, self.match_index + 1)
        return news

    def refused(self, refused_index: int, match_hint: int) -> bool:
        """The member's log has not the leader's entry at ``refused_index``. False for an answer that is out of date."""
        if refused_index <= self.match_index or (self.probing and refused_index != self.next_index - 1):
            return False
        self.probing = True
        self.probe_sent = False
        self.inflight.clear()
        self.next_index = max(self.match_index, min(refused_index - 1, match_hint)) + 1
        return True
