# SPDX-License-Identifier: Apache-2.0
"""Stories of the log: what a crash leaves is cut, what was durable and changed is refused."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, DiskFault, DiskFull, NewerFormat
from tricord.storage.memory_disk import MemoryDisk
from tricord.storage.wal import Wal
from tricord.storage.wal_format import BATCH_MAGIC, HEADER_BYTES, Record, SegmentHeader, encode_segment_header
from tricord.storage.wal_scan import segment_path

CLUSTER, HISTORY = 11, 22
SEGMENT_BYTES = 16 << 10


def record(number: int, size: int = 20) -> Record:
    return Record(stream=7, kind=3, payload=b"%08d" % number + bytes(size))


class Log:
    """A log in a directory, with what was read at its opening."""

    def __init__(self, disk: Disk, directory: str) -> None:
        self.disk = disk
        self.directory = directory
        self.records: list[Record] = []
        self.count = 0

    def create(self) -> Wal:
        wal = Wal.create(self.disk, self.directory, cluster=CLUSTER, history=HISTORY, segment_bytes=SEGMENT_BYTES)
        wal.next_index = lambda: self.count
        return wal

    def append(self, wal: Wal, *numbers: int) -> None:
        wal.append([record(number) for number in numbers])
        self.count = numbers[-1] + 1

    def open(self) -> Wal:
        self.records = []
        wal = Wal(self.disk, self.directory, cluster=CLUSTER, history=HISTORY, segment_bytes=SEGMENT_BYTES)
        wal.next_index = lambda: self.count
        scanned = wal.scan(lambda records, _: self.records.extend(records))
        assert scanned is not None
        wal.resume(scanned)
        self.count = len(self.records)
        return wal

    def refused(self) -> CorruptData:
        with pytest.raises(CorruptData) as caught:
            self.open()
        return caught.value

    @property
    def numbers(self) -> list[int]:
        return [int(found.payload[:8]) for found in self.records]

    def change(self, offset: int, data: bytes, segment: int = 1) -> None:
        file = self.disk.open(segment_path(self.directory, segment))
        file.pwrite(data, offset)
        file.close()

    def read(self, offset: int, size: int, segment: int = 1) -> bytes:
        file = self.disk.open(segment_path(self.directory, segment))
        data = file.pread(size, offset)
        file.close()
        return data


@pytest.fixture
def log(disk: Disk, root: str) -> Log:
    return Log(disk, f"{root}/wal")


def batch_offsets(log: Log, wal: Wal, batches: int) -> list[int]:
    """Append ``batches`` single records; where each begins, and the end."""
    offsets = []
    for number in range(batches):
        offsets.append(wal._end)
        log.append(wal, number)
    return [*offsets, wal._end]


def test_what_was_appended_is_read_back_in_order(log: Log) -> None:
    wal = log.create()
    log.append(wal, 0)
    log.append(wal, 1, 2, 3)
    wal.append([Record(0, 1, b""), Record(0xFFFFFFFF, 255, b"x" * 5000)])
    wal.close()
    wal = log.open()
    assert log.records[:4] == [record(number) for number in range(4)]
    assert log.records[4:] == [Record(0, 1, b""), Record(0xFFFFFFFF, 255, b"x" * 5000)]
    log.append(wal, 6)
    wal.close()
    log.open().close()
    assert log.records[6] == record(6)


def test_an_append_cut_short_by_a_crash_goes_without_a_trace(log: Log) -> None:
    wal = log.create()
    offsets = batch_offsets(log, wal, 3)
    wal.close()
    # half of the third batch never reached the disk
    log.change(offsets[2] + 40, bytes(offsets[3] - offsets[2] - 40))
    wal = log.open()
    assert log.numbers == [0, 1]
    assert log.read(offsets[2], 64) == bytes(64)
    log.append(wal, 2)
    wal.close()
    log.open().close()
    assert log.numbers == [0, 1, 2]


@pytest.mark.parametrize("vouch", ["append", "mark", "seal"])
def test_what_something_later_vouches_for_is_rot_when_damaged(log: Log, vouch: str) -> None:
    wal = log.create()
    offsets = batch_offsets(log, wal, 3)
    if vouch == "append":
        log.append(wal, 3)
    elif vouch == "mark":
        wal.mark()
    else:
        wal.seal()
    wal.close()
    for damaged in range(3):
        at = offsets[damaged] + 45
        before = log.read(at, 1)
        log.change(at, bytes([before[0] ^ 1]))
        error = log.refused()
        assert error.path == segment_path(log.directory, 1)
        assert error.offset == offsets[damaged]
        log.change(at, before)
    log.open().close()
    assert len(log.numbers) == 3 + (vouch == "append")


def test_a_lost_block_reads_as_zeros_and_is_rot_too(log: Log) -> None:
    wal = log.create()
    offsets = batch_offsets(log, wal, 3)
    wal.close()
    log.change(offsets[1], bytes(offsets[2] - offsets[1]))
    assert log.refused().offset == offsets[1]


@pytest.mark.parametrize(("moved", "place"), [(0, 1), (0, 2), (1, 2), (2, 0), (2, 1)])
def test_a_batch_in_the_place_of_another_is_rot(log: Log, moved: int, place: int) -> None:
    wal = log.create()
    offsets = batch_offsets(log, wal, 3)
    wal.seal()
    wal.close()
    log.change(offsets[place], log.read(offsets[moved], offsets[moved + 1] - offsets[moved]))
    assert log.refused().offset == offsets[place]


def test_a_mark_is_written_once_for_what_it_vouches_for(log: Log) -> None:
    wal = log.create()
    end = wal._end
    wal.mark()
    assert wal._end == end
    log.append(wal, 0)
    wal.mark()
    end = wal._end
    wal.mark()
    assert wal._end == end
    wal.close()


def test_a_damaged_mark_is_no_loss(log: Log) -> None:
    wal = log.create()
    offsets = batch_offsets(log, wal, 2)
    wal.mark()
    wal.close()
    log.change(offsets[-1] + 10, b"\xff")
    log.open().close()
    assert log.numbers == [0, 1]


def test_garbage_far_behind_the_end_is_cut(log: Log) -> None:
    wal = log.create()
    batch_offsets(log, wal, 2)
    wal.close()
    log.change(9000, b"garbage")
    wal = log.open()
    assert log.numbers == [0, 1]
    assert log.read(9000, 7) == bytes(7)
    wal.close()


def test_the_log_rolls_into_further_segments(log: Log) -> None:
    wal = log.create()
    for number in range(0, 300, 3):
        log.append(wal, number, number + 1, number + 2)
    assert len(log.disk.list(log.directory)) > 1
    assert all(name.endswith(".wal") for name in log.disk.list(log.directory))
    wal.append([Record(1, 1, bytes(3 * SEGMENT_BYTES))])  # larger than a segment: it gets a larger one
    wal.close()
    log.open().close()
    assert [int(found.payload[:8]) for found in log.records[:300]] == list(range(300))
    assert len(log.records[300].payload) == 3 * SEGMENT_BYTES


def test_damage_in_an_older_segment_is_rot_wherever_it_is(log: Log) -> None:
    wal = log.create()
    ends = []
    while len(wal._segments) == 1:
        ends.append(wal._end)
        log.append(wal, len(ends))
    wal.close()
    last = ends[-2]  # the last batch of the first segment: nothing in that segment vouches for it
    before = log.read(last + 50, 1)
    log.change(last + 50, bytes([before[0] ^ 4]))
    error = log.refused()
    assert (error.path, error.offset) == (segment_path(log.directory, 1), last)
    log.change(last + 50, before)
    log.change(0, b"X", segment=2)
    assert log.refused().path == segment_path(log.directory, 2)


def test_a_missing_segment_is_noticed(log: Log) -> None:
    wal = log.create()
    for number in range(600):
        log.append(wal, number)
    wal.close()
    assert len(log.disk.list(log.directory)) > 3
    log.disk.remove(segment_path(log.directory, 2))
    assert log.refused().path == segment_path(log.directory, 2)


def test_old_segments_are_cut_and_what_must_survive_is_carried(log: Log) -> None:
    wal = log.create()
    wal.carry = lambda: [Record(9, 9, b"carried")]
    for number in range(600):
        log.append(wal, number)
    segments = len(log.disk.list(log.directory))
    assert segments > 3
    second = wal._segments[1].first_index
    assert wal.cut_before(second - 1) == 0
    assert wal.cut_before(second) == 1
    assert wal.cut_before(10**9) == segments - 2
    assert wal.first_index == wal._segments[0].first_index > second
    wal.close()
    log.open().close()
    assert log.records[0] == Record(9, 9, b"carried")
    assert [int(found.payload[:8]) for found in log.records[1:]] == list(range(wal.first_index, 600))


def test_no_room_for_a_segment_is_said_and_the_log_goes_on_when_there_is() -> None:
    disk = MemoryDisk(capacity=SEGMENT_BYTES + 100)
    log = Log(disk, "/wal")
    wal = log.create()
    written = 0
    with pytest.raises(DiskFull):
        while True:
            log.append(wal, written)
            written += 1
    with pytest.raises(DiskFull):
        wal.append([record(written)])
    # it still vouches for what it has, as often as it can
    wal.mark()
    assert log.read(wal._end - 40, 4) == BATCH_MAGIC
    for _ in range(10):
        wal.seal()
    disk.reserve(-10 * SEGMENT_BYTES)  # somebody made room
    log.append(wal, written)
    wal.close()
    log.open().close()
    assert log.numbers == list(range(written + 1))


@pytest.mark.parametrize("call", [1, 2])
def test_after_a_failed_write_or_sync_nothing_is_acknowledged_any_more(call: int) -> None:
    disk = MemoryDisk()
    log = Log(disk, "/wal")
    wal = log.create()
    log.append(wal, 0)
    disk.fail_at[disk.calls + call] = errno.EIO
    with pytest.raises(DiskFault):
        log.append(wal, 1)
    acts: list[Callable[[], object]] = [lambda: log.append(wal, 1), wal.mark, wal.seal]
    for act in acts:
        with pytest.raises(DiskFault):
            act()
    disk.kill()
    wal = log.open()
    assert log.numbers in ([0], [0, 1])
    log.append(wal, len(log.numbers))
    disk.sync_directory("/")
    disk.power_cut()
    log.open().close()
    assert log.numbers in ([0, 1], [0, 1, 2])


def test_a_log_of_another_cluster_or_a_newer_format_is_refused(log: Log) -> None:
    log.create().close()
    wal = Wal(log.disk, log.directory, cluster=CLUSTER, history=HISTORY + 1)
    with pytest.raises(CorruptData, match="another cluster or history"):
        wal.scan(lambda records, position: None)
    header = SegmentHeader(2, CLUSTER, HISTORY, 1, 1, 0, 0, 0)
    log.change(0, encode_segment_header(header))
    with pytest.raises(NewerFormat, match="format 2"):
        log.open()


def test_a_segment_under_another_name_does_not_pass(log: Log) -> None:
    log.create().close()
    log.disk.rename(segment_path(log.directory, 1), segment_path(log.directory, 2))
    assert "holds segment 1" in str(log.refused())


def test_unknown_files_are_left_alone(log: Log) -> None:
    log.create().close()
    log.disk.open(f"{log.directory}/notes.txt", create=True).close()
    log.disk.open(f"{log.directory}/000000000000000Z.wal", create=True).close()
    log.disk.open(f"{log.directory}/new.tmp", create=True).close()
    log.open().close()
    assert "notes.txt" in log.disk.list(log.directory)
    assert "new.tmp" not in log.disk.list(log.directory)


def test_any_single_bit_of_a_vouched_log_is_found_or_harmless() -> None:
    disk = MemoryDisk()
    log = Log(disk, "/wal")
    wal = log.create()
    batch_offsets(log, wal, 3)
    wal.mark()
    end = wal._end
    wal.close()
    refused = 0
    # every bit of the batches, and of the header as far as it holds anything
    for bit in [*range(80 * 8), *range(HEADER_BYTES * 8, end * 8)]:
        disk.flip(segment_path("/wal", 1), bit)
        try:
            log.open().close()
        except CorruptData as error:
            refused += 1
            assert error.path == segment_path("/wal", 1)
            assert error.offset <= bit // 8
        except NewerFormat:
            pytest.fail("a damaged header is not a newer one")
        else:
            assert log.numbers == [0, 1, 2]
            # the mark was damaged and cut: write it again for the next round
            wal = log.open()
            wal.mark()
            wal.close()
            continue
        disk.flip(segment_path("/wal", 1), bit)
    assert refused > 1000
