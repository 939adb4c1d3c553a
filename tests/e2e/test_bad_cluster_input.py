# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with a cluster's flags, members or peers gets a clear sentence, and nothing is lost by it."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.e2e.grpc_kv import GrpcKv, code
from tests.e2e.refused_starts import refused
from tests.peers.clusters import Cluster, ClusterMember, eventually
from tests.peers.ports import free_port
from tests.peers.processes import MemberProcess
from tricord.wire.peer.frames import PREFACE, FrameKind, FrameReader, frame
from tricord.wire.peer.hello import Hello, Lane, encode_hello
from tricord.wire.peer.refusals import RefusalCode, decode_refusal
from tricord.wire.schemas import cluster as cluster_schema
from tricord.wire.schemas import kv

CLUSTER = "/etcdserverpb.Cluster/"
ANSWER_SECONDS = 60
NOT_A_MEMBER = 6
"""The exit code of a member that its cluster does not have."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three members that this module's tests share."""
    with Cluster("tricord", tmp_path_factory.mktemp("cluster") / "trio") as cluster:
        yield cluster


@pytest.fixture
def trio(running: Cluster) -> Iterator[Cluster]:
    """Three members. What was written before the misuse is there after it, on all of them, and they serve on."""
    before = keys(running.members[running.leader()].endpoint)
    put(running, b"%06d" % len(before))
    yield running
    put(running, b"%06d" % (len(before) + 1))
    running.wait_until_level()
    for member in running.members.values():
        assert keys(member.endpoint) == [b"%06d" % number for number in range(len(before) + 2)], member.name


def put(cluster: Cluster, key: bytes) -> None:
    """At the leader."""
    with GrpcKv(cluster.members[cluster.leader()].endpoint) as store:
        store.put(kv.PutRequest(key=key, value=b"value"))


def keys(endpoint: str) -> list[bytes]:
    """All that one member has by itself."""
    with GrpcKv(endpoint) as store:
        request = kv.RangeRequest(key=b"\0", range_end=b"\0", serializable=True)
        return [pair.key for pair in store.range(request).kvs]


def listed(**addresses: str) -> str:
    """The text of `--initial-cluster`."""
    return ",".join(f"{name}={address}" for name, address in addresses.items())


def member_flags(folder: Path, name: str, address: str, initial: str) -> list[str]:
    """Of a `tricord serve` in a cluster."""
    return ["--name", name, "--data-dir", str(folder / name), "--listen", address, "--initial-cluster", initial]


def address() -> str:
    """A free one."""
    return f"127.0.0.1:{free_port()}"


def test_a_name_or_an_address_that_is_listed_twice_is_named(tmp_path: Path) -> None:
    one, two = address(), address()
    exit_code, said = refused(*member_flags(tmp_path, "n1", one, f"n1={one},n1={two}"))
    assert exit_code == 2
    assert "n1 twice" in said
    exit_code, said = refused(*member_flags(tmp_path, "n1", one, f"n1={one},n2={one}"))
    assert exit_code == 2
    assert f"{one} twice" in said
    assert not (tmp_path / "n1").exists(), "a refusal makes nothing"


def test_a_member_that_is_not_in_its_own_list_is_told_so(tmp_path: Path) -> None:
    exit_code, said = refused(*member_flags(tmp_path, "n3", address(), listed(n1=address(), n2=address())))
    assert exit_code == 2
    assert "does not list" in said
    assert "n3" in said


def test_an_entry_that_is_no_address_is_named(tmp_path: Path) -> None:
    one = address()
    for entry in ("n2", "n2=", "=127.0.0.1:1", "n2=127.0.0.1", "n2=127.0.0.1:99999", "n2=ftp://127.0.0.1:1"):
        exit_code, said = refused(*member_flags(tmp_path, "n1", one, f"n1={one},{entry}"))
        assert exit_code == 2, said
        assert "initial_cluster" in said or "initial-cluster" in said, said


def test_an_even_cluster_serves_and_is_warned_of(tmp_path: Path) -> None:
    with Cluster("tricord", tmp_path / "cluster", size=2) as pair:
        put(pair, b"served")
        for member in pair.members.values():
            warnings = [line for line in member.log_text().splitlines() if "warn" in line]
            assert any(re.search(r"\b(even|odd)\b", line) for line in warnings), member.log_text()


def test_a_member_of_another_cluster_is_refused(trio: Cluster, tmp_path: Path) -> None:
    other = address()
    member = trio.members["n1"]
    exit_code, said = refused(*member_flags(tmp_path, "n4", other, listed(n4=other, n1=member.endpoint)))
    assert exit_code == NOT_A_MEMBER
    assert "belongs to another cluster" in said
    assert f"n1 at {member.endpoint}" in said


def test_an_unreachable_member_is_waited_for_and_named(tmp_path: Path) -> None:
    cluster = Cluster("tricord", tmp_path / "cluster")
    try:
        first = cluster.members["n1"]
        first.start(wait=False)
        others = [cluster.members["n2"], cluster.members["n3"]]
        eventually(lambda: all(other.endpoint in first.log_text() for other in others), "the others to be named")
        assert first.is_running()
        cluster.start(["n2"])
        first.wait_until_healthy()
        put(cluster, b"two of three")
        cluster.start(["n3"])
        cluster.wait_until_level()
        assert keys(others[1].endpoint) == [b"two of three"]
    finally:
        cluster.close()


def test_a_wiped_member_with_its_old_flags_is_refused(trio: Cluster) -> None:
    name = next(name for name in trio.members if name != trio.leader())
    member = trio.members[name]
    trio.kill(name)
    kept = member.directory.with_name("kept")
    shutil.move(member.directory, kept)
    exit_code, said = refused(*list(member.command())[4:])
    assert exit_code == NOT_A_MEMBER
    assert "another data directory" in said
    assert "tricord member" in said, "it says what to do"
    shutil.rmtree(member.directory, ignore_errors=True)
    shutil.move(kept, member.directory)
    trio.start([name])


def test_the_last_voter_stays(fresh_member: MemberProcess) -> None:
    with GrpcKv(fresh_member.endpoint) as store:
        answer = store.raw(CLUSTER + "MemberList", b"")
        (only,) = cluster_schema.MemberListResponse.FromString(answer).members
        with pytest.raises(grpc.RpcError) as caught:
            store.raw(CLUSTER + "MemberRemove", cluster_schema.MemberRemoveRequest(ID=only.ID).SerializeToString())
        assert code(caught.value) is grpc.StatusCode.UNKNOWN  # etcd's own mistake, and clients know it
        assert caught.value.details() == "etcdserver: re-configuration failed due to not enough started members"
        store.put(kv.PutRequest(key=b"key", value=b"served"))


def test_of_two_changes_at_once_each_is_made_or_refused_by_name(trio: Cluster) -> None:
    urls = [f"http://{address()}" for _ in range(4)]
    requests = [cluster_schema.MemberAddRequest(peerURLs=[url], isLearner=True) for url in urls]
    made = []
    with GrpcKv(trio.members[trio.leader()].endpoint) as store:
        call = store.channel.unary_unary(CLUSTER + "MemberAdd")
        futures = [call.future(request.SerializeToString(), timeout=ANSWER_SECONDS) for request in requests]
        for future in futures:
            if error := future.exception():
                assert code(error) is grpc.StatusCode.FAILED_PRECONDITION, error
                assert "learner" in error.details() or "change" in error.details()
            else:
                made.append(cluster_schema.MemberAddResponse.FromString(future.result()).member)
        members = cluster_schema.MemberListResponse.FromString(store.raw(CLUSTER + "MemberList", b"")).members
        assert len(made) == 1, "there is room for one learner"
        assert sorted(member.ID for member in members if member.isLearner) == [member.ID for member in made]
        for member in made:
            request = cluster_schema.MemberRemoveRequest(ID=member.ID)
            store.raw(CLUSTER + "MemberRemove", request.SerializeToString())


def exchange(member: ClusterMember, sent: bytes) -> bytes:
    """Send bytes and end: all that comes back until the member closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", member.port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass
    return received


def refusal(received: bytes) -> tuple[int, str]:
    """The code and text of the only frame."""
    reader = FrameReader(1 << 16)
    reader.receive(received)
    answer = reader.next()
    assert answer is not None, received
    assert answer[0] == FrameKind.REFUSED
    found = decode_refusal(answer[1])
    return found.code, found.text


def hello(**changes: int) -> bytes:
    """A preface and a hello that no member knows."""
    fields = {"cluster": 1, "history": 2, "sender": 3, "incarnation": 4, "receiver": 5, "lane": int(Lane.CONTROL)}
    return PREFACE + frame(FrameKind.HELLO, encode_hello(Hello(**fields | changes, nonce=bytes(32))))


DAMAGED = bytearray(hello())
DAMAGED[-1] ^= 1


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(hello(), RefusalCode.WRONG_CLUSTER, id="another cluster"),
        pytest.param(hello(protocol_min=98, protocol_max=99), RefusalCode.PROTOCOL_VERSION, id="a newer protocol"),
        pytest.param(hello(lane=77), RefusalCode.PROTOCOL_VERSION, id="an unknown lane"),
        pytest.param(bytes(DAMAGED), RefusalCode.MALFORMED, id="a wrong checksum"),
        pytest.param(PREFACE + bytes(64), RefusalCode.PROTOCOL_VERSION, id="zeros"),
        pytest.param(PREFACE + frame(FrameKind.PING), RefusalCode.MALFORMED, id="no hello"),
        pytest.param(PREFACE + frame(FrameKind.HELLO, b"short"), RefusalCode.MALFORMED, id="a short hello"),
    ],
)
def test_a_stranger_at_the_peer_port_is_refused_by_name(trio: Cluster, sent: bytes, expected: RefusalCode) -> None:
    leader = trio.leader()
    term = trio.standings()[leader].term
    for member in trio.members.values():
        found, text = refusal(exchange(member, sent))
        assert found == expected, text
        assert text
    assert trio.leader() == leader, "nobody was disturbed"
    assert trio.standings()[leader].term == term


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(PREFACE[:5], id="half a preface"),
        pytest.param(PREFACE, id="a preface only"),
        pytest.param(PREFACE[:-1] + b"\x01" + bytes(64), id="half a preface, then garbage"),
        pytest.param(hello()[:-10], id="half a hello"),
    ],
)
def test_a_stranger_that_leaves_in_the_middle_harms_nobody(trio: Cluster, sent: bytes) -> None:
    for member in trio.members.values():
        for _ in range(20):
            exchange(member, sent)
