# SPDX-License-Identifier: Apache-2.0
"""Whatever is thrown at a member gets one clear sentence and the right code; nothing is lost, and it lives on."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.e2e.grpc_kv import GrpcKv, code
from tests.e2e.refused_starts import refused
from tests.peers.clusters import eventually
from tests.peers.ports import free_port
from tests.peers.processes import MemberProcess
from tricord.storage import wal_format
from tricord.wire.schemas import kv

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""A client's first bytes: the preface and an empty SETTINGS frame."""


def start_again(member: MemberProcess) -> tuple[int, str]:
    """Start a stopped member that must refuse its data."""
    return refused("--data-dir", str(member.directory), "--listen", member.endpoint)


@pytest.fixture
def witness(fresh_member: MemberProcess) -> Iterator[GrpcKv]:
    """A polite client. What it stored before the misuse is there after it, and it is still answered."""
    with GrpcKv(fresh_member.endpoint) as store:
        store.put(kv.PutRequest(key=b"before", value=b"kept"))
        yield store
        assert store.range(kv.RangeRequest(key=b"before")).kvs[0].value == b"kept"
        store.put(kv.PutRequest(key=b"after", value=b"served"))
    assert fresh_member.stop() == 0
    fresh_member.start()
    with GrpcKv(fresh_member.endpoint) as store:
        assert [pair.key for pair in store.range(kv.RangeRequest(key=b"\0", range_end=b"\0")).kvs] == [
            b"after",
            b"before",
        ]


def test_a_request_beyond_the_limit_is_refused(witness: GrpcKv) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        witness.put(kv.PutRequest(key=b"large", value=bytes(1_600_000)))
    assert code(caught.value) is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "etcdserver: request is too large"


def test_a_message_beyond_the_transports_limit_is_refused(witness: GrpcKv) -> None:
    message = kv.PutRequest(key=b"huge", value=bytes(3_000_000))
    with pytest.raises(grpc.RpcError) as caught:
        witness.put(message)
    assert code(caught.value) is grpc.StatusCode.RESOURCE_EXHAUSTED
    size = len(message.SerializeToString())
    assert caught.value.details() == f"grpc: received message larger than max ({size} vs. 2097152)"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/etcdserverpb.KV/NoSuchMethod", "unknown method NoSuchMethod for service etcdserverpb.KV"),
        ("/no.such.Service/Call", "unknown service no.such.Service"),
    ],
)
def test_an_unknown_method_is_named(witness: GrpcKv, path: str, sentence: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        witness.raw(path, b"")
    assert code(caught.value) is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == sentence


@pytest.mark.parametrize(
    "message", [b"\xff", b"\x0a\x7fabc", b"\x0b\x0b\x0b", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
)
@pytest.mark.parametrize("method", ["Range", "Put", "DeleteRange", "Txn", "Compact"])
def test_a_malformed_message_is_refused(tricord_endpoint: str, method: str, message: bytes) -> None:
    with GrpcKv(tricord_endpoint) as store:
        revision = store.range(kv.RangeRequest(key=b"malformed")).header.revision
        with pytest.raises(grpc.RpcError) as caught:
            store.raw(f"/etcdserverpb.KV/{method}", message)
        assert code(caught.value) in {grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT}
        assert caught.value.details()
        assert store.range(kv.RangeRequest(key=b"malformed")).header.revision == revision


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PRI * HTTP/2.0\r\n", id="half a preface"),
        pytest.param(PREFACE + b"\x00\x40\x00\x00", id="half a frame header"),
        pytest.param(PREFACE + b"\x00\x00\x10\x01\x04\x00\x00\x00\x01\x82", id="half a HEADERS frame"),
        pytest.param(PREFACE + b"\x00\x00\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01", id="DATA on no stream"),
        pytest.param(b"POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", id="half a body"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="half a TLS hello"),
        pytest.param(bytes(100), id="zeros"),
    ],
)
def test_a_connection_that_ends_in_the_middle_harms_nobody(
    witness: GrpcKv, fresh_member: MemberProcess, sent: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", fresh_member.port), timeout=60) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass  # until the member has closed its side as well


def test_a_directory_in_use_names_the_process(fresh_member: MemberProcess) -> None:
    exit_code, said = refused("--data-dir", str(fresh_member.directory), "--listen", f"127.0.0.1:{free_port()}")
    assert exit_code == 1
    assert f"{fresh_member.directory} is in use by process {fresh_member.pid}" in said
    assert fresh_member.is_healthy()


def test_a_port_in_use_is_named(fresh_member: MemberProcess, tmp_path: Path) -> None:
    exit_code, said = refused("--data-dir", str(tmp_path / "other"), "--listen", fresh_member.endpoint)
    assert exit_code == 1
    assert f"cannot listen on {fresh_member.endpoint}" in said
    assert fresh_member.is_healthy()


def test_an_unknown_flag_is_answered_with_the_one_that_was_meant() -> None:
    exit_code, said = refused("--data-dirr", "x")
    assert exit_code == 2
    assert "--data-dirr" in said
    assert "--data-dir)" in said or "--data-dir?" in said


def test_an_unknown_key_in_the_file_is_answered_with_the_one_that_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "tricord.toml"
    file.write_text('lisen = "127.0.0.1:1"\n')
    exit_code, said = refused("--config", str(file))
    assert exit_code == 2
    assert "lisen is not a setting; did you mean listen?" in said


def test_an_unknown_variable_is_answered_with_the_one_that_was_meant() -> None:
    exit_code, said = refused(TRICORD_LISEN="127.0.0.1:1")
    assert exit_code == 2
    assert "TRICORD_LISEN is not a setting; did you mean TRICORD_LISTEN?" in said


def test_an_address_beyond_loopback_needs_tls_or_consent(tmp_path: Path) -> None:
    exit_code, said = refused("--data-dir", str(tmp_path), "--listen", "0.0.0.0:0", "--advertise", "localhost:1")
    assert exit_code == 2
    assert "--insecure" in said


def _segment(member: MemberProcess) -> Path:
    """The newest segment of a stopped member's log."""
    return max((member.directory / "wal").glob("*.wal"))


def _store_and_stop(member: MemberProcess) -> None:
    with GrpcKv(member.endpoint) as store:
        for number in range(20):
            store.put(kv.PutRequest(key=b"key/%d" % number, value=b"value"))
    assert member.stop() == 0


def test_a_damaged_log_is_refused_by_file_and_offset(fresh_member: MemberProcess) -> None:
    _store_and_stop(fresh_member)
    path = _segment(fresh_member)
    data = bytearray(path.read_bytes())
    place = data.index(b"key/11")
    data[place] ^= 0x10
    path.write_bytes(data)
    exit_code, said = start_again(fresh_member)
    assert exit_code == 1
    assert f"{path}: damaged at offset " in said
    assert path.read_bytes() == data, "a refusal changes nothing"
    data[place] ^= 0x10
    path.write_bytes(data)
    fresh_member.start()
    with GrpcKv(fresh_member.endpoint) as store:
        assert store.range(kv.RangeRequest(key=b"key/", range_end=b"key0")).count == 20


def test_a_newer_format_is_refused_by_its_name(fresh_member: MemberProcess) -> None:
    _store_and_stop(fresh_member)
    path = _segment(fresh_member)
    data = path.read_bytes()
    header = wal_format.decode_segment_header(data[: wal_format.HEADER_BYTES])
    assert header is not None
    newer = wal_format.SegmentHeader(
        header.version + 1,
        header.cluster,
        header.history,
        header.segment,
        header.first_index,
        header.synced_to,
        header.sequence,
        header.previous_crc,
    )
    path.write_bytes(wal_format.encode_segment_header(newer) + data[wal_format.HEADER_BYTES :])
    exit_code, said = start_again(fresh_member)
    assert exit_code == 1
    assert str(path) in said
    assert "newer" in said
    path.write_bytes(data)
    fresh_member.start()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def until_the_disk_is_full(store: GrpcKv) -> list[bytes]:
    """Write until a write is refused for want of room: the keys of those that were acknowledged."""
    acknowledged: list[bytes] = []
    for number in range(10_000):
        key = b"full/%05d" % number
        try:
            store.put(kv.PutRequest(key=key, value=bytes(100_000)), timeout=2)
        except grpc.RpcError as error:
            if code(error) is grpc.StatusCode.RESOURCE_EXHAUSTED:
                return acknowledged
            # One that meets the end of the disk is already in the log's queue: its outcome is unknown for now, which
            # either end says first when the time is up.
            if code(error) is grpc.StatusCode.UNAVAILABLE:
                assert error.details() == "etcdserver: request timed out"
            else:
                assert code(error) is grpc.StatusCode.DEADLINE_EXCEEDED
        else:
            acknowledged.append(key)
    raise AssertionError("the disk never filled")


def takes_a_write(store: GrpcKv, key: bytes) -> bool:
    """Whether it is acknowledged."""
    try:
        store.put(kv.PutRequest(key=key, value=b"room"))
    except grpc.RpcError:
        return False
    return True


@pytest.mark.peer("tmpfs")
def test_a_full_disk_refuses_writes_serves_reads_and_recovers(small_disk: Path) -> None:
    filler = small_disk / "filler"
    # More than all else on the disk: whatever of the log is not in the backend yet has room when the filler is gone.
    filler.write_bytes(bytes(108 << 20))
    member = MemberProcess(small_disk / "data", "--segment-bytes", str(8 << 20))
    member.log_path = small_disk.with_name("member.log")
    with member, GrpcKv(member.endpoint) as store:
        acknowledged = until_the_disk_is_full(store)
        with pytest.raises(grpc.RpcError) as caught:
            store.put(kv.PutRequest(key=b"full/refused", value=b"no room"))
        assert code(caught.value) is grpc.StatusCode.RESOURCE_EXHAUSTED, member.log_tail()
        assert caught.value.details() == "etcdserver: mvcc: database space exceeded"
        assert acknowledged, "the disk was full before the first write"
        everything = kv.RangeRequest(key=b"full/", range_end=b"full0", keys_only=True)
        found = {pair.key for pair in store.range(everything).kvs}
        assert found >= set(acknowledged)
        assert b"full/refused" not in found
        filler.unlink()
        eventually(lambda: takes_a_write(store, b"full/again"), "room to be found")
        acknowledged.append(b"full/again")
        member.kill()
        member.start()
        found = {pair.key for pair in store.range(everything).kvs}
        assert found >= set(acknowledged)
        assert b"full/refused" not in found
