# SPDX-License-Identifier: Apache-2.0
"""What a member asks the leader about leases, many at a time, and the answer, as bytes between two members."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tricord.base.errors import MalformedMessage

MARK = b"\x01lease"
"""What these messages begin with; other calls between members are msgpack arrays, which do not begin so."""


Number = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""What an answer to a client can hold."""


class LeaseAsks(msgspec.Struct, frozen=True, array_like=True):
    """``renew`` and ``remaining`` are ids: of leases to renew, and of those whose time is asked for."""

    renew: list[Number]
    remaining: list[Number]


class LeaseAnswers(msgspec.Struct, frozen=True, array_like=True):
    """In the order of what was asked. ``leads`` false: the member that was asked does not lead; the lists are empty.

    ``renewed`` has each lease's time to live (0: no such lease), ``remaining`` what is left of it and its time to live
    (-1 and 0: no such lease).
    """

    leads: bool
    renewed: list[Number] = []
    remaining: list[tuple[Number, Number]] = []


_ASKS = msgspec.msgpack.Decoder(LeaseAsks)
_ANSWERS = msgspec.msgpack.Decoder(LeaseAnswers)


def encode(record: LeaseAsks | LeaseAnswers) -> bytes:
    """Its bytes."""
    return MARK + msgspec.msgpack.encode(record)


def decode_asks(data: bytes) -> LeaseAsks:
    """Raises MalformedMessage."""
    try:
        return _ASKS.decode(data[len(MARK) :])
    except msgspec.MsgspecError as error:
        raise MalformedMessage(f"a peer's question about leases cannot be read: {error}") from None


def decode_answers(data: bytes) -> LeaseAnswers:
    """Raises MalformedMessage."""
    try:
        return _ANSWERS.decode(data[len(MARK) :])
    except msgspec.MsgspecError as error:
        raise MalformedMessage(f"a peer's answer about leases cannot be read: {error}") from None
