# SPDX-License-Identifier: Apache-2.0
"""Bad input about causal and eventual keyspaces, at all doors of a real member: words that say what to do, codes that
do not change, nothing done by half, and a member that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from typer.testing import CliRunner

import tricord
from tests.keyspaces.test_native_door import Http
from tricord.base.dots import Origin, VersionVector
from tricord.base.edges import EdgeHello, Said
from tricord.base.errors import KeyTooLarge, SiblingLimit, TokenAhead, TypeMismatch
from tricord.base.keyspaces import Model
from tricord.base.token import Token
from tricord.cli.main import app
from tricord.crdt.cell import SIBLINGS_MAX
from tricord.crdt.read_context import encode_read_context
from tricord.values import add, add_element, put
from tricord.wire.native.replication import EXCHANGE, encode_hello, encode_said

CAUSAL, EVENTUAL = "bad-causal", "bad-eventual"
NAMES = {CAUSAL: "causal", EVENTUAL: "eventual"}


@pytest.fixture(scope="module")
def http(tricord_endpoint: str) -> Iterator[Http]:
    """A causal and an eventual keyspace, in each a counter called count."""
    asks = Http(tricord_endpoint)
    for name, model in NAMES.items():
        assert asks.ask("POST", "/keyspaces", {"name": name, "model": model})[0] == 201
        assert asks.ask("POST", f"/keyspaces/{name}/values/count", {"add": 1})[0] == 200
    yield asks
    for name in NAMES:
        status, told = asks.ask("GET", f"/keyspaces/{name}/values/count")
        assert (status, told["value"]) == (200, 1), "it goes on, and nothing of all that was done"
        asks.ask("DELETE", f"/keyspaces/{name}")


REFUSED: list[tuple[str, str, Any, int, str, str]] = [
    ("POST", "/keyspaces", {"name": "bad-new", "model": "casual"}, 400, "invalid_request", "causal or eventual"),
    ("POST", "/keyspaces", {"name": "", "model": "causal"}, 400, "invalid_request", "1 to 64"),
    ("POST", "/keyspaces", {"name": "Bad Name/ü", "model": "causal"}, 400, "invalid_request", "1 to 64"),
    ("POST", "/keyspaces", {"name": "x" * 65, "model": "causal"}, 400, "invalid_request", "1 to 64"),
    ("POST", "/keyspaces", {"name": CAUSAL, "model": "eventual"}, 409, "keyspace_exists", "it is causal"),
    ("DELETE", "/keyspaces/bad-none", None, 404, "keyspace_not_found", "bad-none"),
    ("PUT", "/keyspaces/bad-none/values/a", {"value": "v"}, 404, "keyspace_not_found", "bad-none"),
    ("PUT", "/keyspaces/{}/values/count", {"value": "v"}, 409, "type_mismatch", "a counter, not a register"),
    ("POST", "/keyspaces/{}/values/count", {"add_element": "v"}, 409, "type_mismatch", "a counter, not a set"),
    ("POST", "/keyspaces/{}/values/count", {"keep_only": "set"}, 409, "type_mismatch", "a counter, not a set"),
    ("POST", "/keyspaces/{}/values/count", {"keep_only": "sett"}, 400, "invalid_request", "register, last-writer"),
    ("POST", "/keyspaces/{}/values/count", {"add": 2**63 - 1}, 400, "counter_overflow", "64 bits"),
    ("PUT", "/keyspaces/{}/values/a", {"value": "v", "type": "conter"}, 400, "invalid_request", "conter"),
    ("PUT", "/keyspaces/{}/values/a", {"value": "v", "type": []}, 400, "invalid_request", "register or last-writer"),
    ("PUT", "/keyspaces/{}/values/a?seen=AAAA", {"value": "v"}, 400, "read_context_damaged", "the context"),
    ("POST", "/keyspaces/{}/update", {"changes": []}, 400, "invalid_request", "at least one"),
    ("POST", "/keyspaces/{}/update", {"changes": [{"key": "", "put": "v"}]}, 400, "key_not_provided", "key"),
]


@pytest.mark.parametrize("keyspace", NAMES)
def test_http_says_what_is_wrong_and_does_nothing(http: Http, keyspace: str) -> None:
    for method, path, body, status, code, text in REFUSED:
        found, told = http.ask(method, path.format(keyspace), body)
        assert (found, told["code"]) == (status, code), (path, body, told)
        assert text in told["message"] and told["hint"], told
    assert http.ask("GET", f"/keyspaces/{keyspace}/values?key=a")[1]["values"] == []


def test_an_update_of_many_keys_is_refused_whole_by_the_name_of_the_one(http: Http) -> None:
    changes = [{"key": f"k{number}", "put": "v"} for number in range(200)] + [{"key": "count", "put": "v"}]
    status, told = http.ask("POST", f"/keyspaces/{CAUSAL}/update", {"changes": changes})
    assert (status, told["code"]) == (409, "type_mismatch") and "'count'" in told["message"]
    assert http.ask("POST", f"/keyspaces/{EVENTUAL}/update", {"changes": changes})[1]["code"] == "not_of_this_model"
    for keyspace in NAMES:
        assert http.ask("GET", f"/keyspaces/{keyspace}/values?prefix=k")[1]["values"] == []


@pytest.mark.parametrize("keyspace", NAMES)
def test_keys_of_any_size_are_kept_and_read(http: Http, keyspace: str) -> None:
    key = "long" + "x" * 1_000_000
    assert http.ask("POST", f"/keyspaces/{keyspace}/update", {"changes": [{"key": key, "put": "v"}]})[0] == 200
    found = http.ask("GET", f"/keyspaces/{keyspace}/values?prefix=long")[1]["values"]
    assert [(one["key"] == key, one["value"]) for one in found] == [(True, "v")]
    assert http.ask("POST", f"/keyspaces/{keyspace}/update", {"changes": [{"key": key, "remove": True}]})[0] == 200
    binary = quote(b"\xff\0", safe="")
    assert http.ask("PUT", f"/keyspaces/{keyspace}/values/{binary}", {"value": {"base64": "/w=="}})[0] == 200
    assert http.ask("DELETE", f"/keyspaces/{keyspace}/values/{binary}")[0] == 200
    big = {"changes": [{"key": "big", "put": "v" * (2 << 20)}]}
    assert http.ask("POST", f"/keyspaces/{keyspace}/update", big)[1]["code"] == "request_too_large"


def test_tokens_that_cannot_be_are_refused_and_those_from_the_future_waited_for(http: Http) -> None:
    at = f"/keyspaces/{CAUSAL}/values/count"
    http.ask("GET", at)
    own = Token.from_text(http.token)
    (keyspace,) = own.keyspaces
    ahead = VersionVector({Origin(9, 9): 9})
    other = Token(own.cluster + 1, own.history, {}, {keyspace: ahead}).text()
    for token, status, code in (
        ("not base64!", 400, "token_damaged"),
        (http.token[:-2], 400, "token_damaged"),
        (http.token.swapcase(), 400, "token_damaged"),
        ("A" * 6000, 400, "token_damaged"),
        (other, 409, "token_of_another_cluster"),
        (Token(own.cluster, own.history + 1, {}, {keyspace: ahead}).text(), 409, "token_of_another_history"),
    ):
        found, told = http.ask("GET", at, None, **{"tricord-token": token})
        assert (found, told["code"]) == (status, code)
        assert told["hint"].startswith(("go on without the token", "what the token speaks of may be gone"))
    # Over HTTP, where it is the member that says how long is waited: a busy client may see its own deadline first.
    future = Token(own.cluster, own.history, {}, {keyspace: ahead}).text()
    put = f"/keyspaces/{CAUSAL}/values/a"
    found, told = http.ask("PUT", put, {"value": "v"}, **{"tricord-token": future})
    assert (found, told["code"]) == (503, TokenAhead.code)
    assert http.ask("GET", put)[0] == 404


@pytest.mark.parametrize("keyspace", NAMES)
def test_the_65th_sibling_at_every_door(http: Http, tricord_endpoint: str, keyspace: str) -> None:
    at = f"/keyspaces/{keyspace}/values/siblings"
    http.ask("PUT", at, {"value": "first"})
    context = http.ask("GET", at)[1]["context"]
    for number in range(SIBLINGS_MAX):
        assert http.ask("PUT", f"{at}?seen={context}", {"value": str(number)})[0] == 200
    status, told = http.ask("PUT", f"{at}?seen={context}", {"value": "one more"})
    assert (status, told["code"]) == (409, "sibling_limit") and "context of what was read" in told["hint"]
    read = http.ask("GET", at)[1]
    assert len(read["siblings"]) == SIBLINGS_MAX
    with tricord.connect(tricord_endpoint) as store, store.keyspace(keyspace) as carts:
        nothing = encode_read_context({})
        with pytest.raises(SiblingLimit):
            carts.update([put("siblings", "one more", seen=nothing)])
        shown = carts.register("siblings").get()
        assert shown is not None and len(shown.siblings) == SIBLINGS_MAX
        carts.register("siblings").put("settled", seen=shown)
        with pytest.raises(TypeMismatch):
            carts.update([add("siblings", 1)])
        for number in range(3):
            carts.update([add_element("set", bytes((number,)) * (1 << 20))])
        with pytest.raises(KeyTooLarge):
            carts.update([add_element("set", bytes((9,)) * (1 << 20))])
        carts.delete("set")
        carts.delete("siblings")


def test_the_command_line_has_the_exit_code_of_each(http: Http, tricord_endpoint: str) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*arguments, "--endpoints", tricord_endpoint])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stderr

    for arguments, code, text in (
        (("keyspace", "create", CAUSAL, "--model", "eventual"), 1, "it is causal"),
        (("keyspace", "create", "bad-new", "--model", "evental"), 2, "did you mean eventual?"),
        (("keyspace", "create", "Bad Name"), 1, "1 to 64"),
        (("keyspace", "drop", "bad-none"), 3, "tricord keyspace list"),
        (("keyspace", "retire", CAUSAL, "99"), 1, "never had a replica 99"),
        (("put", "a", "v", "--keyspace", "bad-none"), 3, "bad-none"),
        (("put", "count", "v", "--keyspace", CAUSAL), 1, "a counter, not a register"),
        (("put", "", "v", "--keyspace", EVENTUAL), 1, "key"),
        (("get", "a", "--keyspace", CAUSAL, "--level", "linearizable"), 1, "ask for causal or any"),
        (("get", "a", "--keyspace", EVENTUAL, "--revision", "3"), 1, "keeps no past"),
        (("get", "a", "--keyspace", EVENTUAL), 3, ""),
    ):
        found, told = run(*arguments)
        assert found == code and text in told, (arguments, found, told)


def test_streams_of_edges_that_make_no_sense_end_with_a_reason(http: Http, tricord_endpoint: str) -> None:
    def hello(**changed: Any) -> bytes:
        given = {"keyspace": CAUSAL, "model": Model.CAUSAL, "identity": b"e" * 16, **changed}
        return encode_hello(EdgeHello(**given))

    channel = grpc.insecure_channel(tricord_endpoint, options=[("grpc.use_local_subchannel_pool", 1)])
    exchange = channel.stream_stream(EXCHANGE)
    for messages, code in (
        ([], "invalid_request"),
        ([b""], "invalid_request"),
        ([b"\xff\xff"], ""),
        ([encode_said(Said(b"first"))], "invalid_request"),
        ([hello(identity=b"short")], "invalid_request"),
        ([hello(keyspace="Bad Name")], "invalid_request"),
        ([hello(model=Model.STRONG)], "invalid_request"),
        ([hello(keyspace="default")], "keyspace_exists"),
        ([hello(model=Model.EVENTUAL)], "keyspace_exists"),
        ([hello(id=9_999)], "keyspace_not_found"),
        ([hello(cluster=5, history=6)], "edge_of_another_cluster"),
        ([hello(protocol=99)], "unimplemented"),
        ([hello(), hello()], "invalid_request"),
        ([hello(), *[encode_said(Said(bytes(1 << 20), True))] * 40], "invalid_request"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            list(exchange(iter(messages), timeout=60.0))
        ended: Any = caught.value
        assert dict(ended.trailing_metadata()).get("tricord-error", "") == code, (messages[0][:40], ended)
        assert ended.details()
    for name, model in NAMES.items():
        nonsense = [b"", b"\x01", b"\x01\x09", bytes(100), b"\xff" * 100, b"\x01\x02\x01\x02ab"]
        sent = [hello(keyspace=name, model=Model(model)), *[encode_said(Said(data)) for data in nonsense]]
        assert list(exchange(iter(sent), timeout=60.0)), "it was welcomed, and nothing came of what it said"
    channel.close()
