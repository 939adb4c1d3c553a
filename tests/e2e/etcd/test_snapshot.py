# SPDX-License-Identifier: Apache-2.0
"""A backup of a member by etcd's own tools: a real etcd that is restored from it has all that could be read."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.peers.processes import EtcdProcess, MemberProcess
from tricord.wire.schemas import kv, lease, maintenance, mvcc, watch

pytestmark = pytest.mark.peer("etcd", "etcdutl", "etcdctl")

SECONDS = 60
LEASES = {7: 5000, 0x3904A21967A88C03: 600}


class Store:
    """A server, as far as these tests ask it."""

    def __init__(self, endpoint: str) -> None:
        self.channel = grpc.insecure_channel(endpoint, options=[("grpc.max_receive_message_length", -1)])

    def call(self, method: str, request: Any, kind: Any) -> Any:
        return kind.FromString(
            self.channel.unary_unary(f"/etcdserverpb.{method}")(request.SerializeToString(), timeout=SECONDS)
        )

    def put(self, key: bytes, value: bytes, lease: int = 0) -> None:
        self.call("KV/Put", kv.PutRequest(key=key, value=value, lease=lease), kv.PutResponse)

    def txn(self, *operations: kv.RequestOp) -> None:
        self.call("KV/Txn", kv.TxnRequest(success=operations), kv.TxnResponse)

    def compact(self, revision: int) -> None:
        self.call("KV/Compact", kv.CompactionRequest(revision=revision, physical=True), kv.CompactionResponse)

    def all(self, revision: int = 0) -> kv.RangeResponse:
        request = kv.RangeRequest(key=b"\0", range_end=b"\0", revision=revision)
        answer: kv.RangeResponse = self.call("KV/Range", request, kv.RangeResponse)
        return answer

    def changes(self, first: int, last: int) -> list[mvcc.Event]:
        """The events of all keys in these revisions, as a watch tells them."""
        create = watch.WatchCreateRequest(key=b"\0", range_end=b"\0", start_revision=first)
        request = watch.WatchRequest(create_request=create).SerializeToString()
        call = self.channel.stream_stream("/etcdserverpb.Watch/Watch")(iter([request]), timeout=SECONDS)
        events: list[mvcc.Event] = []
        for message in call:
            events += watch.WatchResponse.FromString(message).events
            if events and events[-1].kv.mod_revision >= last:
                break
        call.cancel()
        return [event for event in events if event.kv.mod_revision <= last]

    def lease(self, number: int) -> tuple[int, list[bytes]]:
        """Its time to live and its keys."""
        request = lease.LeaseTimeToLiveRequest(ID=number, keys=True)
        answer = self.call("Lease/LeaseTimeToLive", request, lease.LeaseTimeToLiveResponse)
        assert 0 < answer.TTL <= answer.grantedTTL
        return answer.grantedTTL, sorted(answer.keys)  # etcd has them in no order


def write_history(store: Store) -> None:
    """All kinds of changes, with compactions in between."""
    choices = random.Random(1)
    for number, ttl in LEASES.items():
        store.call("Lease/LeaseGrant", lease.LeaseGrantRequest(ID=number, TTL=ttl), lease.LeaseGrantResponse)
    store.txn(*(kv.RequestOp(request_put=kv.PutRequest(key=b"never again/%d" % n, value=b"1")) for n in range(30)))
    store.put(b"large", bytes(300_000))
    store.put(b"\0\xff", b"")
    for turn in range(300):
        key = b"key/%d" % choices.randrange(40)
        if choices.randrange(4) == 0:
            delete = kv.DeleteRangeRequest(key=key, range_end=key + b"\xff")
            store.txn(
                kv.RequestOp(request_delete_range=delete),
                kv.RequestOp(request_put=kv.PutRequest(key=b"other/%d" % turn, value=b"with a deletion")),
            )
        else:
            store.put(key, choices.randbytes(choices.randrange(300)), choices.choice([0, 0, *LEASES]))
        if turn in (100, 200):
            store.compact(store.all().header.revision - 50)
    store.put(b"large", bytes(400_000))


@dataclass
class Backup:
    """What was saved, by whom, and from where."""

    member: Store
    folder: Path
    path: Path
    revision: int
    compacted: int


def compacted_revision(store: Store) -> int:
    """The oldest revision that can be read."""
    low, high = 1, int(store.all().header.revision)
    while low < high:
        middle = (low + high) // 2
        try:
            store.all(middle)
            high = middle
        except grpc.RpcError:
            low = middle + 1
    return low


@pytest.fixture(scope="module")
def backup(peer: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    folder = tmp_path_factory.mktemp("backup")
    with MemberProcess(folder / "data") as member:
        store = Store(member.endpoint)
        write_history(store)
        revision = int(store.all().header.revision)
        path = folder / "backup.db"
        run(peer("etcdctl"), "--endpoints", member.endpoint, "snapshot", "save", path)
        store.put(b"later", b"not in the backup")
        assert list((folder / "data" / "snapshots").iterdir()) == []
        yield Backup(store, folder, path, revision, compacted_revision(store))


@pytest.fixture(scope="module")
def restored(backup: Backup, peer: Callable[[str], Path]) -> Iterator[Store]:
    """A real etcd that was restored from it."""
    with restore(backup, peer, "restored") as server:
        yield Store(server.endpoint)


def restore(backup: Backup, peer: Callable[[str], Path], name: str, *flags: str) -> EtcdProcess:
    server = EtcdProcess(peer("etcd"), backup.folder / name)
    address = f"http://127.0.0.1:{server.peer_port}"
    run(
        peer("etcdutl"),
        "snapshot",
        "restore",
        backup.path,
        "--data-dir",
        server.directory,
        f"--initial-cluster=default={address}",
        f"--initial-advertise-peer-urls={address}",
        *flags,
    )
    return server


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_status(backup: Backup, peer: Callable[[str], Path]) -> None:
    status = json.loads(run(peer("etcdutl"), "snapshot", "status", backup.path, "--write-out=json"))
    assert (status["revision"], status["version"]) == (backup.revision, "3.6.0")
    assert status["totalSize"] == backup.path.stat().st_size - 32
    # It counts keys that were ever there, deletions aside.
    assert status["totalKey"] >= backup.member.all(backup.revision).count


def test_a_real_etcd_reads_the_same_at_every_revision(backup: Backup, restored: Store) -> None:
    assert 1 < backup.compacted < backup.revision - 50
    assert restored.all().header.revision == backup.revision
    for revision in range(backup.compacted, backup.revision + 1):
        expected, found = backup.member.all(revision), restored.all(revision)
        assert list(found.kvs) == list(expected.kvs), f"at revision {revision}"
    with pytest.raises(grpc.RpcError, match="has been compacted"):
        restored.all(backup.compacted - 1)


def test_a_real_etcd_tells_watchers_the_same(backup: Backup, restored: Store) -> None:
    expected = backup.member.changes(backup.compacted, backup.revision)
    assert len(expected) > 50
    assert restored.changes(backup.compacted, backup.revision) == expected


def test_a_real_etcd_has_the_leases_with_their_keys(backup: Backup, restored: Store) -> None:
    for number in LEASES:
        expected = backup.member.lease(number)
        assert expected[1]
        assert restored.lease(number) == expected


def test_what_is_restored_goes_on(backup: Backup, peer: Callable[[str], Path]) -> None:
    with restore(backup, peer, "bumped", "--bump-revision=1000", "--mark-compacted") as server:
        store = Store(server.endpoint)
        store.put(b"goes on", b"1")
        assert store.all().header.revision == backup.revision + 1001
        store.call("Lease/LeaseRevoke", lease.LeaseRevokeRequest(ID=7), lease.LeaseRevokeResponse)
        assert not [one for one in store.all().kvs if one.lease == 7]


@pytest.mark.peer("bbolt")
def test_bbolt_finds_nothing_wrong(backup: Backup, peer: Callable[[str], Path]) -> None:
    path = backup.folder / "cut.db"
    path.write_bytes(backup.path.read_bytes()[:-32])
    assert run(peer("bbolt"), "check", path).strip() == "OK"


@pytest.mark.peer("etcdctl-3.4")
def test_older_tools_save_the_same_bytes(backup: Backup, peer: Callable[[str], Path]) -> None:
    with MemberProcess(backup.folder / "older") as member:
        store = Store(member.endpoint)
        for number in range(200):
            store.put(b"%d" % number, bytes(1000))
        saved: list[bytes] = []
        for tool in ("etcdctl-3.4", "etcdctl-3.5", "etcdctl"):
            path = backup.folder / f"{tool}.db"
            command = [str(peer(tool)), f"--endpoints={member.endpoint}", "snapshot", "save", str(path)]
            environment = member.environment | {"ETCDCTL_API": "3"}
            subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
            saved.append(path.read_bytes())
        assert saved[0] == saved[1] == saved[2]


def test_a_damaged_backup_is_refused(backup: Backup, peer: Callable[[str], Path]) -> None:
    data = bytearray(backup.path.read_bytes())
    data[len(data) // 2] ^= 1
    path = backup.folder / "damaged.db"
    path.write_bytes(data)
    command = [str(peer("etcdutl")), "snapshot", "restore", str(path), f"--data-dir={backup.folder}/never"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "sha256" in done.stderr


def test_a_caller_who_goes_away_leaves_nothing_behind(backup: Backup) -> None:
    snapshots = backup.folder / "data" / "snapshots"
    for taken in range(3):
        call = backup.member.channel.unary_stream("/etcdserverpb.Maintenance/Snapshot")(b"", timeout=SECONDS)
        for _ in range(taken):
            next(call)
        call.cancel()
    # The answer to a whole one comes behind the removal of those before it: one lane does both.
    parts = list(backup.member.channel.unary_stream("/etcdserverpb.Maintenance/Snapshot")(b"", timeout=SECONDS))
    assert len(maintenance.SnapshotResponse.FromString(parts[-1]).blob) == 32
    left = [path.name for path in snapshots.iterdir()]
    assert len(left) <= 1, left


def test_tricords_command_saves_the_same_bytes(backup: Backup, peer: Callable[[str], Path]) -> None:
    with MemberProcess(backup.folder / "command") as member:
        Store(member.endpoint).put(b"k", bytes(100_000))
        ours, theirs = backup.folder / "ours.db", backup.folder / "theirs.db"
        said = run(sys.executable, "-m", "tricord", "--endpoints", member.endpoint, "snapshot", "save", "--json", ours)
        run(peer("etcdctl"), "--endpoints", member.endpoint, "snapshot", "save", theirs)
        assert ours.read_bytes() == theirs.read_bytes()
        assert json.loads(said) == {"file": str(ours), "size": ours.stat().st_size}
        refused = subprocess.run(
            [sys.executable, "-m", "tricord", f"--endpoints={member.endpoint}", "snapshot", "save", "/absent/file"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (refused.returncode, "not saved" in refused.stderr) == (1, True), refused.stderr
