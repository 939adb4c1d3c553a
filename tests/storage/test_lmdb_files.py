# SPDX-License-Identifier: Apache-2.0
"""LMDB's file: what is verified before the library maps it, the seal, and what stands beside it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.storage.conftest import MAP_SIZE
from tricord.base.errors import CorruptData, NewerFormat
from tricord.base.ordered import Backend, Table, Write
from tricord.runtime.disk import RealDisk

PAGE = 4096
HEAD = Table.HEAD


def opened(path: Path) -> Backend:
    return RealDisk().open_backend(str(path), map_size=MAP_SIZE)


def everything(backend: Backend) -> list[tuple[bytes, bytes]]:
    view = backend.view()
    found = list(view.scan(HEAD, b"", None))
    view.close()
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A store of some hundred pages with branches, large values, long keys and free pages."""
    backend = opened(tmp_path / "b")
    choices = random.Random(4)
    for _ in range(20):
        writes: list[Write] = []
        for _ in range(100):
            key = b"key %05d" % choices.randrange(900) * choices.choice([1, 1, 8, 80])
            size = choices.choice([10, 300, 300, 9000 if choices.random() < 0.1 else 0])
            writes.append((HEAD, key, None if choices.random() < 0.2 else choices.randbytes(size)))
        backend.commit(writes)
    backend.close()
    return tmp_path / "b"


def pages(directory: Path, kind: int) -> list[int]:
    """Offsets of pages with this flag (1: branches, 2: leaves, 4: large values)."""
    data = (directory / "data.mdb").read_bytes()
    return [at for at in range(2 * PAGE, len(data), PAGE) if struct.unpack_from("=H", data, at + 10)[0] == kind]


def change(directory: Path, at: int, alter: Callable[[bytes], bytes], size: int = 1) -> None:
    with (directory / "data.mdb").open("r+b") as file:
        file.seek(at)
        old = file.read(size)
        file.seek(at)
        file.write(alter(old))


def occurrences(data: bytes, part: bytes) -> list[int]:
    found = []
    at = data.find(part)
    while at >= 0:
        found.append(at)
        at = data.find(part, at + 1)
    return found


def refusal(directory: Path) -> CorruptData:
    with pytest.raises(CorruptData) as caught:
        opened(directory)
    assert caught.value.path == f"{directory}/data.mdb"
    return caught.value


def separators(page: bytes) -> list[tuple[int, bytes]]:
    """Offset and key of each node of a branch but the first, whose key is never looked at."""
    count = (struct.unpack_from("=H", page, 12)[0] - 16) // 2
    found = []
    for node in struct.unpack_from(f"={count}H", page, 16)[1:]:
        size = struct.unpack_from("=H", page, node + 6)[0]
        found.append((node + 8, page[node + 8 : node + 8 + size]))
    return found


def test_a_separator_that_hides_keys_is_found(directory: Path) -> None:
    """Each page is well formed and every record is there; only the way to one of them leads elsewhere."""
    original = (directory / "data.mdb").read_bytes()
    found = 0
    for at in pages(directory, 1):
        keys = separators(original[at : at + PAGE])
        for (place, key), (_, following) in pairwise(keys):
            moved = key[:-1] + bytes([key[-1] + 1])
            if not key.startswith(b"key ") or moved >= following:
                continue
            change(directory, at + place + len(key) - 1, lambda _, moved=moved: moved[-1:])  # type: ignore[misc]
            try:
                opened(directory).close()
            except CorruptData as error:
                found += 1
                assert "order" in str(error)
            (directory / "data.mdb").write_bytes(original)
    assert found > 5


def test_a_value_changed_on_the_disk_is_found_without_reading_it(directory: Path) -> None:
    at = pages(directory, 4)[0]
    original = everything(opened_and_kept := opened(directory))
    opened_and_kept.close()
    assert original
    change(directory, at + 100, lambda old: bytes([old[0] ^ 1]))
    try:
        backend = opened(directory)
    except CorruptData as error:
        assert "add up" in str(error)
    else:  # the page was free
        assert everything(backend) == original
        backend.close()


def test_a_record_that_changes_while_open_is_refused_at_its_read(directory: Path) -> None:
    backend = opened(directory)
    view = backend.view()
    refused = 0
    data = (directory / "data.mdb").read_bytes()
    for key, value in list(view.scan(HEAD, b"", None)):
        if len(value) != 300 or refused == 3:
            continue
        # older pages hold the value too: change it wherever it is
        places = occurrences(data, value)
        for at in places:
            change(directory, at, lambda old: bytes([old[0] ^ 1]))
        with pytest.raises(CorruptData, match="checksum"):
            view.get(HEAD, key)
        with pytest.raises(CorruptData, match="checksum"):
            list(view.scan(HEAD, key, None))
        for at in places:
            change(directory, at, lambda old: bytes([old[0] ^ 1]))
        assert view.get(HEAD, key) == value
        refused += 1
    assert refused == 3
    view.close()
    backend.close()


def test_an_older_state_is_told_from_the_newest(directory: Path) -> None:
    older = (directory / "data.mdb").read_bytes()
    backend = opened(directory)
    backend.commit([(HEAD, b"newer", b"1")])
    backend.seal()
    backend.close()
    (directory / "data.mdb").write_bytes(older)
    assert "older state" in str(refusal(directory))


def test_a_meta_page_that_claims_to_be_newer_is_refused(directory: Path) -> None:
    data = (directory / "data.mdb").read_bytes()
    at = 16 + 24 + 2 * 48 + 8
    first, second = (struct.unpack_from("=Q", data, place * PAGE + at)[0] for place in range(2))
    older = 0 if first < second else 1
    claimed = max(first, second) + 1
    change(directory, older * PAGE + at, lambda _: struct.pack("=Q", claimed), 8)
    assert "transaction" in str(refusal(directory))


def test_a_file_that_is_gone_or_cut_is_refused(directory: Path) -> None:
    backend = opened(directory)
    backend.seal()
    backend.close()
    path = directory / "data.mdb"
    whole = path.read_bytes()
    last_used = max(pages(directory, 1) + pages(directory, 2))
    for size in (0, 100, PAGE, PAGE + 50, 2 * PAGE, 50 * PAGE, last_used // 2):
        path.write_bytes(whole[:size])
        refusal(directory)
    path.unlink()
    refusal(directory)


def test_damage_after_a_seal_is_named(directory: Path) -> None:
    backend = opened(directory)
    backend.commit([(HEAD, b"large %d" % i, bytes(200_000)) for i in range(10)])
    backend.seal()
    backend.close()
    opened(directory).close()
    change(directory, (1 << 20) + 77, lambda old: bytes([old[0] ^ 8]))
    assert "table-1" in str(refusal(directory))


def test_a_commit_that_died_after_a_seal_is_no_damage(directory: Path) -> None:
    backend = opened(directory)
    backend.seal()
    before = everything(backend)
    path = directory / "data.mdb"
    sealed = path.read_bytes()
    backend.commit([(HEAD, b"key 00001", b"of the commit that dies")])
    backend.close()
    # It died when its pages were written, and before the meta page that names them: they lie where pages were free.
    died = sealed[: 2 * PAGE] + path.read_bytes()[2 * PAGE :]
    assert len(died) == len(sealed) and died != sealed
    path.write_bytes(died)
    backend = opened(directory)
    assert everything(backend) == before
    backend.commit([(HEAD, b"later", b"1")])
    assert (b"later", b"1") in everything(backend)
    backend.close()


def test_a_damaged_seal_only_costs_time_and_a_newer_one_is_refused(directory: Path) -> None:
    backend = opened(directory)
    backend.seal()
    before = everything(backend)
    backend.close()
    seal = directory / "seal"
    whole = seal.read_bytes()
    for damaged in (b"", whole[:10], whole[:-1], whole[:20] + b"x" + whole[21:]):
        seal.write_bytes(damaged)
        backend = opened(directory)
        assert everything(backend) == before
        backend.close()
    import crc32c

    newer = whole[:8] + struct.pack(">I", 2) + whole[12:-4]
    seal.write_bytes(newer + struct.pack(">I", crc32c.crc32c(newer)))
    with pytest.raises(NewerFormat, match="format 2"):
        opened(directory)


def test_newer_sums_are_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = opened(directory)
    monkeypatch.setattr("tricord.storage.lmdb_sums.FORMAT_VERSION", 2)
    backend._sums.version = 2  # type: ignore[attr-defined]
    backend.commit([(HEAD, b"a", b"b")])
    backend.close()
    monkeypatch.undo()
    for _ in range(2):
        with pytest.raises(NewerFormat, match="format 2"):
            opened(directory)


def test_a_lock_file_of_another_life_is_made_anew(directory: Path) -> None:
    (directory / "lock.mdb").write_bytes(b"\xff" * 8192)
    backend = opened(directory)
    backend.commit([(HEAD, b"a", b"b")])
    backend.close()


WRITER = """
import sys
from tricord.base.ordered import Table
from tricord.runtime.disk import RealDisk
backend = RealDisk().open_backend(sys.argv[1], map_size=64 << 20)
view = backend.view()
number = int.from_bytes(view.get(Table.META, b"number") or b"", "big")
view.close()
while True:
    number += 1
    writes = [(Table.HEAD, b"%08d" % (i * 7919 % 3000), b"%d" % number * 20) for i in range(number, number + 300)]
    backend.commit([*writes, (Table.META, b"number", number.to_bytes(8, "big"))])
    if number % 7 == 0:
        backend.seal()
    print(number, flush=True)
"""


def test_a_process_killed_while_it_commits_loses_no_commit_it_told_of(tmp_path: Path) -> None:
    directory = tmp_path / "b"
    told = 0
    for round_ in range(4):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(directory)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(12 + 5 * round_):
            told = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
        process.stdout.close()
        process.wait()
        told = int(rest[-1]) if rest else told
        backend = opened(directory)
        view = backend.view()
        number = int.from_bytes(view.get(Table.META, b"number") or b"", "big")
        assert number in (told, told + 1)
        model: dict[bytes, bytes] = {}
        for past in range(1, number + 1):
            model.update({b"%08d" % (i * 7919 % 3000): b"%d" % past * 20 for i in range(past, past + 300)})
        assert list(view.scan(HEAD, b"", None)) == sorted(model.items())
        view.close()
        backend.close()


def test_a_copy_opens_as_well(directory: Path, tmp_path: Path) -> None:
    backend = opened(directory)
    before = everything(backend)
    shutil.copytree(directory, tmp_path / "copy")
    backend.close()
    copy = opened(tmp_path / "copy")
    assert everything(copy) == before
    copy.close()
