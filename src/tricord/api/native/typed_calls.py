# SPDX-License-Identifier: Apache-2.0
"""Typed requests and watches of any keyspace: causal and eventual ones are the engine's, strong ones are translated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.api.native.strong_values import call_strong, is_of_revision
from tricord.api.native.strong_watch import StrongStream
from tricord.base.context import Context
from tricord.base.errors import KeyspaceNotFound, NotOfThisModel, TricordError
from tricord.base.keyspaces import KeyspaceList, KeyspaceListResult, KeyspaceRecord, Model
from tricord.base.levels import Stamp
from tricord.base.typed import TypedRequest, TypedResult, TypedStream, Update
from tricord.server.engine import Encoded, Engine, Outcome, Reply


def call_typed(engine: Engine, request: TypedRequest, context: Context, reply: Reply) -> None:
    """``Engine.call`` for typed requests in keyspaces of any model."""
    record = engine.keyspace(context.keyspace)
    if record is not None:
        _call_in(engine, record, request, context, reply)
        return

    def looked_up(outcome: Outcome, stamp: Stamp) -> None:
        if isinstance(outcome, TricordError):
            reply(outcome, stamp)
            return
        try:
            _call_in(engine, _found(outcome, context.keyspace), request, context, reply)
        except KeyspaceNotFound as error:
            reply(error, stamp)

    engine.call(KeyspaceList(), Context(deadline=context.deadline), looked_up)


async def ask_typed(engine: Engine, request: TypedRequest, context: Context) -> tuple[TypedResult, Stamp]:
    """``call_typed`` for coroutines, without an encoder. Raises TricordError."""
    future: asyncio.Future[tuple[TypedResult, Stamp]] = asyncio.get_running_loop().create_future()

    def reply(outcome: Outcome, stamp: Stamp) -> None:
        if future.done():
            return
        if isinstance(outcome, TricordError):
            future.set_exception(outcome)
        else:
            assert not isinstance(outcome, Encoded)
            future.set_result((outcome, stamp))  # type: ignore[arg-type]  # a typed request has a typed result

    call_typed(engine, request, context, reply)
    try:
        return await future
    except asyncio.CancelledError:
        context.cancel()
        raise


async def find_keyspace(engine: Engine, name: str) -> KeyspaceRecord:
    """The keyspace of that name, also one that was made just now. Raises KeyspaceNotFound, and what ``ask`` does."""
    record = engine.keyspace(name)
    if record is None:
        result, _ = await engine.ask(KeyspaceList(), Context())
        return _found(result, name)
    return record


async def open_typed_watch(engine: Engine, context: Context, wake: Callable[[], None]) -> TypedStream:
    """``Engine.open_typed_watch``, in keyspaces of any model. Raises what that and ``find_keyspace`` do."""
    record = await find_keyspace(engine, context.keyspace)
    if record.model is Model.STRONG:
        return StrongStream(engine, context, wake)
    return engine.open_typed_watch(context, wake)


def _call_in(engine: Engine, record: KeyspaceRecord, request: TypedRequest, context: Context, reply: Reply) -> None:
    if record.model is Model.STRONG:
        call_strong(engine, request, context, reply)
    elif isinstance(request, Update) and any(is_of_revision(change.seen) for change in request.changes):
        error = NotOfThisModel(
            f"keyspace {record.name!r} is {record.model.value}: whether a key is still at a revision is decided on the"
            " newest state, which only a strong keyspace has. Give the context of a read (seen): what others wrote"
            " meanwhile stays beside the write"
        )
        reply(error, engine.stamp(record.name))
    else:
        engine.call(request, context, reply)


def _found(result: object, name: str) -> KeyspaceRecord:
    assert isinstance(result, KeyspaceListResult)
    for record in result.records:
        if record.name == name:
            return record
    raise KeyspaceNotFound(f"no keyspace is called {name[:80]!r}")
