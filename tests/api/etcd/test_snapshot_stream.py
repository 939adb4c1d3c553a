# SPDX-License-Identifier: Apache-2.0
"""Maintenance.Snapshot and Defragment as clients of etcd know them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import STATUS, RecordedCall, ScriptedEngine
from tests.api.scripted_maintenance import MemoryExport
from tricord.api import etcd
from tricord.api.etcd.snapshot_stream import PIECE_BYTES, READ_BYTES
from tricord.base.errors import CorruptData, DiskFull, Stopping, TooManyRequests, TricordError, Unavailable
from tricord.wire.etcd.bolt_state import etcd_database
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import maintenance


def handler(engine: ScriptedEngine, name: str) -> Any:
    return next(one.handler for one in etcd.methods(engine) if one.path == f"/etcdserverpb.Maintenance/{name}")


def snapshot(engine: ScriptedEngine, incoming: list[bytes] | None = None) -> list[maintenance.SnapshotResponse]:
    call = RecordedCall(incoming=[b""] if incoming is None else incoming)
    asyncio.run(handler(engine, "Snapshot")(call))
    return [maintenance.SnapshotResponse.FromString(reply) for reply in call.replies]


@pytest.mark.parametrize("size", [1, PIECE_BYTES, PIECE_BYTES + 1, READ_BYTES, READ_BYTES + 5, 2 * READ_BYTES])
def test_the_file_comes_in_pieces_and_its_digest_behind_it(size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    engine = ScriptedEngine(export=MemoryExport(data))
    *pieces, last = snapshot(engine)
    assert engine.forms == [etcd_database]
    assert b"".join(piece.blob for piece in pieces) == data
    assert last.blob == sha256(data).digest()
    left = size
    for piece in [*pieces, last]:
        left -= len(piece.blob) if piece is not last else 0
        assert (piece.remaining_bytes, piece.version) == (left, "3.6.0")
        assert len(piece.blob) <= PIECE_BYTES
        assert not piece.HasField("header")
    assert engine.export.closed == 1


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (DiskFull("full"), Status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"),
        (TooManyRequests(), Status.RESOURCE_EXHAUSTED, "etcdserver: too many requests"),
        (Stopping(), Status.UNAVAILABLE, "etcdserver: server stopped"),
        (CorruptData("file", 1, "bad"), Status.DATA_LOSS, "etcdserver: corrupt cluster"),
    ],
)
def test_what_went_wrong_is_said_as_etcd_does(fault: TricordError, status: Status, text: str) -> None:
    with pytest.raises(GrpcError) as caught:
        snapshot(ScriptedEngine(fault=fault))
    assert (caught.value.status, caught.value.text) == (status, text)


def test_bad_requests() -> None:
    engine = ScriptedEngine()
    for incoming in ([], [b"\xff"]):
        with pytest.raises(GrpcError) as caught:
            snapshot(engine, incoming)
        assert caught.value.status == Status.INTERNAL
    with pytest.raises(GrpcError, match="unmarshalling"):
        handler(engine, "Defragment")(b"\xff", RecordedCall())
    assert not engine.forms
    assert not engine.defragmented


def test_a_file_that_was_cut_or_cannot_be_read_ends_the_call_and_is_closed() -> None:
    export = MemoryExport(b"abc")
    export.size = 4
    with pytest.raises(GrpcError) as caught:
        snapshot(ScriptedEngine(export=export))
    assert (caught.value.status, export.closed) == (Status.UNAVAILABLE, 1)


def test_a_caller_who_goes_away_at_any_piece_leaves_nothing_open() -> None:
    for last in range(4):
        export = MemoryExport(bytes(2 * PIECE_BYTES + 5))
        call = RecordedCall(incoming=[b""])

        async def send(message: bytes, call: RecordedCall = call, last: int = last) -> None:
            if len(call.replies) == last:
                raise asyncio.CancelledError
            call.replies.append(message)

        call.send = send  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(handler(ScriptedEngine(export=export), "Snapshot")(call))
        assert (len(call.replies), export.closed) == (last, 1)


def defragment(engine: ScriptedEngine) -> RecordedCall:
    call = RecordedCall()

    async def answered() -> None:
        handler(engine, "Defragment")(b"", call)
        await call.ended.wait()

    asyncio.run(answered())
    return call


def test_defragment_answers_nothing_when_it_is_done() -> None:
    engine = ScriptedEngine()
    assert defragment(engine).replies == [b""]
    assert engine.defragmented == 1


@pytest.mark.parametrize(
    ("fault", "status"),
    [(DiskFull("full"), Status.RESOURCE_EXHAUSTED), (Unavailable("a snapshot"), Status.UNAVAILABLE)],
)
def test_defragment_says_what_it_could_not_do(fault: TricordError, status: Status) -> None:
    assert [failure[0] for failure in defragment(ScriptedEngine(fault=fault)).failures] == [status]


def test_a_learner_does_not_defragment() -> None:
    call = defragment(ScriptedEngine(state=replace(STATUS, is_learner=True)))
    assert call.failures == [(Status.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner")]
