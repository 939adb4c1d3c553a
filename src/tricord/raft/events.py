# SPDX-License-Identifier: Apache-2.0
"""What can happen to a core: time passes, clients ask, the disk answers, peers speak.

``step`` takes a list of these; nothing else changes a core.
"""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.membership import Change
from tricord.base.message import message
from tricord.raft.messages import Message


@message
class Tick:
    """One unit of time passed; and before it ``paused`` more, in which this process did not run.

    Patience does not count those: what peers said meanwhile comes first. Leases do.
    """

    paused: int = 0


@message
class Propose:
    """Append these commands, in this order. ``Output.proposed`` answers."""

    data: list[bytes]


@message
class ReadIndex:
    """Find the index at which a read that arrived by now sees every earlier write; ``context`` names the asker."""

    context: int


@message
class HardStatePersisted:
    """A hard state that was put out is durable."""

    term: int
    vote: int


@message
class EntriesPersisted:
    """The entries that were put out are durable up to ``index``, whose entry has ``term``."""

    index: int
    term: int


@message
class Receive:
    """A peer sent this. The message may be given as it is, too: that is cheaper."""

    message: Message


@message
class CutLog:
    """The entries below ``index`` are kept elsewhere, or needed no more; all of them were applied."""

    index: int


@message
class Applied:
    """The host has applied what was handed out, up to ``index``. Only with ``RaftConfig.asynchronous_apply``."""

    index: int


@message
class ChangeConfiguration:
    """Change who belongs and who votes. ``Output.configuration_changes`` answers.

    One change of voters is a single step where ``joint`` is False (section 4.2), else goes through a joint
    configuration (section 4.3), as several always do.
    """

    changes: list[Change]
    joint: bool = True


@message
class LeaveJoint:
    """Leave a joint configuration that does not leave itself. ``Output.configuration_changes`` answers."""


@message
class TransferLeadership:
    """Hand the lead over to a voter (0: to the one that is furthest). ``Output.transfers`` answers."""

    target: int


@message
class ForgetLeader:
    """The leader's process is known to be gone: stop waiting for it, campaign soon. Ignored with ``lease_reads``."""

    leader: int


@message
class Unreachable:
    """What was sent to the member may be lost: send on only when it answers."""

    member: int


@message
class SnapshotSent:
    """The host's attempt to bring a snapshot to the follower has ended. ``index`` is the snapshot's last."""

    member: int
    index: int
    delivered: bool


@message
class SnapshotInstalled:
    """The snapshot of ``Output.install`` is durable in place of state and log up to ``index``."""

    index: int
    term: int


Event: TypeAlias = (
    Message
    | Tick
    | Propose
    | ReadIndex
    | HardStatePersisted
    | EntriesPersisted
    | Receive
    | CutLog
    | Applied
    | ChangeConfiguration
    | LeaveJoint
    | TransferLeadership
    | ForgetLeader
    | Unreachable
    | SnapshotSent
    | SnapshotInstalled
)
