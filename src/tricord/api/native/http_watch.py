# SPDX-License-Identifier: Apache-2.0
"""Watches in the HTTP API: an answer of JSON lines that ends with the caller, or with a line that says an error.

What the caller does not take stays in the member's queue, whose size is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from tricord.api.native.http_errors import error_to_json
from tricord.api.native.http_requests import Asked, answer_headers, ranged
from tricord.api.native.json_text import from_base64, to_base64url, write
from tricord.api.native.json_values import events_to_json
from tricord.api.native.typed_calls import find_keyspace, open_typed_watch
from tricord.base.errors import InvalidRequest, TricordError
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.levels import Stamp
from tricord.base.token import Token
from tricord.base.typed import TypedEvents, TypedStream, TypedWatch
from tricord.server.engine import Engine
from tricord.wire.http.routes import HttpResponse

LINES: tuple[bytes, bytes] = (b"content-type", b"application/x-ndjson")
NO_STORE: tuple[bytes, bytes] = (b"cache-control", b"no-store")
TAKE_BYTES = 64 << 10


def watch_handler(engine: Engine) -> Callable[[Asked], Awaitable[HttpResponse]]:
    """The handler; it raises TricordError for a watch that cannot begin."""

    async def watch(asked: Asked) -> HttpResponse:
        key, end = ranged(asked)
        record = await find_keyspace(engine, asked.keyspace)
        stamp = engine.stamp(asked.keyspace)
        spec = _resumed(key, end, asked.parameters.get("resume", b"").decode("latin-1"), record, stamp)
        context = asked.context()
        news = asyncio.Event()
        stream = await open_typed_watch(engine, context, news.set)
        try:
            stream.add(spec)
        except BaseException:
            stream.close()
            raise
        return HttpResponse(200, [LINES, NO_STORE, *answer_headers(stamp)[:1]], _Lines(stream, news, record, stamp))

    return watch


class _Lines:
    """The body of the answer."""

    def __init__(self, stream: TypedStream, news: asyncio.Event, record: KeyspaceRecord, stamp: Stamp) -> None:
        self._stream = stream
        self._news = news
        self._record = record
        self._stamp = stamp
        self._taken: deque[TypedEvents] = deque()
        self._done = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._done:
            raise StopAsyncIteration
        try:
            while not self._taken:
                self._news.clear()
                self._taken.extend(self._stream.take(TAKE_BYTES))
                if not self._taken:
                    await self._news.wait()
        except TricordError as error:
            self._done = True
            return write({"error": error_to_json(error)}) + b"\n"
        events = self._taken.popleft()
        resume = _resume_of(events, self._record, self._stamp)
        return write(events_to_json(events, self._record.model, resume)) + b"\n"

    async def aclose(self) -> None:
        """The caller is gone."""
        self._done = True
        self._stream.close()


def _resume_of(events: TypedEvents, record: KeyspaceRecord, stamp: Stamp) -> str:
    """A token of what was told, where the keyspace has vectors, and the position behind a dot."""
    token = ""
    if events.vector is not None and stamp.history:
        token = Token(stamp.cluster, stamp.history, {}, {record.id: events.vector}).text()
    return f"{token}.{to_base64url(events.position)}"


def _resumed(key: bytes, end: bytes, resume: str, record: KeyspaceRecord, stamp: Stamp) -> TypedWatch:
    """The watch that goes on behind ``resume``: what a line of an earlier one says, or a token by itself.

    Raises InvalidRequest, InvalidToken.
    """
    if not resume:
        return TypedWatch(key, end)
    text, _, place = resume.partition(".")
    position = from_base64(place, "resume")
    if not text:
        if not position:
            raise InvalidRequest("resume is what a line of an earlier watch says, or a token")
        return TypedWatch(key, end, None, position)
    token = Token.from_text(text)
    token.check(stamp.cluster, stamp.history)
    vector = token.keyspaces.get(record.id)
    if vector is None:
        raise InvalidRequest("the token says nothing of this keyspace: watch without resume")
    return TypedWatch(key, end, vector, position)
