# SPDX-License-Identifier: Apache-2.0
"""What a member asks the leader to do on its behalf, and the answer, as bytes between two members."""

from __future__ import annotations

import msgspec

from tricord.base.errors import (
    DeadlineExceeded,
    MalformedMessage,
    MembershipRefused,
    NoLeader,
    OutcomeUnknown,
    ServerFault,
    Stopping,
    TricordError,
    Unavailable,
)

_RETURNED: dict[str, type[TricordError]] = {
    kind.code: kind for kind in (DeadlineExceeded, NoLeader, OutcomeUnknown, Stopping, Unavailable)
}


class LeaderCall(msgspec.Struct, frozen=True, array_like=True):
    """One call; ``operation`` is the name of a coroutine of the engine, or ``publish``."""

    operation: str
    member: int = 0
    other: int = 0
    peer_urls: list[str] = []
    name: str = ""
    learner: bool = False
    info: bytes = b""


class LeaderAnswer(msgspec.Struct, frozen=True, array_like=True):
    """``code`` is the error's, empty for none; ``member`` is the id of a new member."""

    code: str = ""
    text: str = ""
    reason: str = ""
    member: int = 0


_CALL = msgspec.msgpack.Decoder(LeaderCall)
_ANSWER = msgspec.msgpack.Decoder(LeaderAnswer)


def encode(record: LeaderCall | LeaderAnswer) -> bytes:
    """Its bytes."""
    return msgspec.msgpack.encode(record)


def decode_call(data: bytes) -> LeaderCall:
    """Raises MalformedMessage."""
    try:
        return _CALL.decode(data)
    except msgspec.MsgspecError as error:
        raise MalformedMessage(f"a peer's call cannot be read: {error}") from None


def decode_answer(data: bytes) -> LeaderAnswer:
    """Raises MalformedMessage."""
    try:
        return _ANSWER.decode(data)
    except msgspec.MsgspecError as error:
        raise MalformedMessage(f"a peer's answer cannot be read: {error}") from None


def refusing(error: TricordError) -> LeaderAnswer:
    """The answer that carries an error."""
    reason = error.reason if isinstance(error, MembershipRefused) else ""
    return LeaderAnswer(error.code, str(error), reason)


def raise_for(answer: LeaderAnswer) -> None:
    """Raise the error that the answer carries, if it does."""
    if not answer.code:
        return
    if answer.code == MembershipRefused.code:
        raise MembershipRefused(answer.text, reason=answer.reason)
    kind = _RETURNED.get(answer.code)
    if kind is None:
        raise ServerFault(answer.text)
    raise kind(answer.text)
