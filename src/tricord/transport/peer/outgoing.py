# SPDX-License-Identifier: Apache-2.0
"""What of a turn's messages goes to whom, by which lane, in which bytes.

Heartbeats, votes and results must not queue behind entries, so they have a connection of their own. What a leader
forwards back leaves before the entries themselves, so both go the same ordered way.
"""

from __future__ import annotations

from collections.abc import Iterable

from tricord.raft.messages import (
    AppendEntries,
    ForwardedProposal,
    ForwardedProposalResult,
    InstallSnapshot,
    InstallSnapshotResult,
    Message,
)
from tricord.transport.peer.entry_block import EncodedEntries
from tricord.transport.peer.message_codec import message_parts
from tricord.wire.peer.frames import FRAME_SIZE_MAX, FrameKind, frame
from tricord.wire.peer.hello import Lane

_BY_APPEND = frozenset({ForwardedProposal, ForwardedProposalResult, InstallSnapshot, InstallSnapshotResult})
_BY_CONTROL_ELSE = frozenset({ForwardedProposal, ForwardedProposalResult})
"""These go by control while the append connection is down: no entries come that way either, and of these two each
that is lost costs a client its answer."""
_FRAME_SIZE = 1 << 20
"""A frame that has so many bytes gets no further message: the other side handles a frame at once."""


def lane_of(message: Message) -> Lane:
    """Which connection carries it."""
    if type(message) is AppendEntries:
        return Lane.CONTROL if message.heartbeat else Lane.APPEND
    return Lane.APPEND if type(message) in _BY_APPEND else Lane.CONTROL


def may_go_by_control(message: Message) -> bool:
    """Whether it need not wait for the append connection."""
    return type(message) in _BY_CONTROL_ELSE


def message_frames(messages: Iterable[Message], entries: EncodedEntries) -> bytes | None:
    """MESSAGES frames, joined; None: a message is larger than any frame."""
    frames: list[bytes] = []
    parts: list[bytes] = []
    size = 0
    for message in messages:
        said = message_parts((message,), entries)
        parts += said
        size += sum(map(len, said))
        if size >= _FRAME_SIZE:
            if size > FRAME_SIZE_MAX:
                return None
            frames.append(frame(FrameKind.MESSAGES, *parts))
            parts, size = [], 0
    if parts:
        frames.append(frame(FrameKind.MESSAGES, *parts))
    return b"".join(frames)
