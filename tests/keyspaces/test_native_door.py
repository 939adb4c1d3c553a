# SPDX-License-Identifier: Apache-2.0
"""The native door of a real member, over real sockets: plain HTTP, and grpcio with the published schema."""

from __future__ import annotations

import json
import queue
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from tests.api.native.schemas import DOCUMENT, check_answer
from tricord.wire.schemas import values


class Http:
    """Asks a member, and holds its answers to the OpenAPI document. ``token``: of the last answer that had one."""

    def __init__(self, endpoint: str) -> None:
        self.root = f"http://{endpoint}/tricord/v1"
        self.token = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, told = answer.status, json.load(answer)
                self.token = answer.headers.get("Tricord-Token", self.token)
        except urllib.error.HTTPError as error:
            with error:
                status, told = error.code, json.load(error)
        check_answer(method, path.partition("?")[0], status, told)
        return status, told

    @contextmanager
    def watch(self, path: str) -> Iterator[Iterator[Any]]:
        """The lines of a watch."""
        with urllib.request.urlopen(self.root + path, timeout=60) as answer:
            yield (json.loads(line) for line in answer)


@pytest.fixture(scope="module")
def http(tricord_endpoint: str) -> Iterator[Http]:
    """A member with keyspaces of each model, named as those."""
    asks = Http(tricord_endpoint)
    for model in ("strong", "causal", "eventual"):
        assert asks.ask("POST", "/keyspaces", {"name": f"door-{model}", "model": model})[0] == 201
    yield asks
    for model in ("strong", "causal", "eventual"):
        asks.ask("DELETE", f"/keyspaces/door-{model}")


@pytest.mark.parametrize("model", ["strong", "causal", "eventual"])
def test_registers_are_put_read_watched_and_removed_in_each_model(http: Http, model: str) -> None:
    at = f"/keyspaces/door-{model}"
    assert http.ask("PUT", f"{at}/values/a/1", {"value": "milk"})[1]["sequence"] > 0
    status, read = http.ask("GET", f"{at}/values/a/1")
    assert (status, read["value"], read["type"]) == (200, "milk", "register")
    with http.watch(f"{at}/watch?prefix=a/") as lines:
        assert [each["value"] for each in next(lines)["values"]] == ["milk"]
        http.ask("PUT", f"{at}/values/a/1?seen={read['context']}", {"value": "eggs"})
        assert [each["value"] for each in next(lines)["values"]] == ["eggs"]
        http.ask("DELETE", f"{at}/values/a/1")
        last = next(lines)
        assert last["values"][0]["removed"]
    http.ask("PUT", f"{at}/values/a/2", {"value": "soap"})
    with http.watch(f"{at}/watch?prefix=a/&resume={last['resume']}") as lines:
        told = next(lines)
        assert [each["key"] for each in told["values"]] == ["a/2"]
        assert "resynced" not in told
    assert http.ask("GET", f"{at}/values/a/1")[0] == 404


def test_types_tokens_and_refusals_of_a_causal_keyspace(http: Http) -> None:
    at = "/keyspaces/door-causal"
    changes = [
        {"key": "t/visits", "add": 2},
        {"key": "t/tags", "add_element": "new"},
        {"key": "t/profile", "change_field": {"name": "age", "change": {"add": 7}}},
    ]
    assert http.ask("POST", f"{at}/update", {"changes": changes})[0] == 200
    token = {"Tricord-Token": http.token}
    _, page = http.ask("GET", f"{at}/values?prefix=t/", **token)
    assert [each["value"] for each in page["values"]] == [{"age": {"type": "counter", "value": 7}}, ["new"], 2]
    for method, path, body, headers, code in (
        ("POST", "values/t/visits", {"add_element": "a"}, {}, "type_mismatch"),
        ("GET", "values/t/visits", None, {"Tricord-Level": "linearizable"}, "not_of_this_model"),
        ("GET", "values/t/visits", None, {"Tricord-Token": "AAAA"}, "token_damaged"),
        ("PUT", "values/t/a?acks=2", {"value": "a"}, {}, "not_of_this_model"),
        ("PUT", "values/t/a?ttl_milliseconds=5", {"value": "a"}, {}, "not_of_this_model"),
        ("PUT", "values/t/a?seen=AAAA", {"value": "a"}, {}, "read_context_damaged"),
        ("PUT", "values/t/a", {"value": "a" * (3 << 19)}, {}, "request_too_large"),
    ):
        status, told = http.ask(method, f"{at}/{path}", body, **headers)
        assert (told.get("code"), status >= 400) == (code, True), path


def test_concurrent_writes_are_siblings_until_they_are_settled(http: Http) -> None:
    at = "/keyspaces/door-causal/values/s"
    http.ask("PUT", at, {"value": "milk"})
    _, read = http.ask("GET", at)
    for value in ("eggs", "soap"):
        http.ask("PUT", f"{at}?seen={read['context']}", {"value": value})
    _, both = http.ask("GET", at)
    assert sorted(both["siblings"]) == ["eggs", "soap"]
    http.ask("PUT", f"{at}?seen={both['context']}", {"value": "eggs, soap"})
    assert "siblings" not in http.ask("GET", at)[1]


def test_a_watch_of_a_keyspace_that_is_dropped_says_so(http: Http) -> None:
    for model in ("strong", "causal"):
        http.ask("POST", "/keyspaces", {"name": "short-lived", "model": model})
        http.ask("PUT", "/keyspaces/short-lived/values/a", {"value": "1"})
        with http.watch("/keyspaces/short-lived/watch") as lines:
            next(lines)
            http.ask("DELETE", "/keyspaces/short-lived")
            assert next(lines)["error"]["code"] == "keyspace_not_found"
            assert next(lines, None) is None


def test_a_keyspace_is_described_with_who_holds_it(http: Http) -> None:
    for model in ("causal", "eventual"):
        http.ask("PUT", f"/keyspaces/door-{model}/values/held", {"value": "by one"})
        status, told = http.ask("GET", f"/keyspaces/door-{model}")
        assert (status, told["model"], [each["number"] for each in told["replicas"]]) == (200, model, [1])
        assert int(told["replicas"][0]["member"], 16) > 0
    assert "replicas" not in http.ask("GET", "/keyspaces/default")[1]
    assert http.ask("GET", "/keyspaces/nobody")[1]["code"] == "keyspace_not_found"


def test_the_document_is_served(http: Http) -> None:
    status, told = http.ask("GET", "/openapi.json")
    assert (status, told["paths"]) == (200, DOCUMENT["paths"])


def test_grpcio_speaks_to_the_service(http: Http, tricord_endpoint: str) -> None:
    keyspace = (("tricord-keyspace", "door-causal"), ("tricord-token", ""))
    with grpc.insecure_channel(tricord_endpoint) as channel:
        update = channel.unary_unary(
            "/tricord.v1.Values/Update", values.UpdateRequest.SerializeToString, values.UpdateResponse.FromString
        )
        fetch = channel.unary_unary(
            "/tricord.v1.Values/Fetch", values.FetchRequest.SerializeToString, values.FetchResponse.FromString
        )
        watch = channel.stream_stream(
            "/tricord.v1.Values/Watch",
            values.ValuesWatchRequest.SerializeToString,
            values.ValuesWatchResponse.FromString,
        )
        change = values.KeyChange(key=b"g", change=values.ValueChange(add=5))
        _, call = update.with_call(values.UpdateRequest(changes=[change]), metadata=keyspace)
        assert dict(call.initial_metadata())["tricord-token"]
        found = fetch(values.FetchRequest(key=b"g"), metadata=keyspace)
        assert (found.keys[0].value.type, found.keys[0].value.counter) == (values.COUNTER, 5)
        asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
        asked.put(values.ValuesWatchRequest(create=values.ValuesWatchCreate(key=b"g")))
        told = watch(iter(asked.get, None), metadata=keyspace)
        assert next(told).created
        assert next(told).keys[0].value.counter == 5
        update(values.UpdateRequest(changes=[change]), metadata=keyspace)
        assert next(told).keys[0].value.counter == 10
        asked.put(None)
        told.cancel()
        wrong = values.KeyChange(key=b"g", change=values.ValueChange(add_element=b"a"))
        with pytest.raises(grpc.RpcError) as caught:
            update(values.UpdateRequest(changes=[wrong]), metadata=keyspace)
        assert dict(caught.value.trailing_metadata())["tricord-error"] == "type_mismatch"
