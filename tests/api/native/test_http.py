# SPDX-License-Identifier: Apache-2.0
"""The HTTP API: one for keyspaces of all models, strict in what it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.api.native.http_client import Client, client
from tests.api.native.model_engine import HERE
from tricord.base import changes
from tricord.base.context import Context
from tricord.base.dots import Dot
from tricord.base.errors import Stopping
from tricord.base.hybrid_clock import HybridTime
from tricord.base.levels import Level
from tricord.base.operations import Compact
from tricord.base.token import Token
from tricord.base.typed import FetchResult, TypedKey
from tricord.base.values import DataType, Shown, Sibling


def run(story: Callable[[Client], Awaitable[None]]) -> None:
    async def told() -> None:
        async with client() as asks:
            await story(asks)

    asyncio.run(told())


CART = "/keyspaces/carts/values/cart/1"


def test_keyspaces_are_made_listed_and_dropped() -> None:
    async def story(asks: Client) -> None:
        made = {"id": 1, "name": "plain", "model": "strong"}
        default = {"id": 0, "name": "default", "model": "strong"}
        assert await asks.ask("POST", "/keyspaces", {"name": "plain"}) == (201, made)
        assert await asks.ask("GET", "/keyspaces") == (200, {"keyspaces": [default, made]})
        assert await asks.ask("GET", "/keyspaces/plain") == (200, made)
        status, told = await asks.ask("POST", "/keyspaces", {"name": "plain", "model": "strong"})
        assert (status, told["code"]) == (409, "keyspace_exists")
        assert await asks.ask("DELETE", "/keyspaces/plain") == (200, made)
        for method in ("GET", "DELETE"):
            status, told = await asks.ask(method, "/keyspaces/plain")
            assert (status, told["code"]) == (404, "keyspace_not_found")
        status, told = await asks.ask("PUT", "/keyspaces/plain/values/a", {"value": "1"})
        assert (status, told["code"]) == (404, "keyspace_not_found")
        assert await asks.ask("GET", "/") == (200, {"version": "1.2.3", "document": "/tricord/v1/openapi.json"})

    run(story)


def test_a_strong_keyspace_holds_registers_and_refuses_what_was_changed_meanwhile() -> None:
    async def story(asks: Client) -> None:
        at = "/keyspaces/default/values/cart"
        assert await asks.ask("PUT", at, {"value": "milk"}) == (200, {"sequence": 2, "acks": 1})
        status, read = await asks.ask("GET", at)
        assert (status, read["value"], read["revision"], read["type"]) == (200, "milk", 2, "register")
        assert await asks.ask("PUT", f"{at}?seen={read['context']}", {"value": "eggs"}) == (
            200,
            {"sequence": 3, "acks": 1},
        )
        for stale in (f"seen={read['context']}", "if_revision=2", "if_revision=0"):
            status, told = await asks.ask("PUT", f"{at}?{stale}", {"value": "soap"})
            assert (status, told["code"]) == (412, "changed_meanwhile")
        assert (await asks.ask("DELETE", f"{at}?if_revision=3"))[1]["sequence"] == 4
        assert (await asks.ask("PUT", f"{at}?if_revision=0", {"value": "new"}))[1]["sequence"] == 5
        both = {"changes": [{"key": "a", "put": "1"}, {"key": "cart", "remove": True, "if_revision": 5}]}
        assert await asks.ask("POST", "/keyspaces/default/update", both) == (200, {"sequence": 6, "acks": 1})
        assert (await asks.ask("GET", at))[0] == 404
        for change in ({"add": 1}, {"put_last": "a"}, {"change_field": {"name": "a", "change": {"add": 1}}}):
            status, told = await asks.ask("POST", at, change)
            assert (status, told["code"]) == (409, "not_of_this_model")
        for query in ("acks=2", "ttl_milliseconds=5"):
            assert (await asks.ask("PUT", f"{at}?{query}", {"value": "a"}))[1]["code"] == "not_of_this_model"
        assert (await asks.ask("GET", f"{at}?replicas=2"))[1]["code"] == "not_of_this_model"

    run(story)


def test_a_read_may_ask_for_a_level_and_carry_a_token() -> None:
    async def story(asks: Client) -> None:
        at = "/keyspaces/default/values/a"
        await asks.ask("PUT", at, {"value": "1"})
        response = await asks.respond("GET", at, tricord_level="sequential", tricord_token=asks.token)
        assert dict(response.headers)[b"tricord-level"] == b"sequential"
        status, told = await asks.ask("GET", at, tricord_level="psychic")
        assert (status, told["code"]) == (400, "invalid_request")
        status, told = await asks.ask("GET", at, tricord_token="A" + asks.token[1:-1])
        assert (status, told["code"]) == (400, "token_damaged")
        other = Token(1, 2, {0: 3}).text()
        status, told = await asks.ask("GET", at, tricord_token=other, tricord_level="sequential")
        assert (status, told["code"]) == (409, "token_of_another_cluster")

    run(story)


def test_values_of_every_type_in_a_causal_keyspace() -> None:
    async def story(asks: Client) -> None:
        at = "/keyspaces/carts/values/"
        status, told = await asks.ask("PUT", at + "register?if_revision=0", {"value": "a"})
        assert (status, told["code"]) == (409, "not_of_this_model") and "seen" in told["message"]
        await asks.ask("PUT", at + "register", {"value": {"base64": "/w"}})
        await asks.ask("PUT", at + "last", {"value": "x", "type": "last-writer"})
        await asks.ask("POST", at + "counter", {"add": -7})
        for element in ("milk", "eggs"):
            await asks.ask("POST", at + "set", {"add_element": element})
        await asks.ask("POST", at + "set", {"remove_element": "eggs"})
        for name in ("n", {"base64": "/w=="}, "base64:"):
            await asks.ask("POST", at + "map", {"change_field": {"name": name, "change": {"add": 2}}})
        await asks.ask("POST", at + "map", {"remove_field": "n"})
        status, page = await asks.ask("GET", "/keyspaces/carts/values")
        two = {"type": "counter", "value": 2}
        assert status == 200
        assert [(each["key"], each["type"], each["value"]) for each in page["values"]] == [
            ("counter", "counter", -7),
            ("last", "last-writer", "x"),
            ("map", "map", {"base64:/w==": two, "base64:YmFzZTY0Og==": two}),
            ("register", "register", {"base64": "/w=="}),
            ("set", "set", ["milk"]),
        ]
        assert all("revision" not in each and each["context"] for each in page["values"])
        status, told = await asks.ask("POST", at + "set", {"add": 1})
        assert (status, told["code"]) == (409, "type_mismatch")
        assert (await asks.ask("POST", at + "set", {"keep_only": "set"}))[0] == 200
        assert (await asks.ask("POST", at + "set", {"remove": True}))[0] == 200
        assert (await asks.ask("GET", at + "set"))[0] == 404
        assert Token.from_text(asks.token).keyspaces[70].counter(HERE) == 13

    run(story)


def test_concurrent_values_stand_side_by_side_until_somebody_settles_them() -> None:
    async def story(asks: Client) -> None:
        await asks.ask("PUT", CART, {"value": "milk"})
        _, read = await asks.ask("GET", CART)
        await asks.ask("PUT", f"{CART}?seen={read['context']}", {"value": "eggs"})
        await asks.ask("PUT", f"{CART}?seen={read['context']}", {"value": "soap"})
        _, read = await asks.ask("GET", CART)
        assert read["value"] == "soap"
        assert read["siblings"] == ["soap", "eggs"]
        response = await asks.respond("GET", CART, accept="application/octet-stream")
        assert response.body == b"soap"
        await asks.ask("PUT", f"{CART}?seen={read['context']}", {"value": "all"})
        _, read = await asks.ask("GET", CART)
        assert "siblings" not in read
        status, told = await asks.ask("PUT", f"{CART}?seen=AAAA", {"value": "all"})
        assert (status, told["code"]) == (400, "read_context_damaged")

    run(story)


def test_what_a_member_cannot_show_and_other_types_are_told() -> None:
    async def story(asks: Client) -> None:
        stamp = HybridTime(1 << 16)
        others = (Shown(DataType.COUNTER, 2**70, stamp),)
        siblings = (Sibling(b"a", Dot(1, 1, 1), stamp), Sibling(b"b", Dot(2, 1, 1), stamp))
        shown = Shown(DataType.REGISTER, b"a", stamp, siblings, others, (99,))
        keyspace = asks.engine.keyspaces["carts"]
        keyspace.fetch = lambda request: FetchResult(1, [TypedKey(b"a", shown, b"c")])  # type: ignore[method-assign]
        _, read = await asks.ask("GET", CART)
        assert read["others"] == [{"type": "counter", "value": 2**70}]
        assert (read["siblings"], read["unknown"], read["written_milliseconds"]) == (["a", "b"], [99], 1)

    run(story)


def test_keys_are_bytes_and_pages_follow_each_other() -> None:
    async def story(asks: Client) -> None:
        keys = ["a", "a/b", "a%20c", "a%FF", "b"]
        for key in keys:
            await asks.ask("PUT", f"/keyspaces/carts/values/{key}", {"value": key})
        response = await asks.respond("PUT", "/keyspaces/carts/values/raw", b"\xff\x00", content_type="text/plain; a=b")
        assert response.status == 200
        assert (await asks.ask("GET", "/keyspaces/carts/values/raw"))[1]["value"] == {"base64": "/wA="}
        found: list[Any] = []
        page = ""
        while True:
            _, told = await asks.ask("GET", f"/keyspaces/carts/values?prefix=a&limit=1{page}")
            found += [each["key"] for each in told["values"]]
            if "next" not in told:
                break
            page = f"&page={told['next']}"
        assert found == ["a", "a c", "a/b", {"base64": "Yf8="}]
        _, told = await asks.ask("GET", "/keyspaces/carts/values?from=a%2Fb&to=b")
        assert [each["key"] for each in told["values"]] == ["a/b", {"base64": "Yf8="}]
        assert (await asks.ask("GET", "/keyspaces/carts/values?key=b"))[1]["values"][0]["value"] == "b"
        assert len((await asks.ask("GET", "/keyspaces/carts/values?prefix=%FF"))[1]["values"]) == 0

    run(story)


@pytest.mark.parametrize("keyspace", ["default", "carts", "presence"])
def test_a_watch_tells_what_there_is_and_what_comes_and_goes_on_where_it_ended(keyspace: str) -> None:
    async def story(asks: Client) -> None:
        values = f"/keyspaces/{keyspace}/values"
        await asks.ask("PUT", f"{values}/a", {"value": "1"})
        lines = await asks.watch(f"/keyspaces/{keyspace}/watch?prefix=a")
        told = await lines.next()
        assert [(each["key"], each["value"]) for each in told["values"]] == [("a", "1")]
        await asks.ask("PUT", f"{values}/b", {"value": "unseen"})
        await asks.ask("PUT", f"{values}/ab", {"value": "2"})
        await asks.ask("DELETE", f"{values}/a")
        told = await lines.next()
        assert [(each["key"], each["value"]) for each in told["values"]] == [("ab", "2")]
        gone = await lines.next()
        assert [(each["key"], each["removed"]) for each in gone["values"]] == [("a", True)]
        assert gone["sequence"] > told["sequence"]
        await lines.body.aclose()
        resumed = await asks.watch(f"/keyspaces/{keyspace}/watch?prefix=a&resume={gone['resume']}")
        await asks.ask("PUT", f"{values}/ac", {"value": "3"})
        told = await resumed.next()
        assert [each["key"] for each in told["values"]] == ["ac"]
        assert "resynced" not in told
        await resumed.body.aclose()
        with pytest.raises(StopAsyncIteration):
            await resumed.body.__anext__()

    run(story)


def test_a_watch_may_resume_from_a_token_and_ends_with_what_ended_it() -> None:
    async def story(asks: Client) -> None:
        await asks.ask("PUT", CART, {"value": "1"})
        lines = await asks.watch(f"/keyspaces/carts/watch?resume={asks.token}")
        await asks.ask("PUT", CART, {"value": "2"})
        assert (await lines.next())["values"][0]["value"] == "2"
        (stream,) = asks.engine.keyspaces["carts"].streams
        stream.failure = Stopping()
        assert (await lines.next())["error"]["code"] == "stopping"
        with pytest.raises(StopAsyncIteration):
            await lines.body.__anext__()
        await lines.body.aclose()
        assert asks.engine.keyspaces["carts"].streams == []
        for resume, code in (
            ("!", "token_damaged"),
            (".", "invalid_request"),
            (".!", "invalid_request"),
            (Token(1, 2).text(), "token_of_another_cluster"),
        ):
            assert (await asks.ask("GET", f"/keyspaces/carts/watch?resume={resume}"))[1]["code"] == code
        cluster, history = asks.engine.stamp().cluster, asks.engine.stamp().history
        assert (await asks.ask("GET", f"/keyspaces/carts/watch?resume={Token(cluster, history).text()}"))[0] == 400
        assert (await asks.ask("GET", "/keyspaces/default/watch?key="))[1]["code"] == "key_not_provided"

    run(story)


def test_a_strong_watch_that_fell_behind_a_compaction_is_resynced() -> None:
    async def story(asks: Client) -> None:
        for value in "123":
            await asks.ask("PUT", "/keyspaces/default/values/a", {"value": value})
        await asks.engine.ask(Compact(4), Context())
        lines = await asks.watch("/keyspaces/default/watch?key=a&resume=.cmV2aXNpb24gMQ")
        told = await lines.next()
        assert (told["resynced"], told["values"][0]["value"], told["sequence"]) == (True, "3", 4)
        await lines.body.aclose()

    run(story)


BAD: list[tuple[str, str, Any, int]] = [
    ("GET", "/nothing", None, 404),
    ("GET", "/keyspaces/carts/values/", None, 404),
    ("PATCH", "/keyspaces", None, 405),
    ("POST", "/keyspaces/carts/watch", None, 405),
    ("GET", "/keyspaces?limit=1", None, 400),
    ("GET", "/keyspaces/carts/values?limit=0", None, 400),
    ("GET", "/keyspaces/carts/values?limit=1001", None, 400),
    ("GET", "/keyspaces/carts/values?limit=1&limit=2", None, 400),
    ("GET", "/keyspaces/carts/values?limit=99999999999999999999999", None, 400),
    ("GET", "/keyspaces/carts/values?limit=%C2%B2", None, 400),
    ("GET", "/keyspaces/carts/values?prefix=a&from=b", None, 400),
    ("GET", "/keyspaces/carts/values?key=a&page=YQ", None, 400),
    ("GET", "/keyspaces/carts/values?page=!", None, 400),
    ("GET", "/keyspaces/carts/values?prefix=%2", None, 400),
    ("GET", "/keyspaces/carts/values/%zz", None, 400),
    ("POST", "/keyspaces", b"", 400),
    ("POST", "/keyspaces", b"\xff", 400),
    ("POST", "/keyspaces", b"{", 400),
    ("POST", "/keyspaces", b"[" * 100_000, 400),
    ("POST", "/keyspaces", b'{"name": "a", "name": "b"}', 400),
    ("POST", "/keyspaces", {"name": "UPPER"}, 400),
    ("POST", "/keyspaces", {"name": "a", "model": "psychic"}, 400),
    ("POST", "/keyspaces", {"name": "a", "colour": "blue"}, 400),
    ("POST", "/keyspaces", {"name": 7}, 400),
    ("POST", "/keyspaces", [1], 400),
    ("PUT", CART, {"value": 7}, 400),
    ("PUT", CART, {"value": {"base64": "!"}}, 400),
    ("PUT", CART, {"value": {"base64": "YQ", "a": 1}}, 400),
    ("PUT", CART, b'{"value": "\\ud800"}', 400),
    ("PUT", CART, {"value": "a", "type": "counter"}, 400),
    ("PUT", CART, {"type": "register"}, 400),
    ("PUT", CART, {"value": "a", "type": []}, 400),
    ("POST", CART, {"add": 1, "": 1}, 400),
    ("PUT", CART + "?acks=0", {"value": "a"}, 400),
    ("PUT", CART + "?seen=YQ&if_revision=1", {"value": "a"}, 400),
    ("PUT", CART + "?psychic=1", {"value": "a"}, 400),
    ("POST", CART, {}, 400),
    ("POST", CART, {"add": 1, "put": "a"}, 400),
    ("POST", CART, {"add": 2**63}, 400),
    ("POST", CART, {"add": True}, 400),
    ("POST", CART, {"add": 1.5}, 400),
    ("POST", CART, b'{"add": NaN}', 400),
    ("POST", CART, b'{"add": ' + b"9" * 5000 + b"}", 400),
    ("POST", CART, {"remove": False}, 400),
    ("POST", CART, {"keep_only": "psychic"}, 400),
    ("POST", CART, {"change_field": {"name": "a"}}, 400),
    ("POST", "/keyspaces/carts/update", {}, 400),
    ("POST", "/keyspaces/carts/update", {"changes": [{"add": 1}]}, 400),
    ("POST", "/keyspaces/carts/update", {"changes": [{"key": "", "add": 1}]}, 400),
    ("POST", "/keyspaces/carts/update", {"changes": [{"key": "a", "add": 1, "seen": 5}]}, 400),
    ("POST", "/keyspaces/carts/update", {"changes": [], "acks": 0}, 400),
    ("POST", "/keyspaces/default/update", {"changes": []}, 400),
    ("POST", "/keyspaces/default/update", {"changes": [{"key": "a", "put": "1", "seen": "YQ"}]}, 400),
]


def test_bad_input_is_refused_with_a_reason() -> None:
    async def story(asks: Client) -> None:
        for method, path, body, expected in BAD:
            status, told = await asks.ask(method, path, body)
            assert status == expected, (method, path, told)
            assert told["message"]
        deep: Any = {"add": 1}
        for _ in range(40):
            deep = {"change_field": {"name": "a", "change": deep}}
        assert (await asks.ask("POST", CART, deep))[1]["code"] == "nested_too_deep"
        assert asks.engine.keyspaces["carts"].state.cells == {}

    run(story)


def test_changes_arrive_as_they_were_meant() -> None:
    async def story(asks: Client) -> None:
        seen: list[Any] = []
        keyspace = asks.engine.keyspaces["presence"]
        update = keyspace.update
        keyspace.update = lambda request: (seen.append(request), update(request))[1]  # type: ignore[method-assign,func-returns-value]
        change = {"key": "a", "change_field": {"name": "n", "change": {"put_last": "v"}}, "ttl_milliseconds": 5}
        assert await asks.ask("POST", "/keyspaces/presence/update", {"changes": [change], "acks": 2}) == (
            200,
            {"sequence": 1, "acks": 2},
        )
        (request,) = seen
        (one,) = request.changes
        assert (request.acks, one.key, one.ttl, one.seen) == (2, b"a", 5, b"")
        assert one.change == changes.ChangeField(b"n", changes.PutLast(b"v"))
        await asks.ask("GET", "/keyspaces/presence/values/a", tricord_level="eventual")
        assert asks.engine.contexts[-1].level is Level.EVENTUAL
        assert asks.engine.contexts[-1].level_named
        assert not asks.engine.contexts[0].level_named

    run(story)
