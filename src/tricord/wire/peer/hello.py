# SPDX-License-Identifier: Apache-2.0
"""Who is there: the dialler's hello, the acceptor's challenge, and the protocol both will speak.

A newer version may say more behind the fields known here; it is kept as part of what is proved, and not read.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from tricord.base.message import message
from tricord.wire.peer.refusals import ProtocolFault, Refusal, RefusalCode

PROTOCOL_MIN = 1
PROTOCOL_MAX = 1
NONCE_SIZE = 32

_HELLO = Struct(">HHQQQQQBQ32s")
_CHALLENGE = Struct(">HQQQQQ32s")


class Lane(IntEnum):
    """What a connection carries. Numbers are part of the protocol."""

    CONTROL = 1
    """Votes, heartbeats, results, forwarded reads: small, and never behind anything large."""
    APPEND = 2
    """Entries and forwarded proposals, in order."""
    SNAPSHOT = 3
    """One snapshot in bulk."""
    QUERY = 4
    """One question before anybody belongs to anything."""
    REPLICAS = 5
    """What replicas of causal and eventual keyspaces say to each other: in bulk, and beside all else."""


@message
class Hello:
    """The dialler's first words. Ids are 64 bits; ``features`` are bits that both sides must have to use one."""

    cluster: int
    history: int
    sender: int
    incarnation: int
    """Of the sender's data directory."""
    receiver: int
    """Whom it means to reach."""
    lane: int
    nonce: bytes
    """32 random bytes, new for each connection."""
    features: int = 0
    protocol_min: int = PROTOCOL_MIN
    protocol_max: int = PROTOCOL_MAX


@message
class Challenge:
    """The acceptor's first words."""

    protocol: int
    """What both speak from now on."""
    cluster: int
    history: int
    member: int
    incarnation: int
    nonce: bytes
    features: int = 0


def encode_hello(hello: Hello) -> bytes:
    """The payload of a HELLO frame."""
    return _HELLO.pack(
        hello.protocol_min,
        hello.protocol_max,
        hello.cluster,
        hello.history,
        hello.sender,
        hello.incarnation,
        hello.receiver,
        hello.lane,
        hello.features,
        hello.nonce,
    )


def decode_hello(payload: bytes) -> Hello:
    """Raises ProtocolFault."""
    if len(payload) < _HELLO.size:
        raise ProtocolFault("a hello is cut short")
    low, high, cluster, history, sender, incarnation, receiver, lane, features, nonce = _HELLO.unpack_from(payload)
    return Hello(cluster, history, sender, incarnation, receiver, lane, nonce, features, low, high)


def encode_challenge(challenge: Challenge) -> bytes:
    """The payload of a CHALLENGE frame."""
    return _CHALLENGE.pack(
        challenge.protocol,
        challenge.cluster,
        challenge.history,
        challenge.member,
        challenge.incarnation,
        challenge.features,
        challenge.nonce,
    )


def decode_challenge(payload: bytes) -> Challenge:
    """Raises ProtocolFault."""
    if len(payload) < _CHALLENGE.size:
        raise ProtocolFault("a challenge is cut short")
    protocol, cluster, history, member, incarnation, features, nonce = _CHALLENGE.unpack_from(payload)
    return Challenge(protocol, cluster, history, member, incarnation, nonce, features)


def common_protocol(hello: Hello) -> int | Refusal:
    """The newest protocol that both sides speak."""
    protocol = min(hello.protocol_max, PROTOCOL_MAX)
    if protocol < max(hello.protocol_min, PROTOCOL_MIN):
        text = (
            f"the dialler speaks peer protocols {hello.protocol_min} to {hello.protocol_max}, "
            f"this member {PROTOCOL_MIN} to {PROTOCOL_MAX}"
        )
        return Refusal(RefusalCode.PROTOCOL_VERSION, text)
    return protocol
