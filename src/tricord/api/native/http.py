# SPDX-License-Identifier: Apache-2.0
"""The HTTP API under /tricord/v1/: which endpoint a request is for, and its answer where it fails.

Keys of a path are percent-encoded bytes; what is behind ``/values/`` is the key, slashes and all.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tricord.api.native.http_errors import JSON, not_allowed, refusal
from tricord.api.native.http_keyspaces import KeyspaceHandlers
from tricord.api.native.http_requests import Asked, parameters_of, unescaped
from tricord.api.native.http_values import ValueHandlers
from tricord.api.native.http_watch import watch_handler
from tricord.api.native.json_text import write
from tricord.base.errors import NotFound, TricordError
from tricord.base.message import message
from tricord.server.engine import Engine
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes

ROOT = "/tricord/v1"
DOCUMENT = f"{ROOT}/openapi.json"
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")

Handler: TypeAlias = Callable[[Asked], Awaitable[HttpResponse]]

_RANGE = frozenset({"key", "prefix", "from", "to"})
_WRITE = frozenset({"seen", "if_revision", "ttl_milliseconds", "acks"})


@message
class Endpoint:
    """One method of a path. ``operation`` is its name in the OpenAPI document."""

    method: str
    path: str
    operation: str
    handler: Handler
    parameters: frozenset[str] = frozenset()


def endpoints(engine: Engine, version: str) -> list[Endpoint]:
    """All of the API's."""
    of_keyspaces, of_values = KeyspaceHandlers(engine), ValueHandlers(engine)
    keyspaces, keyspace = "/keyspaces", "/keyspaces/{keyspace}"
    values, value = f"{keyspace}/values", f"{keyspace}/values/{{key}}"

    async def describe(_: Asked) -> HttpResponse:
        return HttpResponse(200, [JSON], write({"version": version, "document": DOCUMENT}))

    async def document(_: Asked) -> HttpResponse:
        from tricord.api.native.openapi import document_text

        return HttpResponse(200, [JSON], document_text(version))

    return [
        Endpoint("GET", "/", "describe", describe),
        Endpoint("GET", "/openapi.json", "document", document),
        Endpoint("GET", keyspaces, "listKeyspaces", of_keyspaces.list),
        Endpoint("POST", keyspaces, "createKeyspace", of_keyspaces.create),
        Endpoint("GET", keyspace, "getKeyspace", of_keyspaces.get),
        Endpoint("DELETE", keyspace, "dropKeyspace", of_keyspaces.drop),
        Endpoint("GET", values, "fetchValues", of_values.fetch, _RANGE | {"limit", "page"}),
        Endpoint("GET", value, "getValue", of_values.get, frozenset({"replicas"})),
        Endpoint("PUT", value, "putValue", of_values.put, _WRITE),
        Endpoint("POST", value, "changeValue", of_values.change, _WRITE),
        Endpoint("DELETE", value, "removeValue", of_values.remove, _WRITE - {"ttl_milliseconds"}),
        Endpoint("POST", f"{keyspace}/update", "update", of_values.update),
        Endpoint("GET", f"{keyspace}/watch", "watch", watch_handler(engine), _RANGE | {"resume"}),
    ]


def add_routes(engine: Engine, version: str, routes: Routes) -> None:
    """Answer all that is below /tricord/v1, in this API's words."""
    api = _Api(endpoints(engine, version))
    for method in METHODS:
        routes.add(method, ROOT, api.answer)
        routes.add(method, ROOT + "/*", api.answer)


class _Api:
    """Finds a request's endpoint."""

    def __init__(self, found: list[Endpoint]) -> None:
        self._paths: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = []
        for endpoint in found:
            pattern = re.compile(_pattern(ROOT + endpoint.path))
            known = next((table for other, table in self._paths if other.pattern == pattern.pattern), None)
            if known is None:
                known = {}
                self._paths.append((pattern, known))
            known[endpoint.method] = endpoint

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """An answer to every request; errors in the API's form."""
        path = request.path if request.path != ROOT else ROOT + "/"
        for pattern, table in self._paths:
            if (match := pattern.fullmatch(path)) is None:
                continue
            endpoint = table.get("GET" if request.method == "HEAD" else request.method)
            if endpoint is None:
                return not_allowed(sorted(table))
            try:
                return await endpoint.handler(_asked(endpoint, request, match.groupdict()))
            except TricordError as error:
                return refusal(error)
        return refusal(NotFound(f"there is nothing at {path[:200]}"))


def _asked(endpoint: Endpoint, request: HttpRequest, named: dict[str, str]) -> Asked:
    parameters = parameters_of(request.query, endpoint.parameters)
    keyspace = unescaped(named.get("keyspace", "")).decode("utf-8", "replace")
    return Asked(request, keyspace, unescaped(named.get("key", "")), parameters)


def _pattern(template: str) -> str:
    return re.escape(template).replace(r"\{keyspace\}", "(?P<keyspace>[^/]+)").replace(r"\{key\}", "(?P<key>.+)")
