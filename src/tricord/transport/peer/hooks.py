# SPDX-License-Identifier: Apache-2.0
"""What links tell their owner and ask it. Everything runs on the loop, but for a sink's blocking methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tricord.base.message import message
from tricord.raft.messages import Message
from tricord.wire.peer.hello import Hello
from tricord.wire.peer.query import Answer, Query
from tricord.wire.peer.refusals import Refusal, RefusalCode
from tricord.wire.peer.snapshot import SnapshotOffer


@message
class LocalMember:
    """Who speaks here. ``incarnation`` is the data directory's."""

    cluster: int
    history: int
    member: int
    incarnation: int


@message
class LinkState:
    """One link to a peer, for logs and metrics."""

    member: int
    lane: str
    """"control", "append" or "replicas"."""
    connected: bool
    since: float
    """When it became so, on the monotonic clock."""
    error: str
    """Why it last was not connected; empty: it always was."""


class SnapshotSink(Protocol):
    """Takes the bytes of one snapshot. Methods block; they run on the lane "snapshot", one after the other."""

    @property
    def have(self) -> int:
        """How many of the first bytes are here already, from an earlier connection."""

    def write(self, offset: int, data: bytes) -> None:
        """The next bytes. Raises OSError."""

    def finish(self) -> str:
        """All bytes are here: verify the whole and make it durable. Empty: it is good; else what is wrong with it."""

    def close(self) -> None:
        """Nothing more comes over this connection; another may go on where it ended. Also after ``finish``."""


Offered: TypeAlias = Callable[[int, SnapshotOffer], SnapshotSink | Refusal]


def _nothing(*told: object) -> None:
    return


def _nobody_is_expected(hello: Hello) -> Refusal | None:
    return Refusal(RefusalCode.NOT_READY, "this member serves no peers yet")


def _nothing_is_known(query: Query) -> Answer:
    return Answer(0, 0, 0, 0, "", b"", False, 0)


def _no_snapshot_is_taken(sender: int, offer: SnapshotOffer) -> SnapshotSink | Refusal:
    return Refusal(RefusalCode.BUSY, "this member takes no snapshots now")


@dataclass(slots=True, kw_only=True)
class PeerHooks:
    """What is not given does nothing, or refuses."""

    received: Callable[[list[Message]], None] = _nothing
    """Messages for this member, in the order in which they came over one lane."""
    unreachable: Callable[[int], None] = _nothing
    """What was sent to this member lately may be lost: a link broke, or it takes no more."""
    gone: Callable[[int], None] = _nothing
    """The member's process is dead: its connections broke and its port refuses new ones. Said once."""
    refused: Callable[[int, Refusal], None] = _nothing
    """The member does not serve this one, and why. Said again only when the reason is another one."""
    changed: Callable[[LinkState], None] = _nothing
    """A link was opened, lost, or could not be opened for another reason than before."""
    expected: Callable[[Hello], Refusal | None] = _nobody_is_expected
    """Whether that member may send messages: it belongs, under that incarnation. Cluster, history and receiver were
    compared before."""
    answer: Callable[[Query], Answer] = _nothing_is_known
    """What this member says to one that asks before it belongs."""
    offered: Offered = _no_snapshot_is_taken
    """A member offers a snapshot."""
    replicated: Callable[[int, bytes], None] = _nothing
    """A member's replica said something to one of this member's: the payload, see ``wire.peer.replica``."""
    replicas_reached: Callable[[int], None] = _nothing
    """What replicas say can go to this member (again)."""
    fault: Callable[[BaseException, str], None] = _nothing
    """A hook raised what it should not have; the connection was closed. (error, where)"""
