# SPDX-License-Identifier: Apache-2.0
"""Typed values in the HTTP API."""

from __future__ import annotations

from tricord.api.native.http_errors import JSON
from tricord.api.native.http_requests import Asked, answer_headers, ranged
from tricord.api.native.json_text import quoted, to_bytes, to_object, write
from tricord.api.native.json_values import (
    INT64_MAX,
    REPLICAS_MAX,
    change_of,
    fetched_to_json,
    key_to_json,
    seen_of_revision,
    update_of,
)
from tricord.api.native.typed_calls import ask_typed, find_keyspace
from tricord.base.changes import Change, Put, PutLast, Remove
from tricord.base.errors import InvalidRequest, NotFound
from tricord.base.levels import Stamp
from tricord.base.typed import TTL_MAX, Fetch, FetchResult, KeyChange, TypedKey, Update, UpdateResult
from tricord.base.values import plain
from tricord.server.engine import Engine
from tricord.wire.http.routes import HttpResponse

LIMIT = 100
"""Keys of a page whose size nobody named."""
LIMIT_MAX = 1000
RAW: tuple[bytes, bytes] = (b"content-type", b"application/octet-stream")
_PUTS: dict[object, type[Put] | type[PutLast]] = {"register": Put, "last-writer": PutLast}


class ValueHandlers:
    """Handlers raise TricordError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def fetch(self, asked: Asked) -> HttpResponse:
        """Keys in order, in pages."""
        key, end = ranged(asked)
        if page := asked.opaque("page"):
            key = max(key, page)
            if end == b"":
                raise InvalidRequest("a single key has no pages")
        request = Fetch(key, end, asked.whole("limit", LIMIT, 1, LIMIT_MAX))
        result, stamp = await self._fetch(request, asked)
        record = await find_keyspace(self._engine, asked.keyspace)
        return _answer(write(fetched_to_json(result, record.model)), stamp)

    async def get(self, asked: Asked) -> HttpResponse:
        """One key. NotFound where it holds nothing."""
        request = Fetch(asked.key, replicas=asked.whole("replicas", 1, 1, REPLICAS_MAX))
        result, stamp = await self._fetch(request, asked)
        found = result.keys[0] if result.keys else TypedKey(asked.key, None)
        if found.value is None:
            raise NotFound("the key holds nothing")
        if asked.wants_raw:
            return HttpResponse(200, [RAW, *answer_headers(stamp)], plain(found.value))
        record = await find_keyspace(self._engine, asked.keyspace)
        return _answer(write({"sequence": result.sequence, **key_to_json(found, record.model)}), stamp)

    async def put(self, asked: Asked) -> HttpResponse:
        """Put a register's value."""
        if asked.is_raw:
            return await self._write(asked, Put(asked.request.body))
        body = to_object(asked.json(), "a value", frozenset({"value", "type"}))
        if "value" not in body:
            raise InvalidRequest('there is no value to put: the body is {"value": ...}')
        kind = body.get("type", "register")
        put = _PUTS.get(kind) if isinstance(kind, str) else None
        if put is None:
            known = " or ".join(map(str, _PUTS))
            raise InvalidRequest(
                f"a value that is put is a {known}, not {quoted(kind)}; other types are changed by POST"
            )
        return await self._write(asked, put(to_bytes(body["value"], "a value")))

    async def change(self, asked: Asked) -> HttpResponse:
        """Change a value of any type."""
        return await self._write(asked, change_of(asked.json()))

    async def remove(self, asked: Asked) -> HttpResponse:
        """Take away all that the key holds. It is no error if that is nothing."""
        return await self._write(asked, Remove())

    async def update(self, asked: Asked) -> HttpResponse:
        """Change several keys."""
        return await self._update(asked, update_of(asked.json()))

    async def _fetch(self, request: Fetch, asked: Asked) -> tuple[FetchResult, Stamp]:
        result, stamp = await ask_typed(self._engine, request, asked.context())
        assert isinstance(result, FetchResult)
        return result, stamp

    async def _write(self, asked: Asked, change: Change) -> HttpResponse:
        seen = asked.opaque("seen")
        if "if_revision" in asked.parameters:
            seen = seen_of_revision(asked.whole("if_revision", 0, 0, INT64_MAX), seen)
        ttl = asked.whole("ttl_milliseconds", 0, 0, TTL_MAX)
        acks = asked.whole("acks", 1, 1, REPLICAS_MAX)
        return await self._update(asked, Update([KeyChange(asked.key, change, seen, ttl)], acks))

    async def _update(self, asked: Asked, request: Update) -> HttpResponse:
        result, stamp = await ask_typed(self._engine, request, asked.context())
        assert isinstance(result, UpdateResult)
        return _answer(write({"sequence": result.sequence, "acks": result.acks}), stamp)


def _answer(body: bytes, stamp: Stamp) -> HttpResponse:
    return HttpResponse(200, [JSON, *answer_headers(stamp)], body)
