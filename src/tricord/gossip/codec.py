# SPDX-License-Identifier: Apache-2.0
"""Messages as bytes: what stands inside an envelope.

```
head      sender (8), receiver (8), number of the exchange (4; 0 in a packet)
packet    messages: kind (1), size of the body (2), body
stream    one message: kind (1), body
```

All numbers are big-endian. Bodies of a fixed size may be longer, from a newer version: what follows is not read. A
kind that is not known is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from struct import error as StructError

from tricord.base.message import message
from tricord.gossip.claims import INCARNATION_MAX, Claim, Standing
from tricord.gossip.config import BROADCAST_MAX, METADATA_MAX
from tricord.gossip.messages import Ack, Broadcast, Message, Nack, Ping, PingRequest, StateOf
from tricord.gossip.refusals import PacketRefused, Reason

_HEAD = Struct(">QQI")
_FRAME = Struct(">BH")
_SEQUENCE = Struct(">I")
_REQUEST = Struct(">IQ")
_CLAIM = Struct(">BBQQQ")
_BROADCAST = Struct(">QQQHH")
_COUNT = Struct(">I")
_SIZE = Struct(">H")
_HAS_METADATA = 1
_STANDINGS = {int(standing): standing for standing in Standing if standing is not Standing.ABSENT}

HEAD_SIZE = _HEAD.size
PING, ACK, NACK, PING_REQUEST, CLAIM, BROADCAST, STATE = range(1, 8)
"""Kinds. Numbers are part of the protocol."""


@message
class Head:
    """Who speaks to whom."""

    sender: int
    receiver: int
    exchange: int = 0


def encode_head(head: Head) -> bytes:
    """20 bytes."""
    return _HEAD.pack(head.sender, head.receiver, head.exchange)


def encode_message(message: Message) -> bytes:
    """One message of a packet, with its frame."""
    kind, body = _encoded(message)
    return _FRAME.pack(kind, len(body)) + body


def encode_stream(message: Ping | Ack | StateOf) -> bytes:
    """The one message of a stream."""
    if isinstance(message, StateOf):
        return b"".join((bytes((STATE,)), _COUNT.pack(len(message.claims)), *map(_sized_claim, message.claims)))
    kind, body = _encoded(message)
    return bytes((kind,)) + body


def decode_packet(data: bytes) -> tuple[Head, list[Message]]:
    """Raises PacketRefused."""
    head, offset = _head(data)
    messages: list[Message] = []
    while offset < len(data):
        kind, size = _unpack(_FRAME, data, offset)
        offset += _FRAME.size
        if offset + size > len(data):
            raise _cut_short()
        decode = _DECODERS.get(kind)
        if decode is not None:
            messages.append(decode(data[offset : offset + size]))
        offset += size
    return head, messages


def decode_stream(data: bytes, members_max: int) -> tuple[Head, Ping | Ack | StateOf]:
    """Raises PacketRefused."""
    head, offset = _head(data)
    kind, body = data[offset : offset + 1], data[offset + 1 :]
    if kind == bytes((STATE,)):
        return head, StateOf(_decode_state(body, members_max))
    if kind == bytes((PING,)):
        return head, Ping(*_unpack(_SEQUENCE, body))
    if kind == bytes((ACK,)):
        return head, Ack(*_unpack(_SEQUENCE, body))
    raise PacketRefused(Reason.MALFORMED, "a stream begins with something else than a message")


def _encoded(message: Message) -> tuple[int, bytes]:
    match message:
        case Ping(sequence):
            return PING, _SEQUENCE.pack(sequence)
        case Ack(sequence):
            return ACK, _SEQUENCE.pack(sequence)
        case Nack(sequence):
            return NACK, _SEQUENCE.pack(sequence)
        case PingRequest(sequence, target):
            return PING_REQUEST, _REQUEST.pack(sequence, target)
        case Claim():
            return CLAIM, _encode_claim(message)
        case Broadcast(origin, life, number, topic, payload):
            return BROADCAST, _BROADCAST.pack(origin, life, number, topic, len(payload)) + payload


def _encode_claim(claim: Claim) -> bytes:
    flags = 0 if claim.metadata is None else _HAS_METADATA
    fixed = _CLAIM.pack(claim.standing, flags, claim.member, claim.incarnation, claim.source)
    return fixed if claim.metadata is None else fixed + _SIZE.pack(len(claim.metadata)) + claim.metadata


def _sized_claim(claim: Claim) -> bytes:
    body = _encode_claim(claim)
    return _SIZE.pack(len(body)) + body


def _decode_claim(body: bytes) -> Claim:
    standing, flags, member, incarnation, source = _unpack(_CLAIM, body)
    if standing not in _STANDINGS or incarnation > INCARNATION_MAX:
        raise PacketRefused(Reason.MALFORMED, "a claim says what cannot be")
    metadata = _decode_sized(body, _CLAIM.size, METADATA_MAX) if flags & _HAS_METADATA else None
    return Claim(_STANDINGS[standing], member, incarnation, source, metadata)


def _decode_broadcast(body: bytes) -> Broadcast:
    origin, life, number, topic, size = _unpack(_BROADCAST, body)
    end = _BROADCAST.size + size
    if size > BROADCAST_MAX or end > len(body):
        raise PacketRefused(Reason.MALFORMED, "a broadcast is cut short or too large")
    return Broadcast(origin, life, number, topic, body[_BROADCAST.size : end])


def _decode_state(body: bytes, members_max: int) -> list[Claim]:
    (count,) = _unpack(_COUNT, body)
    if count > members_max:
        raise PacketRefused(Reason.MALFORMED, f"a state of {count} members is too large")
    claims: list[Claim] = []
    offset = _COUNT.size
    for _ in range(count):
        claim = _decode_sized(body, offset, len(body))
        claims.append(_decode_claim(claim))
        offset += _SIZE.size + len(claim)
    return claims


def _decode_sized(data: bytes, offset: int, size_max: int) -> bytes:
    (size,) = _unpack(_SIZE, data, offset)
    start = offset + _SIZE.size
    if size > size_max or start + size > len(data):
        raise _cut_short()
    return data[start : start + size]


def _head(data: bytes) -> tuple[Head, int]:
    return Head(*_unpack(_HEAD, data)), _HEAD.size


def _unpack(fields: Struct, data: bytes, offset: int = 0) -> tuple[int, ...]:
    try:
        return fields.unpack_from(data, offset)
    except StructError:
        raise _cut_short() from None


def _cut_short() -> PacketRefused:
    return PacketRefused(Reason.MALFORMED, "a message is cut short")


_DECODERS: dict[int, Callable[[bytes], Message]] = {
    PING: lambda body: Ping(*_unpack(_SEQUENCE, body)),
    ACK: lambda body: Ack(*_unpack(_SEQUENCE, body)),
    NACK: lambda body: Nack(*_unpack(_SEQUENCE, body)),
    PING_REQUEST: lambda body: PingRequest(*_unpack(_REQUEST, body)),
    CLAIM: _decode_claim,
    BROADCAST: _decode_broadcast,
}


def encode_packet(head: Head, messages: Iterable[bytes]) -> bytes:
    """A packet of messages that are encoded already."""
    return b"".join((encode_head(head), *messages))
