# SPDX-License-Identifier: Apache-2.0
"""Keyspaces in the HTTP API."""

from __future__ import annotations

from tricord.api.native.http_errors import JSON
from tricord.api.native.http_requests import Asked
from tricord.api.native.json_text import to_object, write
from tricord.api.native.json_values import keyspace_to_json, replica_to_json
from tricord.base.context import Context
from tricord.base.errors import InvalidRequest
from tricord.base.keyspaces import (
    KeyspaceCreate,
    KeyspaceCreateResult,
    KeyspaceDrop,
    KeyspaceDropResult,
    KeyspaceList,
    KeyspaceListResult,
    Model,
    model_of,
)
from tricord.base.replica_sets import KeyspaceDescribe, KeyspaceDescribeResult
from tricord.base.values import type_of
from tricord.server.engine import Engine
from tricord.wire.http.routes import HttpResponse


class KeyspaceHandlers:
    """Handlers raise TricordError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list(self, _: Asked) -> HttpResponse:
        """All keyspaces, as a majority knows them."""
        result, _stamp = await self._engine.ask(KeyspaceList(), Context())
        assert isinstance(result, KeyspaceListResult)
        return HttpResponse(200, [JSON], write({"keyspaces": [keyspace_to_json(each) for each in result.records]}))

    async def create(self, asked: Asked) -> HttpResponse:
        """Make one."""
        body = to_object(asked.json(), "a keyspace", frozenset({"name", "model", "type"}))
        name, model, kind = body.get("name"), body.get("model", "strong"), body.get("type")
        if not isinstance(name, str) or not isinstance(model, str) or not isinstance(kind, str | None):
            raise InvalidRequest("a keyspace has a name, and a model and a type that are text")
        request = KeyspaceCreate(name, model_of(model), None if kind is None else type_of(kind))
        result, _stamp = await self._engine.ask(request, Context())
        assert isinstance(result, KeyspaceCreateResult)
        return HttpResponse(201, [JSON], write(keyspace_to_json(result.record)))

    async def get(self, asked: Asked) -> HttpResponse:
        """One of them, with who holds it."""
        result, _stamp = await self._engine.ask(KeyspaceDescribe(asked.keyspace), Context())
        assert isinstance(result, KeyspaceDescribeResult)
        told = keyspace_to_json(result.record)
        if result.record.model is not Model.STRONG:
            active = sorted(result.replicas.active.items())
            told["replicas"] = [replica_to_json(number, holder) for number, holder in active]
        return HttpResponse(200, [JSON], write(told))

    async def drop(self, asked: Asked) -> HttpResponse:
        """Take one away, with all that it holds."""
        result, _stamp = await self._engine.ask(KeyspaceDrop(asked.keyspace), Context())
        assert isinstance(result, KeyspaceDropResult)
        return HttpResponse(200, [JSON], write(keyspace_to_json(result.record)))
