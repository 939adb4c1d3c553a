# SPDX-License-Identifier: Apache-2.0
"""What a call's metadata says of its reads: keyspace, level and token; and what its answer then says of itself."""

from __future__ import annotations

from collections.abc import Callable

from tricord.api.keyspaces import keyspace_of
from tricord.base.context import Context
from tricord.base.keyspaces import DEFAULT_KEYSPACE
from tricord.base.levels import Level, Stamp, level_of
from tricord.base.operations import Result
from tricord.base.token import token_bytes
from tricord.wire.grpc.metadata import EMPTY, Metadata
from tricord.wire.grpc.service import Call
from tricord.wire.native.keyspaces import KEYSPACE
from tricord.wire.native.levels import LEVEL, TOKEN, say_the_same, stamp_fields

_LINEARIZABLE = Level.LINEARIZABLE


def context_of(
    call: Call, level: Level = _LINEARIZABLE, encode: Callable[[Result, Stamp], bytes] | None = None
) -> Context:
    """The circumstances of the call. ``level`` is what the message asks for; metadata that names one counts instead.

    Raises InvalidRequest for a level that is none, InvalidToken for a token that is no base64url.
    """
    metadata = call.metadata
    if metadata is EMPTY:
        return Context(DEFAULT_KEYSPACE, level, deadline=call.deadline, encode=encode)
    context = Context(keyspace_of(metadata), level, deadline=call.deadline, encode=encode)
    asked, token = metadata.get(LEVEL), metadata.get(TOKEN)
    if isinstance(asked, str) and asked:
        context.level, context.level_named = level_of(asked), True
    if isinstance(token, str) and token:
        context.token = token_bytes(token)
    return context


def wants_stamp(metadata: Metadata) -> bool:
    """Whether the caller knows levels and tokens, and is told those of the answer."""
    return metadata is not EMPTY and (metadata.get(LEVEL) is not None or metadata.get(TOKEN) is not None)


def knows_keyspaces(metadata: Metadata) -> bool:
    """Whether the caller sends what etcd's clients do not know, and is told codes of errors that etcd does not know."""
    return metadata is not EMPTY and (wants_stamp(metadata) or metadata.get(KEYSPACE) is not None)


def tell_stamp(call: Call, stamp: Stamp) -> None:
    """Say them in the head of the answer."""
    StampTeller().tell(call, stamp)


class StampTeller:
    """Tells one stamp after the other. All answers between two changes say the same, and their token is made once."""

    __slots__ = ("_fields", "_stamp")

    def __init__(self) -> None:
        self._stamp: Stamp | None = None
        self._fields: list[tuple[str, str]] = []

    def tell(self, call: Call, stamp: Stamp) -> None:
        """Say it in the head of the answer."""
        if self._stamp is None or not say_the_same(stamp, self._stamp):
            self._stamp, self._fields = stamp, stamp_fields(stamp)
        for name, value in self._fields:
            call.set_leading(name, value)
