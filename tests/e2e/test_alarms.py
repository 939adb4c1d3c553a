# SPDX-License-Identifier: Apache-2.0
"""A real member that is full, until it is not; and whatever is thrown at its Maintenance service."""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.e2e.grpc_kv import GrpcKv, code
from tests.peers.processes import MemberProcess
from tricord.wire.schemas import kv, maintenance

MAINTENANCE = "/etcdserverpb.Maintenance/"
EXCEEDED = "etcdserver: mvcc: database space exceeded"


def ask(store: GrpcKv, method: str, request: Any, response: Any) -> Any:
    return response.FromString(store.raw(MAINTENANCE + method, request.SerializeToString()))


def alarms(store: GrpcKv) -> list[int]:
    answer = ask(store, "Alarm", maintenance.AlarmRequest(), maintenance.AlarmResponse)
    return [alarm.alarm for alarm in answer.alarms]


def fill(store: GrpcKv) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        for number in range(1000):
            store.put(kv.PutRequest(key=b"full/%d" % number, value=bytes(50_000)))
    assert code(caught.value) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details() == EXCEEDED


def until_it_answers(member: MemberProcess) -> None:
    """Not until it is healthy: with an alarm it is not."""
    deadline = time.monotonic() + 60
    while True:
        try:
            if member.http("GET", "/readyz")[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < deadline, member.log_tail()
        time.sleep(0.05)


def until_it_takes_a_write(store: GrpcKv, member: MemberProcess) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            store.put(kv.PutRequest(key=b"again", value=b"room"))
            return
        except grpc.RpcError as error:
            assert code(error) is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert time.monotonic() < deadline, member.log_tail()
            time.sleep(0.05)


def test_a_full_member_says_so_over_a_restart_and_clears_its_alarm_when_there_is_room(tmp_path: Path) -> None:
    with MemberProcess(tmp_path / "data", "--quota-bytes", str(4 << 20)) as member, GrpcKv(member.endpoint) as store:
        fill(store)
        deadline = time.monotonic() + 30
        while alarms(store) != [maintenance.NOSPACE] or b"NOSPACE" not in member.http("GET", "/health")[1]:
            assert time.monotonic() < deadline, member.log_tail()
        assert member.http("GET", "/health") == (503, b'{"health":"false","reason":"ALARM NOSPACE"}\n')
        assert member.http("GET", "/readyz")[0] == 200
        member.kill()
        member.start(wait=False)
        until_it_answers(member)
        assert alarms(store) == [maintenance.NOSPACE]
        deleted = store.delete_range(kv.DeleteRangeRequest(key=b"full/", range_end=b"full0"))
        assert deleted.deleted > 10
        store.compact(kv.CompactionRequest(revision=deleted.header.revision, physical=True))
        until_it_takes_a_write(store, member)
        assert alarms(store) == []
        member.wait_until_healthy()


@pytest.mark.parametrize("method", ["Alarm", "Status", "Hash", "HashKV", "Downgrade", "MoveLeader", "Defragment"])
def test_a_malformed_message_is_refused(tricord_endpoint: str, method: str) -> None:
    with GrpcKv(tricord_endpoint) as store:
        for message in (b"\xff", b"\x0a\x7fabc", b"\x0b\x0b\x0b", b"\x08" + b"\xff" * 10 + b"\x01"):
            with pytest.raises(grpc.RpcError) as caught:
                store.raw(MAINTENANCE + method, message)
            assert code(caught.value) is grpc.StatusCode.INTERNAL
            assert caught.value.details()
        assert alarms(store) == []


def test_extreme_numbers_and_texts_are_answered_and_the_member_lives(tricord_endpoint: str) -> None:
    requests: list[tuple[str, Any]] = [
        ("Alarm", maintenance.AlarmRequest(action=9, alarm=1)),
        ("Alarm", maintenance.AlarmRequest(action=-1, alarm=1)),
        ("Alarm", maintenance.AlarmRequest(action=1, alarm=99)),
        ("Alarm", maintenance.AlarmRequest(action=2, alarm=-(1 << 31))),
        ("HashKV", maintenance.HashKVRequest(revision=(1 << 63) - 1)),
        ("Downgrade", maintenance.DowngradeRequest(action=99, version="3.5")),
        ("Downgrade", maintenance.DowngradeRequest(action=1, version="9" * 100_000)),
        ("Downgrade", maintenance.DowngradeRequest(action=1, version="\0")),
        ("MoveLeader", maintenance.MoveLeaderRequest(targetID=(1 << 64) - 1)),
    ]
    with GrpcKv(tricord_endpoint) as store:
        for method, request in requests:
            with pytest.raises(grpc.RpcError) as caught:
                store.raw(MAINTENANCE + method, request.SerializeToString())
            assert code(caught.value) is not grpc.StatusCode.DEADLINE_EXCEEDED
        lowest = maintenance.HashKVRequest(revision=-(1 << 63))
        assert ask(store, "HashKV", lowest, maintenance.HashKVResponse).hash_revision == -(1 << 63)
        highest = maintenance.AlarmRequest(action=2, alarm=1, memberID=(1 << 64) - 1)
        assert not ask(store, "Alarm", highest, maintenance.AlarmResponse).alarms
        store.put(kv.PutRequest(key=b"alarms/after", value=b"served"))
