# SPDX-License-Identifier: Apache-2.0
"""Whatever comes to the HTTP API, the answer is one that its document foresees, and nothing breaks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.native.http_client import Client, client
from tricord.wire.http.routes import HttpResponse

NAMES = [
    "put",
    "put_last",
    "add",
    "add_element",
    "change_field",
    "name",
    "change",
    "remove",
    "keep_only",
    "key",
    "seen",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["set", "YQ", "YWJj"]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from([*NAMES, "changes", "acks", "value", "type", "base64", "model"]), inner, max_size=4
        ),
    ),
    max_leaves=8,
)
BODIES = st.one_of(JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=30))
TARGETS = st.sampled_from(
    [
        "/keyspaces",
        "/keyspaces/carts",
        "/keyspaces/carts/values",
        "/keyspaces/carts/values/a",
        "/keyspaces/default/values/a",
        "/keyspaces/carts/update",
        "/keyspaces/default/update",
        "/keyspaces/carts/watch",
        "/keyspaces/%ff/values/%00",
        "//",
        "/keyspaces//values/a",
    ]
)
QUERIES = st.one_of(
    st.just(""),
    st.text("abcdefpriefixlimitpageresumeseen=&%+._-09", max_size=20),
    st.tuples(
        st.sampled_from(
            ["limit", "page", "resume", "seen", "if_revision", "acks", "ttl_milliseconds", "prefix", "from"]
        ),
        st.text("AZaz09%+._-", max_size=12),
    ).map("=".join),
)
METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"])
HEADERS = st.dictionaries(
    st.sampled_from(["tricord_level", "tricord_token", "content_type", "accept"]),
    st.sampled_from(["", "any", "bounded:1r", "AAAA", "text/plain", "application/octet-stream", "\xff"]),
    max_size=2,
)
REQUESTS = st.lists(st.tuples(METHODS, TARGETS, QUERIES, BODIES, HEADERS), min_size=10, max_size=30)


async def answered(asks: Client, method: str, path: str, body: bytes, headers: dict[str, str]) -> HttpResponse:
    response = await asks.respond(method, path, body, **headers)
    if not isinstance(response.body, bytes):
        await response.body.aclose()
    return response


@given(REQUESTS)
@settings(max_examples=15, deadline=None)
def test_no_request_breaks_it(requests: list[tuple[str, str, str, bytes, dict[str, str]]]) -> None:
    async def story() -> None:
        async with client() as asks:
            for method, target, query, body, headers in requests:
                response = await answered(asks, method, f"{target}?{query}", body, headers)
                assert response.status < 500, (method, target, query, body, headers, response.body)
                if isinstance(response.body, bytes) and response.status >= 400:
                    told: Any = json.loads(response.body)
                    assert told["code"]
                    assert told["message"]
            assert not asks.engine.keyspaces["carts"].streams

    asyncio.run(story())
