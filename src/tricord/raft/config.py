# SPDX-License-Identifier: Apache-2.0
"""What a core is told at its start. All durations are ticks; the host says how long a tick is."""

from __future__ import annotations

from tricord.base.message import message


@message
class RaftConfig:
    """Settings of one core. Raises ValueError when they do not fit each other."""

    id: int
    """This member; 1 or more (0 means nobody)."""
    voters: tuple[int, ...]
    """The members that vote, in ascending order. A core that is not among them never campaigns."""
    election_ticks: int = 10
    """Silence after which a follower campaigns; the true timeout is drawn from [election_ticks, 2 * election_ticks)."""
    heartbeat_ticks: int = 1
    """A leader's pause between heartbeats; well below ``election_ticks``, else followers campaign against a leader that
    lives."""
    seed: int = 0
    """From it the election timeouts are drawn; the host gives each member, at each start, another one."""
    message_entries_max: int = 1024
    """Entries in one AppendEntries message."""
    message_bytes_max: int = 1 << 20
    """Bytes of entry data in one AppendEntries message; one entry always fits."""
    inflight_messages_max: int = 64
    """Unanswered AppendEntries messages with entries per follower."""

    def __post_init__(self) -> None:
        if self.id < 1 or any(voter < 1 for voter in self.voters):
            raise ValueError("member ids begin at 1")
        if list(self.voters) != sorted(set(self.voters)):
            raise ValueError("voters must be in ascending order, each once")
        if not 1 <= self.heartbeat_ticks < self.election_ticks:
            raise ValueError("heartbeat_ticks must be at least 1 and below election_ticks")
        if min(self.message_entries_max, self.message_bytes_max, self.inflight_messages_max) < 1:
            raise ValueError("the limits of messages must be positive")
