# SPDX-License-Identifier: Apache-2.0
"""The JSON gateway answers as gRPC does: same handlers, other clothes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import ScriptedEngine
from tricord.api import etcd
from tricord.api.etcd.errors import TABLE
from tricord.api.etcd.gateway import HTTP_STATUS
from tricord.api.etcd.gateway_routes import ROUTES
from tricord.base import errors
from tricord.base.operations import (
    CompactResult,
    DeleteRangeResult,
    KeyValue,
    Put,
    PutResult,
    RangeResult,
    TxnResult,
)
from tricord.wire.grpc.status import Status
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes

HEADER = {"cluster_id": "11", "member_id": "22", "revision": "44", "raft_term": "3"}
RECORD = KeyValue(b"k", b"v", 2, 3, 2)
RECORD_JSON = {"key": "aw==", "create_revision": "2", "mod_revision": "3", "version": "2", "value": "dg=="}


def routes(engine: ScriptedEngine) -> Routes:
    table = Routes()
    etcd.add_routes(engine, table)
    return table


def send(engine: ScriptedEngine, path: str, body: bytes, method: str = "POST") -> tuple[int, Any]:
    request = HttpRequest(method, path, "", [], body, "1.1")
    response: HttpResponse = asyncio.run(routes(engine).answer(request))
    assert (b"content-type", b"application/json") in response.headers
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(
    ("path", "body", "result", "expected"),
    [
        ("/v3/kv/range", b'{"key":"aw=="}', RangeResult([RECORD], False, 1), {"kvs": [RECORD_JSON], "count": "1"}),
        ("/v3/kv/put", b'{"key":"aw==","prev_kv":true}', PutResult(RECORD), {"prev_kv": RECORD_JSON}),
        ("/v3/kv/deleterange", b'{"key":"aw=="}', DeleteRangeResult(1, []), {"deleted": "1"}),
        ("/v3/kv/txn", b'{"success":[]}', TxnResult(True, []), {"succeeded": True}),
        ("/v3/kv/compaction", b'{"revision":"3"}', CompactResult(), {}),
    ],
)
def test_the_methods_of_kv_answer(path: str, body: bytes, result: Any, expected: dict[str, Any]) -> None:
    status, answer = send(ScriptedEngine([result]), path, body)
    assert (status, answer) == (200, {"header": HEADER, **expected})


def test_status_alarms_and_members_answer() -> None:
    status, answer = send(ScriptedEngine(), "/v3/maintenance/status", b"")
    assert (status, answer["version"], answer["dbSize"], answer["downgradeInfo"]) == (200, "3.6.16", "20480", {})
    assert send(ScriptedEngine(outcomes=[RangeResult([], False, 0)]), "/v3/maintenance/alarm", b"{}") == (
        200,
        {"header": HEADER},
    )
    status, answer = send(ScriptedEngine(), "/v3/cluster/member/list", b"{}")
    assert answer["members"][0]["clientURLs"] == ["http://127.0.0.1:2379"]
    assert "revision" not in answer["header"]


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        (
            "cluster/member/add",
            b'{"peerURLs":["http://h:1"],"isLearner":true}',
            ("add", ("http://h:1",), "", True),
        ),
        ("cluster/member/remove", b'{"ID":"22"}', ("remove", 22)),
        ("cluster/member/promote", b'{"ID":"33"}', ("promote", 33)),
        ("cluster/member/update", b'{"ID":"22","peerURLs":["http://h:2"]}', ("update", 22, ("http://h:2",))),
        ("cluster/member/list", b'{"linearizable":true}', ("list", True)),
        ("maintenance/transfer-leadership", b'{"targetID":"22"}', ("move", 22)),
    ],
)
def test_the_members_are_changed(path: str, body: bytes, change: tuple[object, ...]) -> None:
    engine = ScriptedEngine()
    status, answer = send(engine, f"/v3/{path}", body)
    assert (status, engine.changes) == (200, [change])
    assert [member["ID"] for member in answer.get("members", [])][:1] in ([], ["22"])


def test_a_refused_change_of_the_members_is_an_error() -> None:
    engine = ScriptedEngine(refusal=errors.MembershipRefused(reason="unknown_member"))
    assert send(engine, "/v3/cluster/member/remove", b'{"ID":"5"}') == (
        404,
        {"code": 5, "message": "etcdserver: member not found"},
    )


def test_a_request_reaches_the_engine_as_over_grpc() -> None:
    engine = ScriptedEngine([PutResult()])
    send(engine, "/v3/kv/put", b'{"key":"Zm9v","value":"YmFy","lease":"7"}')
    assert engine.requests == [Put(b"foo", b"bar", lease=7)]


@pytest.mark.parametrize(
    ("error", "status", "answer"),
    [
        (errors.KeyNotProvided(), 400, {"code": 3, "message": "etcdserver: key is not provided"}),
        (
            errors.RevisionCompacted(),
            400,
            {"code": 11, "message": "etcdserver: mvcc: required revision has been compacted"},
        ),
        (errors.LeaseNotFound(), 404, {"code": 5, "message": "etcdserver: requested lease not found"}),
        (errors.NoSpace(), 429, {"code": 8, "message": "etcdserver: mvcc: database space exceeded"}),
        (errors.NoLeader(), 503, {"code": 14, "message": "etcdserver: no leader"}),
        (errors.PermissionDenied(), 403, {"code": 7, "message": "etcdserver: permission denied"}),
    ],
)
def test_errors_are_code_and_message_with_the_http_status_of_the_code(
    error: errors.TricordError, status: int, answer: dict[str, Any]
) -> None:
    assert send(ScriptedEngine([error]), "/v3/kv/put", b'{"key":"Zm9v"}') == (status, answer)


def test_every_code_has_an_http_status() -> None:
    assert set(HTTP_STATUS) == set(Status)
    assert all(HTTP_STATUS[status] >= 400 for status, _ in TABLE.values())


def test_halves_of_surrogate_pairs_are_refused_and_can_be_quoted() -> None:
    for body in (b'{"\\ud800":1,"\\ud800":2}', b'{"key":"\\ud800"}'):
        status, answer = send(ScriptedEngine(), "/v3/kv/put", body)
        assert (status, answer["code"]) == (400, 3)


def test_a_body_that_is_no_request_is_refused_before_the_engine() -> None:
    engine = ScriptedEngine()
    status, answer = send(engine, "/v3/kv/put", b'{"key":"!!"}')
    assert (status, answer["code"]) == (400, 3)
    assert not engine.requests


def test_a_request_over_the_limit_of_grpc_is_refused_in_its_words() -> None:
    engine = ScriptedEngine()
    body = json.dumps({"key": "aw==", "value": "dnZ2" * 700_000}).encode()
    message = "grpc: received message larger than max (2100008 vs. 2097152)"
    assert send(engine, "/v3/kv/put", body) == (429, {"code": 8, "message": message})
    assert not engine.requests


SERVED = {method.path for method in etcd.methods(ScriptedEngine())}


@pytest.mark.parametrize("path", [path for path, route in ROUTES.items() if route.method in SERVED])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed_in_the_gateways_words(path: str, method: str) -> None:
    assert send(ScriptedEngine(), path, b"", method) == (501, {"code": 12, "message": "Method Not Allowed"})


@pytest.mark.parametrize("path", ["/v3/kv/nope", "/v3/", "/v3/kv/range/"])
def test_other_paths_are_not_found(path: str) -> None:
    assert send(ScriptedEngine(), path, b"{}") == (404, {"code": 5, "message": "Not Found"})


def test_giving_up_the_http_request_cancels_the_call() -> None:
    engine = ScriptedEngine()

    async def give_up() -> None:
        request = HttpRequest("POST", "/v3/kv/put", "", [], b'{"key":"Zm9v"}', "1.1")
        task = asyncio.ensure_future(routes(engine).answer(request))
        await asyncio.sleep(0)  # one turn: the handler runs up to its wait
        assert not engine.contexts[0].cancelled
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        engine.open[0](PutResult(), engine.stamp())  # a late reply finds nobody, and that is fine

    asyncio.run(give_up())
    assert engine.contexts[0].cancelled
