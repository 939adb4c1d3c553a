# SPDX-License-Identifier: Apache-2.0
"""A member is killed under load, again and again, on one data directory: what it acknowledged is there, and whole.

Each worker writes transactions of two keys, `log/<worker>/<n>` and `last/<worker>`. After a restart every acknowledged
n must be in the log with its value, nothing that was never asked for, and `last` must be the newest n of the log: a
transaction that was half applied would leave them apart. A write whose answer was lost may be there or not.
"""

from __future__ import annotations

import os
import random
import threading

import grpc

from tests.e2e.grpc_kv import GrpcKv
from tests.peers.processes import MemberProcess
from tricord.wire.schemas import kv

ROUNDS = int(os.environ.get("ROUNDS", "50"))
WORKERS = 16
ACKNOWLEDGED_MAX = 400


def _log_key(worker: int, number: int) -> bytes:
    return b"log/%02d/%08d" % (worker, number)


def _value(number: int) -> bytes:
    return b"%d" % number + b"." * (number % 300)


class Worker:
    """One writer: what it asked for and what it was promised, over all rounds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.attempted = 0
        self.acknowledged: set[int] = set()
        self.revision = 0

    def run(self, store: GrpcKv, acknowledged: threading.Semaphore) -> None:
        """Write until the member is gone."""
        while True:
            self.attempted += 1
            number = self.attempted
            log = kv.PutRequest(key=_log_key(self.number, number), value=_value(number))
            last = kv.PutRequest(key=b"last/%02d" % self.number, value=b"%d" % number)
            both = [kv.RequestOp(request_put=log), kv.RequestOp(request_put=last)]
            try:
                response = store.txn(kv.TxnRequest(success=both))
            except grpc.RpcError:
                return
            self.revision = response.header.revision
            self.acknowledged.add(number)
            acknowledged.release()

    def check(self, store: GrpcKv, since: int) -> None:
        """Compare what is stored from number ``since`` on with what was promised."""
        start, end = _log_key(self.number, since), _log_key(self.number, self.attempted + 1000)
        found = {pair.key: pair.value for pair in store.range(kv.RangeRequest(key=start, range_end=end)).kvs}
        numbers = [int(key.rpartition(b"/")[2]) for key in found]
        lost = {number for number in self.acknowledged if number >= since} - set(numbers)
        assert not lost, f"worker {self.number}: acknowledged and lost: {sorted(lost)}"
        assert all(number <= self.attempted for number in numbers), "a write that nobody asked for"
        assert found == {_log_key(self.number, number): _value(number) for number in numbers}
        response = store.range(kv.RangeRequest(key=b"last/%02d" % self.number))
        assert response.header.revision >= self.revision
        if numbers:
            assert [int(pair.value) for pair in response.kvs] == [max(numbers)], "half applied"


def _load_and_kill(member: MemberProcess, workers: list[Worker], acknowledged_count: int) -> None:
    acknowledged = threading.Semaphore(0)
    with GrpcKv(member.endpoint) as store:
        threads = [threading.Thread(target=worker.run, args=(store, acknowledged)) for worker in workers]
        for thread in threads:
            thread.start()
        for _ in range(acknowledged_count):
            if not acknowledged.acquire(timeout=60):
                break
        member.kill()
        for thread in threads:
            thread.join()


def _maintain(endpoint: str) -> None:
    """Rebuild and copy the store again and again until the member is gone."""
    with grpc.insecure_channel(endpoint) as channel:
        defragment = channel.unary_unary("/etcdserverpb.Maintenance/Defragment")
        save = channel.unary_stream("/etcdserverpb.Maintenance/Snapshot")
        try:
            while True:
                defragment(b"", timeout=60)
                assert len(list(save(b"", timeout=60))) >= 2
        except grpc.RpcError:
            return


def test_kill_while_the_store_is_rebuilt_loses_no_acknowledged_write(stopped_member: MemberProcess) -> None:
    draw = random.Random(2)
    workers = [Worker(number) for number in range(WORKERS)]
    for _ in range(max(ROUNDS // 8, 1)):
        stopped_member.start()
        maintaining = threading.Thread(target=_maintain, args=(stopped_member.endpoint,))
        maintaining.start()
        _load_and_kill(stopped_member, workers, draw.randrange(50, ACKNOWLEDGED_MAX))
        maintaining.join()
    stopped_member.start()
    with GrpcKv(stopped_member.endpoint) as store:
        for worker in workers:
            worker.check(store, 1)
    names = {path.name for path in stopped_member.directory.iterdir()}
    assert names == {"LOCK", "backend", "identity", "snapshots", "wal"}
    assert "gave unused space back" in stopped_member.log_text()


def test_kill_under_load_loses_no_acknowledged_write(stopped_member: MemberProcess) -> None:
    draw = random.Random(1)
    workers = [Worker(number) for number in range(WORKERS)]
    stopped_member.start()
    for number in range(ROUNDS):
        since = [worker.attempted + 1 for worker in workers]
        _load_and_kill(stopped_member, workers, draw.randrange(1, ACKNOWLEDGED_MAX))
        stopped_member.start()
        with GrpcKv(stopped_member.endpoint) as store:
            for worker, first in zip(workers, since, strict=True):
                # Every tenth round looks at everything: an old write may not come undone either.
                worker.check(store, 1 if number % 10 == 9 or number == ROUNDS - 1 else first)
    assert sum(len(worker.acknowledged) for worker in workers) > ROUNDS
