# SPDX-License-Identifier: Apache-2.0
"""What a REPLICA frame carries: from which replica of which keyspace to which, and the bytes that it has to say."""

from __future__ import annotations

from struct import Struct

from tricord.base.message import message
from tricord.wire.peer.frames import FRAME_SIZE_MAX
from tricord.wire.peer.refusals import ProtocolFault

_HEAD = Struct(">QQQ")
HEAD_SIZE = _HEAD.size
DATA_SIZE_MAX = FRAME_SIZE_MAX - HEAD_SIZE
"""Bytes that one message may have."""


@message
class ReplicaMessage:
    """Ids are 64 bits. ``data`` is the business of the two replicas."""

    keyspace: int
    sender: int
    receiver: int
    data: bytes


def encode_head(keyspace: int, sender: int, receiver: int) -> bytes:
    """What stands before the data."""
    return _HEAD.pack(keyspace, sender, receiver)


def decode_message(payload: bytes) -> ReplicaMessage:
    """Raises ProtocolFault."""
    if len(payload) < HEAD_SIZE:
        raise ProtocolFault("a replica's message is cut short")
    keyspace, sender, receiver = _HEAD.unpack_from(payload)
    return ReplicaMessage(keyspace, sender, receiver, payload[HEAD_SIZE:])
