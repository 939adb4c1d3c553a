# SPDX-License-Identifier: Apache-2.0
"""What all answers of etcd's services have: a message that can be read, and a header that becomes the stamp."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError, Message

from tricord.base.errors import ServerFault
from tricord.base.levels import Level, Stamp
from tricord.wire.schemas.header import ResponseHeader


def answer_of(kind: type[Message], data: bytes) -> Any:
    """The message. Raises ServerFault for bytes that are none."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise ServerFault(f"the answer is not a valid {kind.__name__}: {error}") from None


def stamp_of(header: ResponseHeader, level: Level) -> Stamp:
    """What the header says; ``level`` is the one that was asked for."""
    age = None if level is Level.ANY else 0.0
    return Stamp(header.cluster_id, header.member_id, header.raft_term, header.revision, level, age)
