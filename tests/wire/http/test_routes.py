# SPDX-License-Identifier: Apache-2.0
"""Which handler answers, and what is said when none does."""

from __future__ import annotations

import pytest

from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes


async def _handler(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, [], b"")


async def _other(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, [], b"other")


def _routes() -> Routes:
    routes = Routes()
    routes.add("GET", "/health", _handler)
    routes.add("POST", "/v3/kv/put", _handler)
    routes.add("GET", "/files/*", _handler)
    routes.add("GET", "/files/deep/*", _other)
    return routes


def test_exact_paths_and_the_longest_prefix_are_found() -> None:
    routes = _routes()
    assert routes.find("GET", "/health") is _handler
    assert routes.find("HEAD", "/health") is _handler
    assert routes.find("GET", "/files/a") is _handler
    assert routes.find("GET", "/files/deep/a") is _other
    assert routes.paths() == ["/files/*", "/files/deep/*", "/health", "/v3/kv/put"]


def test_an_unknown_path_is_404_and_a_wrong_method_405_with_allow() -> None:
    routes = _routes()
    missing = routes.find("GET", "/nothing")
    assert isinstance(missing, HttpResponse)
    assert missing.status == 404
    for method, path, allowed in (("GET", "/v3/kv/put", b"POST"), ("DELETE", "/health", b"GET, HEAD")):
        refused = routes.find(method, path)
        assert isinstance(refused, HttpResponse)
        assert (refused.status, dict(refused.headers)[b"allow"]) == (405, allowed)


def test_a_route_is_given_once() -> None:
    routes = _routes()
    with pytest.raises(ValueError, match="twice"):
        routes.add("GET", "/health", _other)
