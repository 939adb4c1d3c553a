# SPDX-License-Identifier: Apache-2.0
"""Snapshot files on their way out and in."""

from __future__ import annotations

import errno

import pytest

from tests.storage.snapshot_script import CLUSTER, HISTORY, filled
from tricord.base.environment import Disk
from tricord.base.errors import Cancelled, DiskFull
from tricord.base.ordered import Table
from tricord.storage.memory_disk import MemoryDisk
from tricord.storage.snapshot_files import IncomingSnapshot, OfferedSnapshot, OutgoingSnapshot, SnapshotFiles
from tricord.storage.snapshot_reader import verify_snapshot

PIECE = 10_000


def files_of(disk: Disk, directory: str) -> SnapshotFiles:
    return SnapshotFiles(disk, directory, cluster=CLUSTER, history=HISTORY)


def outgoing(disk: Disk, root: str, index: int = 50, records: int = 500) -> OutgoingSnapshot:
    backend = filled(disk, f"{root}/backend-{index}", index, 4, records)
    view = backend.view()
    try:
        return files_of(disk, f"{root}/out").write(view)
    finally:
        view.close()
        backend.close()


def bring(source: OutgoingSnapshot, sink: IncomingSnapshot, upto: int = 1 << 62) -> None:
    while sink.have < min(upto, source.offered.size):
        sink.write(sink.have, source.read(sink.have, PIECE))


def test_a_file_is_sent_in_pieces_and_verified_at_the_end(disk: Disk, root: str) -> None:
    source = outgoing(disk, root)
    assert disk.list(f"{root}/out") == ["50-4-1.snap"]
    sink = files_of(disk, f"{root}/in").receive(source.offered)
    assert sink.have == 0
    bring(source, sink)
    assert sink.info is None
    assert sink.finish() == ""
    assert sink.info == source.info == verify_snapshot(disk, sink.path)
    sink.close()
    source.remove()
    assert disk.list(f"{root}/out") == []
    sink.remove()
    assert disk.list(f"{root}/in") == []
    sink.remove()


def test_a_transfer_goes_on_where_it_ended(disk: Disk, root: str) -> None:
    source = outgoing(disk, root)
    files = files_of(disk, f"{root}/in")
    sink = files.receive(source.offered)
    bring(source, sink, 3 * PIECE)
    sink.close()
    sink = files.receive(source.offered)
    assert sink.have == 3 * PIECE
    bring(source, sink, 5 * PIECE)
    sink.close()
    sink = files_of(disk, f"{root}/in").receive(source.offered)  # after a restart too
    assert sink.have == 5 * PIECE
    bring(source, sink)
    assert sink.finish() == ""
    sink.close()
    sink = files.receive(source.offered)  # the answer got lost: it is offered once more
    assert sink.have == source.offered.size
    assert sink.finish() == ""
    sink.close()
    source.remove()


def test_pieces_out_of_order_are_refused(disk: Disk, root: str) -> None:
    source = outgoing(disk, root)
    sink = files_of(disk, f"{root}/in").receive(source.offered)
    sink.write(0, source.read(0, PIECE))
    for offset, size in ((0, PIECE), (2 * PIECE, PIECE), (PIECE, source.offered.size)):
        with pytest.raises(OSError, match="do not go on"):
            sink.write(offset, bytes(size))
    assert sink.have == PIECE
    assert "bytes are here" in sink.finish()
    sink.close()
    with pytest.raises(OSError, match="do not go on"):
        sink.write(PIECE, b"late")
    source.remove()


@pytest.mark.parametrize("what", ["damaged", "another", "strange"])
def test_what_is_not_good_is_said_and_begun_anew(disk: Disk, root: str, what: str) -> None:
    source = outgoing(disk, root)
    good = source.offered
    offered = good
    if what == "another":
        offered = OfferedSnapshot(good.id, good.index + 1, good.term, good.size, good.checksum)
    if what == "strange":
        files = SnapshotFiles(disk, f"{root}/in", cluster=9, history=HISTORY)
    else:
        files = files_of(disk, f"{root}/in")
    sink = files.receive(offered)
    sink.write(0, source.read(0, PIECE))
    if what == "damaged":
        piece = bytearray(source.read(PIECE, PIECE))
        piece[77] ^= 4
        sink.write(PIECE, bytes(piece))
    bring(source, sink)
    problem = sink.finish()
    assert {"damaged": "damaged at", "another": "not the one", "strange": "another cluster"}[what] in problem
    assert sink.info is None
    sink.close()
    assert files.receive(good).have == 0
    source.remove()


def test_another_snapshot_takes_the_place_of_a_part(disk: Disk, root: str) -> None:
    one, two = outgoing(disk, root, 50), outgoing(disk, root, 51)
    files = files_of(disk, f"{root}/in")
    sink = files.receive(one.offered)
    bring(one, sink, PIECE)
    sink.close()
    sink = files.receive(two.offered)
    assert len(disk.list(f"{root}/in")) == 1
    bring(two, sink)
    assert sink.finish() == ""
    sink.close()


def test_a_start_removes_what_nobody_needs_and_nothing_else(disk: Disk, root: str) -> None:
    source = outgoing(disk, root)
    files = files_of(disk, f"{root}/in")
    files.receive(source.offered).close()
    for name in ("9-9-9.snap", "new.snap.part", "notes"):
        disk.open(f"{root}/in/{name}", create=True).close()
    part = f"incoming-{source.offered.id:016x}.part"
    files_of(disk, f"{root}/in")
    assert disk.list(f"{root}/in") == [part, "notes"]
    disk.open(f"{root}/in/incoming-0.part", create=True).close()
    files_of(disk, f"{root}/in")
    assert disk.list(f"{root}/in") == ["notes"], "which of two is the newer one, nobody can say"


def test_one_that_is_cancelled_leaves_nothing_and_another_may_be_written(disk: Disk, root: str) -> None:
    backend = filled(disk, f"{root}/backend", 50, 4, 500)
    files = files_of(disk, f"{root}/out")
    view = backend.view()
    with pytest.raises(Cancelled):
        files.write(view, cancelled=lambda: True)
    assert disk.list(f"{root}/out") == []
    first, second = files.write(view), files.write(view)
    assert first.offered == second.offered
    first.remove()
    assert second.read(0, 1 << 20) == second.read(0, second.offered.size)
    second.remove()
    view.close()
    backend.close()


def test_a_full_disk_is_said_before_and_while_a_snapshot_comes_in() -> None:
    disk = MemoryDisk(capacity=1 << 21)
    disk.make_directory("/d")
    source = outgoing(disk, "/d")
    files = files_of(disk, "/d/in")
    disk.reserve(disk.free_bytes("/d") - (1 << 20))
    with pytest.raises(DiskFull, match="no room"):
        files.receive(source.offered)
    disk.reserve(-(1 << 21))
    sink = files.receive(source.offered)
    sink.write(0, source.read(0, PIECE))
    disk.fail_at[disk.calls + 2] = errno.ENOSPC
    data = source.read(PIECE, PIECE)
    with pytest.raises(DiskFull):
        sink.write(PIECE, data)
    assert sink.have == PIECE
    bring(source, sink)
    assert sink.finish() == ""
    sink.close()


def test_after_a_power_cut_a_part_is_good_or_begins_anew() -> None:
    for seed in range(60):
        disk = MemoryDisk(seed)
        disk.make_directory("/d")
        source = outgoing(disk, "/d", records=100)
        whole = source.read(0, source.offered.size)
        sink = files_of(disk, "/d/in").receive(source.offered)
        bring(source, sink, seed * PIECE)
        disk.sync_directory("/")
        disk.sync_directory("/d")
        disk.sync_directory("/d/in")
        disk.power_cut()
        files = files_of(disk, "/d/in")
        for attempt in range(2):
            sink = files.receive(source.offered)
            assert attempt == 0 or sink.have == 0
            while sink.have < len(whole):
                sink.write(sink.have, whole[sink.have : sink.have + PIECE])
            problem = sink.finish()
            sink.close()
            if not problem:
                break
        assert not problem


def test_a_view_is_read_while_commits_go_on(disk: Disk, root: str) -> None:
    backend = filled(disk, f"{root}/backend", 50, 4, 800)
    view = backend.view()
    files = files_of(disk, f"{root}/out")
    commits = 0

    def write_on(done: int) -> None:
        nonlocal commits
        commits += 1
        backend.commit([(Table.HEAD, b"%06d" % (commits * 7), None), (Table.HEAD, b"new %d" % commits, b"")])

    source = files.write(view, progress=write_on)
    view.close()
    assert commits > 3
    assert source.info.counts[Table.HEAD] == 800
    source.remove()
    backend.close()
