# SPDX-License-Identifier: Apache-2.0
"""A real member on a disk that is slow, then fails, as its file of faults says."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import grpc
import pytest

from tests.e2e.grpc_kv import GrpcKv
from tests.peers.processes import MemberProcess
from tricord.wire.schemas import kv


class FaultyMember:
    """A member, and the file that it obeys."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "faults.json"
        self.process = MemberProcess(folder / "data", "--unsafe-faults", str(self._path), "--log-format", "text")

    def say(self, *rules: dict[str, object]) -> None:
        """These rules hold when it returns."""
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps({"disk": rules}))
        known = self.process.log_text().count("the disk is slow or fails")
        os.replace(written, self._path)
        if self.process.process is not None:
            deadline = time.monotonic() + 30
            while self.process.log_text().count("the disk is slow or fails") == known:
                assert time.monotonic() < deadline, self.process.log_tail()
                time.sleep(0.02)


def put(store: GrpcKv, number: int) -> None:
    store.put(kv.PutRequest(key=b"k/%d" % number, value=b"v"))


def test_a_member_bears_a_slow_disk_and_stops_on_one_that_fails(tmp_path: Path) -> None:
    member = FaultyMember(tmp_path)
    with member.process as process, GrpcKv(process.endpoint) as store:
        put(store, 1)
        member.say({"operations": ["datasync"], "path": "*/wal/*", "delay": 0.1})
        put(store, 2)
        member.say({"operations": ["datasync"], "path": "*/wal/*", "error": "EIO"})
        with pytest.raises(grpc.RpcError):
            put(store, 3)
        assert process.wait() != 0
        assert "UNSAFE" in process.log_text() and "datasync fails on purpose" in process.log_text()
        member.say()
        process.start()
        with GrpcKv(process.endpoint) as again:
            put(again, 4)
            found = {pair.key for pair in again.range(kv.RangeRequest(key=b"k/", range_end=b"k0")).kvs}
        assert {b"k/1", b"k/2", b"k/4"} <= found
