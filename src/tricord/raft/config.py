# SPDX-License-Identifier: Apache-2.0
"""What a core is told at its start. All durations are ticks; the host says how long a tick is."""

from __future__ import annotations

from tricord.base.message import message


@message
class RaftConfig:
    """Settings of one core. Raises ValueError when they do not fit each other."""

    id: int
    """This member; 1 or more (0 means nobody)."""
    voters: tuple[int, ...] = ()
    """The members that vote at first, in ascending order: short for a ``Configuration`` without learners."""
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
    inflight_bytes_max: int = 16 << 20
    """Bytes of entry data on their way to one follower; one message may always be."""
    uncommitted_bytes_max: int = 0
    """Bytes of data in the leader's uncommitted tail beyond which proposals are refused (0: the host sees to it)."""
    pre_vote: bool = True
    """Ask whether an election can be won before entering a new term (section 9.6)."""
    check_quorum: bool = True
    """A leader that hears no majority for an election timeout steps down; voters that hear their leader do not vote
    (sections 6.2 and 4.2.3)."""
    priority: int = 0
    """Who of equals should lead, 0 or more: a higher one campaigns sooner, and refuses a lower one's first pre-vote."""
    lease_reads: bool = False
    """Answer reads without a round while a majority was heard within the election timeout, less the drift below.
    Trusts that clocks run at about the same rate, and that the host says how long it was paused (section 6.4.1). All
    members must agree on it, and on ``check_quorum``, which it needs."""
    lease_drift_ticks: int = 1
    """By how much a lease is shorter than ``election_ticks``."""
    forward: bool = True
    """Followers pass proposals and reads on to their leader; else they refuse them."""
    quiesce_ticks: int = 0
    """Ticks without anything to do after which a leader stops its heartbeats (0: never)."""
    handover_ticks: int = 0
    """Ticks that the leader's disk may owe an answer before it hands the lead over (0: ``election_ticks``)."""
    asynchronous_apply: bool = False
    """Whether the host says Applied; else what was handed out counts as applied at the next step."""

    def __post_init__(self) -> None:
        if self.id < 1 or any(voter < 1 for voter in self.voters):
            raise ValueError("member ids begin at 1")
        if list(self.voters) != sorted(set(self.voters)):
            raise ValueError("voters must be in ascending order, each once")
        if not 1 <= self.heartbeat_ticks < self.election_ticks:
            raise ValueError("heartbeat_ticks must be at least 1 and below election_ticks")
        if min(self.message_entries_max, self.message_bytes_max, self.inflight_messages_max) < 1:
            raise ValueError("the limits of messages must be positive")
        if self.inflight_bytes_max < 1 or min(self.uncommitted_bytes_max, self.quiesce_ticks, self.handover_ticks) < 0:
            raise ValueError("limits must not be negative")
        if self.priority < 0:
            raise ValueError("a priority is 0 or more")
        if self.lease_reads and not (self.check_quorum and 0 <= self.lease_drift_ticks < self.election_ticks):
            raise ValueError("lease reads need check_quorum, and a drift below election_ticks")
