# SPDX-License-Identifier: Apache-2.0
"""Which keyspace a call is about: what metadata ``tricord-keyspace`` (or that HTTP header) says; else the default.

HTTP headers also name levels and tokens (``levels``).
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.context import Context
from tricord.base.errors import KeyspaceNotFound, ReplicaCatchingUp
from tricord.base.keyspaces import DEFAULT_KEYSPACE, KeyspaceList
from tricord.base.operations import Range
from tricord.base.watching import WatchStream
from tricord.server.engine import Engine
from tricord.wire.grpc.metadata import EMPTY, Metadata
from tricord.wire.native.keyspaces import KEYSPACE
from tricord.wire.native.levels import LEVEL, TOKEN

_HEADERS = {prefix + name.encode(): name for name in (KEYSPACE, LEVEL, TOKEN) for prefix in (b"", b"grpc-metadata-")}


def keyspace_of(metadata: Metadata) -> str:
    """The name in the metadata. An empty one is no keyspace: who meant another does not write to the default one."""
    if metadata is EMPTY:
        return DEFAULT_KEYSPACE
    name = metadata.get(KEYSPACE)
    return name if isinstance(name, str) else DEFAULT_KEYSPACE


def keyspace_metadata(headers: list[tuple[bytes, bytes]]) -> Metadata:
    """What HTTP headers say of keyspace, level and token, as metadata; grpc-gateway writes them with a prefix."""
    said = [(_HEADERS[key], value.decode("latin-1")) for name, value in headers if (key := name.lower()) in _HEADERS]
    return Metadata(said) if said else EMPTY


async def open_watch(engine: Engine, context: Context, wake: Callable[[], None]) -> WatchStream:
    """``Engine.open_watch``, also in a keyspace that was made just now and that this member is about to hear of."""
    try:
        return engine.open_watch(context, wake)
    except KeyspaceNotFound:
        await engine.ask(KeyspaceList(), Context(deadline=context.deadline))
    except ReplicaCatchingUp:
        pass
    try:
        return engine.open_watch(context, wake)
    except ReplicaCatchingUp:
        # A read waits until the replica is open.
        await engine.ask(Range(b"\0", count_only=True, range_end=b"\1"), Context(context.keyspace))
        return engine.open_watch(context, wake)
