# SPDX-License-Identifier: Apache-2.0
"""A causal keyspace through etcd's door of a real member: by grpcio, which shares nothing with tricord, and by JSON."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

import tricord
from tricord.base.token import Token
from tricord.wire.schemas import kv, lease, watch

SECONDS = 60.0


class Door:
    """Calls within one keyspace. ``head`` is what the last answer said of itself."""

    def __init__(self, endpoint: str, keyspace: str) -> None:
        self.endpoint = endpoint
        self.keyspace = keyspace
        self.channel = grpc.insecure_channel(endpoint, options=[("grpc.use_local_subchannel_pool", 1)])
        self.head: dict[str, str] = {}

    def call(self, path: str, request: Any, answer: Any, **metadata: str) -> Any:
        method = self.channel.unary_unary(
            f"/etcdserverpb.{path}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        said = [("tricord-keyspace", self.keyspace), *((f"tricord-{name}", text) for name, text in metadata.items())]
        result, call = method.with_call(request, timeout=SECONDS, metadata=said)
        self.head = dict(call.initial_metadata())
        return result

    def range(self, request: kv.RangeRequest, **metadata: str) -> kv.RangeResponse:
        return self.call("KV/Range", request, kv.RangeResponse, **metadata)  # type: ignore[no-any-return]

    def put(self, request: kv.PutRequest, **metadata: str) -> kv.PutResponse:
        return self.call("KV/Put", request, kv.PutResponse, **metadata)  # type: ignore[no-any-return]

    def delete(self, request: kv.DeleteRangeRequest) -> kv.DeleteRangeResponse:
        return self.call("KV/DeleteRange", request, kv.DeleteRangeResponse)  # type: ignore[no-any-return]

    def refused(self, path: str, request: Any, **metadata: str) -> tuple[grpc.StatusCode, str, str]:
        """Code, text and tricord's own code of a refusal."""
        with pytest.raises(grpc.RpcError) as caught:
            self.call(path, request, kv.TxnResponse, **metadata)
        error: Any = caught.value
        return error.code(), error.details(), dict(error.trailing_metadata()).get("tricord-error", "")


@pytest.fixture
def door(tricord_endpoint: str, request: pytest.FixtureRequest) -> Iterator[Door]:
    """A causal keyspace of its own."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    with tricord.connect(tricord_endpoint) as store:
        store.create_keyspace(name, model="causal")
        made = Door(tricord_endpoint, name)
        yield made
        made.channel.close()
        if name in [record.name for record in store.keyspaces()]:
            store.drop_keyspace(name)


def test_put_range_and_delete(door: Door) -> None:
    put = door.put(kv.PutRequest(key=b"a", value=b"1"))
    assert put.header.revision > 0
    again = door.put(kv.PutRequest(key=b"a", value=b"2", prev_kv=True))
    assert again.prev_kv.value == b"1"
    assert "tricord-siblings" not in door.head
    found = door.range(kv.RangeRequest(key=b"a"))
    assert (found.kvs[0].value, found.kvs[0].version, found.count) == (b"2", 1, 1)
    assert found.header.revision == again.header.revision == found.kvs[0].mod_revision
    assert door.range(kv.RangeRequest(key=b"a", serializable=True)).kvs[0].value == b"2"
    gone = door.delete(kv.DeleteRangeRequest(key=b"a", range_end=b"\0", prev_kv=True))
    assert (gone.deleted, gone.prev_kvs[0].value) == (1, b"2")
    assert door.range(kv.RangeRequest(key=b"a")).count == 0


def test_answers_say_level_and_token_where_asked(door: Door) -> None:
    door.put(kv.PutRequest(key=b"a", value=b"1"), token="")
    token = door.head["tricord-token"]
    assert door.head["tricord-level"] == "causal"
    assert len(Token.from_text(token).keyspaces) == 1
    assert door.range(kv.RangeRequest(key=b"a"), token=token).kvs[0].value == b"1"
    door.range(kv.RangeRequest(key=b"a"), level="any")
    assert door.head["tricord-level"] == "any"
    assert door.refused("KV/Range", kv.RangeRequest(key=b"a"), token=token[:-3] + "AAA")[::2] == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "token_damaged",
    )


def test_what_the_model_has_not_is_refused_with_codes_and_words(door: Door) -> None:
    key = kv.RangeRequest(key=b"a")
    for path, request, metadata, words in (
        ("KV/Txn", kv.TxnRequest(), {}, "strong keyspace"),
        ("KV/Compact", kv.CompactionRequest(revision=1), {}, "no past"),
        ("KV/Put", kv.PutRequest(key=b"a", lease=7), {}, "times to live"),
        ("KV/Range", kv.RangeRequest(key=b"a", revision=1), {}, "no past"),
        ("KV/Range", key, {"level": "linearizable"}, "promises no linearizable reads"),
        ("KV/Range", key, {"level": "sequential"}, "promises no sequential reads"),
        ("KV/Range", key, {"level": "bounded:1s"}, "promises no bounded:1s reads"),
        ("Lease/LeaseGrant", lease.LeaseGrantRequest(TTL=10), {}, "times to live"),
    ):
        status, text, code = door.refused(path, request, **metadata)
        assert (status, code) == (grpc.StatusCode.FAILED_PRECONDITION, "not_of_this_model"), path
        assert words in text
    assert door.range(kv.RangeRequest(key=b"a", range_end=b"\0")).count == 0
    strong = Door(door.endpoint, "default")
    assert strong.refused("KV/Range", key, level="causal")[2] == "not_of_this_model"
    strong.channel.close()


def test_a_range_in_parts_is_refused(door: Door) -> None:
    method = door.channel.unary_stream(
        "/etcdserverpb.KV/RangeStream", request_serializer=lambda m: m.SerializeToString()
    )
    with pytest.raises(grpc.RpcError) as caught:
        list(method(kv.RangeRequest(key=b"a"), timeout=SECONDS, metadata=[("tricord-keyspace", door.keyspace)]))
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "pages" in error.details()


class Watching:
    """One stream of watches, its requests given one by one."""

    def __init__(self, door: Door, *creates: watch.WatchCreateRequest) -> None:
        method = door.channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=watch.WatchResponse.FromString,
        )
        requests = [watch.WatchRequest(create_request=create) for create in creates]
        self.call = method(iter(requests), timeout=SECONDS, metadata=[("tricord-keyspace", door.keyspace)])


def test_watches_tell_what_comes(door: Door) -> None:
    watching = Watching(door, watch.WatchCreateRequest(key=b"a", range_end=b"c"))
    assert next(watching.call).created
    put = door.put(kv.PutRequest(key=b"a", value=b"1"))
    gone = door.delete(kv.DeleteRangeRequest(key=b"a"))
    events: list[Any] = []
    while len(events) < 2:
        answer = next(watching.call)
        events += answer.events
    assert [(event.type, event.kv.key, event.kv.value, event.kv.mod_revision) for event in events] == [
        (0, b"a", b"1", put.header.revision),
        (1, b"a", b"", gone.header.revision),
    ]
    watching.call.cancel()


def test_a_watch_from_a_revision_is_refused_with_where_to_go(door: Door) -> None:
    watching = Watching(door, watch.WatchCreateRequest(key=b"a", start_revision=2))
    answer = next(watching.call)
    assert (answer.created, answer.canceled) == (True, True)
    assert "native door" in answer.cancel_reason
    watching.call.cancel()


def test_a_keyspace_dropped_in_use_ends_calls_and_watches(door: Door) -> None:
    watching = Watching(door, watch.WatchCreateRequest(key=b"a"))
    assert next(watching.call).created
    with tricord.connect(door.endpoint) as store:
        store.drop_keyspace(door.keyspace)
    with pytest.raises(grpc.RpcError) as caught:
        next(watching.call)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.NOT_FOUND
    status, text, code = door.refused("KV/Range", kv.RangeRequest(key=b"a"))
    assert (status, code) == (grpc.StatusCode.NOT_FOUND, "keyspace_not_found")
    assert door.keyspace in text


def posted(door: Door, path: str, body: dict[str, Any]) -> Any:
    headers = {"tricord-keyspace": door.keyspace}
    request = urllib.request.Request(f"http://{door.endpoint}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return json.load(answer)


def test_the_json_gateway_does_the_same(door: Door) -> None:
    key = b64encode(b"a").decode()
    put = posted(door, "/v3/kv/put", {"key": key, "value": "MQ=="})
    found = posted(door, "/v3/kv/range", {"key": key})
    assert (found["kvs"][0]["value"], found["header"]["revision"]) == ("MQ==", put["header"]["revision"])
    with pytest.raises(urllib.error.HTTPError) as caught:
        posted(door, "/v3/kv/txn", {})
    assert "strong keyspace" in json.load(caught.value)["message"]
