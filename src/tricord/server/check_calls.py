# SPDX-License-Identifier: Apache-2.0
"""What a member asks another about its data, and the answer, as bytes between two members."""

from __future__ import annotations

import msgspec

from tricord.base.errors import MalformedMessage

MARK = b"\x01check"
"""What these messages begin with; other calls between members begin otherwise."""


class CheckAsk(msgspec.Struct, frozen=True, array_like=True):
    """``index``: of the log, where the chain is asked for (0: it is not). ``revision``: at which the content is to be
    hashed (0: it is not)."""

    index: int = 0
    revision: int = 0


class CheckAnswer(msgspec.Struct, frozen=True, array_like=True):
    """None: the member cannot say. It has not come so far, has forgotten, or has compacted that revision."""

    chain: int | None = None
    content: int | None = None


_ASK = msgspec.msgpack.Decoder(CheckAsk)
_ANSWER = msgspec.msgpack.Decoder(CheckAnswer)


def encode(record: CheckAsk | CheckAnswer) -> bytes:
    """Its bytes."""
    return MARK + msgspec.msgpack.encode(record)


def decode_ask(data: bytes) -> CheckAsk:
    """Raises MalformedMessage."""
    try:
        return _ASK.decode(data[len(MARK) :])
    except msgspec.MsgspecError as error:
        raise MalformedMessage(f"a peer's question about its data cannot be read: {error}") from None


def decode_answer(data: bytes) -> CheckAnswer:
    """Raises MalformedMessage."""
    try:
        return _ANSWER.decode(data[len(MARK) :])
    except msgspec.MsgspecError as error:
        raise MalformedMessage(f"a peer's answer about its data cannot be read: {error}") from None
