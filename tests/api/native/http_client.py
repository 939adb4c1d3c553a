# SPDX-License-Identifier: Apache-2.0
"""The HTTP API without a socket: requests to its routes, answers as JSON, each held to the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.api.native.model_engine import ModelEngine, as_engine, model_engine
from tests.api.native.schemas import check_answer
from tricord.api.native import add_routes
from tricord.wire.http.routes import BodyIterator, HttpRequest, HttpResponse, Routes

ROOT = "/tricord/v1"


class Client:
    """Asks the routes of an engine. ``token``: of the last answer that had one."""

    def __init__(self, engine: ModelEngine) -> None:
        self.engine = engine
        self.routes = Routes()
        self.token = ""
        add_routes(as_engine(engine), "1.2.3", self.routes)

    async def respond(self, method: str, path: str, body: bytes = b"", **headers: str) -> HttpResponse:
        """The answer as it is; a header's name has _ for -."""
        target, _, query = path.partition("?")
        fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        response = await self.routes.answer(HttpRequest(method, ROOT + target, query, fields, body, "1.1"))
        self.token = dict(response.headers).get(b"tricord-token", self.token.encode()).decode()
        return response

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of the answer, which is as the document says."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = await self.respond(method, path, data, **headers)
        assert isinstance(response.body, bytes)
        told = json.loads(response.body)
        check_answer(method, path.partition("?")[0], response.status, told)
        return response.status, told

    async def watch(self, path: str) -> Lines:
        """A watch that was begun."""
        response = await self.respond("GET", path)
        assert response.status == 200
        assert not isinstance(response.body, bytes)
        return Lines(response.body)


class Lines:
    """The lines of a watch."""

    def __init__(self, body: BodyIterator) -> None:
        self.body = body

    async def next(self) -> Any:
        """The next one."""
        told = json.loads(await self.body.__anext__())
        check_answer("GET", "/keyspaces/x/watch", 200, told)
        return told


@asynccontextmanager
async def client() -> AsyncIterator[Client]:
    """A client of a member in memory."""
    async with model_engine() as engine:
        yield Client(engine)
