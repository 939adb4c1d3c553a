# SPDX-License-Identifier: Apache-2.0
"""Plain HTTP for the doors: request, response, and the table that finds the handler. The same over HTTP/1.1 and 2.

A path matches exactly, or by the longest registered prefix that ends in ``/*``. The body is always read before an
answer is given, a 405 included: a client that is still sending would else see a reset instead of the answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeAlias

from tricord.base.message import message


@message
class HttpRequest:
    """A whole request. Header names are lower case. ``version`` is "1.0", "1.1" or "2"."""

    method: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    version: str

    def header(self, name: bytes) -> bytes | None:
        """The first value of ``name`` (lower case), or None."""
        for field, value in self.headers:
            if field == name:
                return value
        return None


class BodyIterator(Protocol):
    """A body in pieces, as an async generator gives them. Whoever sends it closes it, sent whole or not."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Itself."""

    def __anext__(self) -> Awaitable[bytes]:
        """The next piece."""

    def aclose(self) -> Awaitable[None]:
        """No more pieces are wanted."""


@message
class HttpResponse:
    """An answer. A body that is an iterator is sent as it comes (chunked over HTTP/1.1)."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | BodyIterator


HttpHandler: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]

TEXT: tuple[bytes, bytes] = (b"content-type", b"text/plain; charset=utf-8")


def plain(status: int, text: str, *headers: tuple[bytes, bytes]) -> HttpResponse:
    """An answer of one line of text."""
    return HttpResponse(status, [TEXT, *headers], text.encode() + b"\n")


class Routes:
    """Paths and methods with their handlers."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, HttpHandler]] = {}
        self._prefixes: list[tuple[str, dict[str, HttpHandler]]] = []

    def add(self, method: str, path: str, handler: HttpHandler) -> None:
        """Answer ``method`` on ``path``. GET answers HEAD too. A path that ends in ``/*`` takes all below it."""
        if path.endswith("/*"):
            prefix = path[:-1]
            table = next((methods for known, methods in self._prefixes if known == prefix), None)
            if table is None:
                table = {}
                self._prefixes.append((prefix, table))
                self._prefixes.sort(key=lambda entry: -len(entry[0]))
        else:
            table = self._exact.setdefault(path, {})
        if method in table:
            raise ValueError(f"route {method} {path} is given twice")
        table[method] = handler

    def paths(self) -> list[str]:
        """All paths, sorted."""
        return sorted([*self._exact, *(prefix + "*" for prefix, _ in self._prefixes)])

    def find(self, method: str, path: str) -> HttpHandler | HttpResponse:
        """The handler, or the 404 or 405 to answer."""
        methods = self._exact.get(path)
        if methods is None:
            methods = next((table for prefix, table in self._prefixes if path.startswith(prefix)), None)
        if methods is None:
            return plain(404, "404 page not found")
        handler = methods.get(method)
        if handler is None and method == "HEAD":
            handler = methods.get("GET")
        if handler is None:
            allowed = sorted({*methods, "HEAD"} if "GET" in methods else methods)
            return plain(405, "Method Not Allowed", (b"allow", ", ".join(allowed).encode()))
        return handler

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Find and run the handler."""
        found = self.find(request.method, request.path)
        if isinstance(found, HttpResponse):
            return found
        return await found(request)
