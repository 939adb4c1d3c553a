# SPDX-License-Identifier: Apache-2.0
"""Edges beside real member processes: killed while they write, with TLS, with sessions that move."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from time import monotonic, sleep

import pytest

import tricord
from tests.client.test_tls import Papers
from tests.peers.ports import free_port
from tests.peers.processes import MemberProcess
from tricord.base import errors
from tricord.base.edges import EdgeKeyspaceStatus

PROGRAM = Path(__file__).with_name("edge_program.py")


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemberProcess]:
    process = MemberProcess(tmp_path_factory.mktemp("member"))
    process.start()
    try:
        yield process
    finally:
        process.stop()


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = monotonic() + seconds
    while not holds():
        assert monotonic() < end, "it did not come to that in time"
        sleep(0.02)


def statuses(store: tricord.Client) -> list[EdgeKeyspaceStatus]:
    edge = store.status().edge
    assert edge is not None
    return edge.keyspaces


def settled(store: tricord.Client) -> bool:
    return all(one.connected and not one.unsent for one in statuses(store))


def written_until_killed(directory: Path, endpoint: str, start: int, count: int) -> int:
    """The last number that the program said it has written, at least so many after its start."""
    command = [sys.executable, str(PROGRAM), str(directory), endpoint, str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        last = start - 1
        for line in program.stdout:
            if line.strip().isdigit():
                last = int(line)
            if last >= start + count:
                break
        program.kill()
        rest = program.stdout.read().split()
    return int(rest[-1]) if rest and rest[-1].isdigit() else last


def test_an_edge_that_is_killed_again_and_again_loses_nothing_that_it_acknowledged(
    member: MemberProcess, tmp_path: Path
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    last = -1
    for endpoint in (nowhere, member.endpoint, nowhere):
        last = written_until_killed(tmp_path / "edge", endpoint, last + 1, 20)
    wanted = [str(number) for number in range(last + 1)]
    with tricord.open(tmp_path / "edge", replicate_with=[nowhere, member.endpoint]) as store:
        for name in ("kc", "ke"):
            here = [kv.text for kv in store.keyspace(name).scan("numbers/")]
            assert here[: last + 1] == wanted, "what was not acknowledged may be there as well"
        until(lambda: settled(store))
        with tricord.connect(member.endpoint) as cluster:
            for name in ("kc", "ke"):
                there = [kv.text for kv in cluster.keyspace(name).scan("numbers/")]
                assert there == [kv.text for kv in store.keyspace(name).scan("numbers/")]


def test_what_a_member_and_an_edge_write_meets_by_tls_and_a_stopped_member_is_waited_for(tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    certificate, key = papers.server
    member = MemberProcess(tmp_path / "member", "--cert-file", certificate, "--key-file", key, ca=Path(papers.ca))
    endpoint = f"https://{member.endpoint}"
    member.start()
    try:
        with tricord.open(tmp_path / "edge", replicate_with=endpoint, ca=papers.ca) as store:
            lists = store.keyspace("lists", model="causal")
            lists.put("a", "1")
            until(lambda: settled(store))
            with tricord.connect(endpoint, ca=papers.ca) as cluster:
                there = cluster.keyspace("lists")
                until(lambda: "a" in there)
                there.put("b", "2")
                until(lambda: "b" in lists)
            member.stop()
            lists.put("a", "3")
            until(lambda: not statuses(store)[0].connected)
            assert statuses(store)[0].unsent == 1
            member.start()
            until(lambda: settled(store))
            with tricord.connect(endpoint, ca=papers.ca) as cluster:
                assert cluster.keyspace("lists")["a"] == b"3"
    finally:
        member.stop()


def test_a_directory_is_one_edges_and_no_members(member: MemberProcess, tmp_path: Path) -> None:
    with tricord.open(tmp_path / "member"):
        pass
    with pytest.raises(errors.ConfigurationError, match="member's"):
        tricord.open(tmp_path / "member", replicate_with=member.endpoint)
    with tricord.open(tmp_path / "edge", replicate_with=member.endpoint), pytest.raises(errors.DataDirectoryInUse):
        tricord.open(tmp_path / "edge", replicate_with=member.endpoint)
    with pytest.raises(errors.ConfigurationError, match="edge's"):
        tricord.open(tmp_path / "edge")
    with pytest.raises(errors.ConfigurationError, match="replicate_with"):
        tricord.open(tmp_path / "other", ca="ca.pem")
    (tmp_path / "edge" / "edge").write_bytes(b"rot")
    with pytest.raises(errors.CorruptData):
        tricord.open(tmp_path / "edge", replicate_with=member.endpoint)


def test_an_edge_in_memory_replicates_too(member: MemberProcess) -> None:
    with tricord.open("memory://", replicate_with=member.endpoint) as store:
        notes = store.keyspace("notes", model="eventual")
        notes.put("k", "v")
        until(lambda: settled(store))
    with tricord.connect(member.endpoint) as cluster:
        assert cluster.keyspace("notes")["k"] == b"v"


def test_a_copy_of_a_directory_waits_while_the_other_is_connected(member: MemberProcess, tmp_path: Path) -> None:
    here, there = tmp_path / "edge", tmp_path / "copy"

    def opened(directory: Path) -> tricord.Client:
        return tricord.open(directory, replicate_with=member.endpoint)

    with opened(here) as store:
        store.keyspace("copies", model="causal").counter("n").add()
        until(lambda: settled(store))
    copytree(here, there)
    with opened(here) as first, opened(there) as second:
        until(lambda: settled(first) and "copy" in statuses(second)[0].problem)
        first.keyspace("copies").counter("n").add(10)
        second.keyspace("copies").counter("n").add(100)
        until(lambda: settled(first))
        assert not statuses(second)[0].connected
        first.close()
        with tricord.connect(member.endpoint) as cluster:
            until(lambda: cluster.keyspace("copies").counter("n").get() == 111)


def test_the_wrong_cluster_is_told_and_raised(member: MemberProcess, tmp_path: Path) -> None:
    other = MemberProcess(tmp_path / "other")
    other.start()
    try:
        with tricord.open(tmp_path / "edge", replicate_with=member.endpoint) as store:
            store.keyspace("notes", model="eventual").put("mine", "1")
            until(lambda: settled(store))
        with tricord.open(tmp_path / "edge", replicate_with=other.endpoint) as store:
            notes = store.keyspace("notes")
            until(lambda: "cluster" in statuses(store)[0].problem)
            with pytest.raises(errors.EdgeOfAnotherCluster):
                notes.get("mine")
    finally:
        other.stop()
