# SPDX-License-Identifier: Apache-2.0
"""One bit turned around anywhere in a member's directory: the start repairs it or refuses by file and offset.

Never is an old, wrong or missing value served. ``TRICORD_BIT_FLIPS`` sets how many flips each state of the directory
gets; ``make bitflip`` sets a thousand.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.member_script import open_directory
from tricord.base.errors import CorruptData
from tricord.base.log import Entry, HardState
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, Table, Write
from tricord.runtime.disk import RealDisk
from tricord.storage.member_storage import MemberStorage

FLIPS = int(os.environ.get("TRICORD_BIT_FLIPS", "100"))
LAST = 400
CUT_BEFORE = 100


def value_of(index: int) -> bytes:
    size = 6000 if index % 50 == 0 else index % 90
    return random.Random(index).randbytes(size)


def key_of(index: int) -> bytes:
    return b"key %04d" % (index * 7919 % 10_000) + b"long" * (index % 31 == 0) * 150


def drain(storage: MemberStorage, first: int, last: int) -> None:
    writes: list[Write] = [(Table.HEAD, key_of(index), value_of(index)) for index in range(first, last + 1)]
    writes += [(Table.REVISIONS, index.to_bytes(8, "big"), key_of(index)) for index in range(first, last + 1)]
    # an overwrite, a delete: pages become free and are used again
    writes += [(Table.HEAD, b"counter", b"%d" % last), (Table.REVISIONS, (first // 2).to_bytes(8, "big"), None)]
    writes += [
        (Table.META, META_APPLIED_INDEX, last.to_bytes(8, "big")),
        (Table.META, META_APPLIED_TERM, b"\0" * 7 + b"\1"),
    ]
    storage.overlay.write(writes)
    storage.backend.commit(storage.overlay.take())
    storage.overlay.drained()


def build(directory: str, state: str) -> None:
    """A directory as a member leaves it:

    ``stopped`` cleanly, ``idle`` when killed, or killed ``busy``: the newest commit has no seal.
    """
    storage = open_directory(RealDisk(), directory)
    for first in range(1, LAST + 1, 10):
        batch = [Entry(index, 1, 0, key_of(index) + b"=" + value_of(index)) for index in range(first, first + 10)]
        storage.log.append(HardState(1, 2, first - 1), batch)
        if first + 9 <= LAST - 40:
            drain(storage, first, first + 9)
            if state == "busy" and first == 201:
                storage.backend.seal()
    storage.log.cut_before(CUT_BEFORE)
    if state == "stopped":
        storage.log.seal()
    else:
        storage.log.mark()
    if state != "busy":
        storage.backend.seal()
    storage.close()


def check(directory: str) -> None:
    """Open it; everything is there, as a reader would see it. Then write, and look again."""
    for extra in range(2):
        storage = open_directory(RealDisk(), directory)
        try:
            assert storage.log.last_index == LAST + extra
            assert storage.hard_state == (HardState(2, 2, LAST) if extra else HardState(1, 2, LAST - 10))
            applied = storage.applied_index
            view = storage.backend.view()
            found = dict(view.scan(Table.HEAD, b"", None))
            gotten = {key: view.get(Table.HEAD, key) for key in found}
            view.close()
            assert found == gotten
            assert found.pop(b"counter") == b"%d" % applied
            for entry in storage.entries[: LAST - applied]:
                key, _, value = entry.data.partition(b"=")
                found[key] = value
            assert found == {key_of(index): value_of(index) for index in range(1, LAST + 1)}
            if not extra:
                storage.log.append(HardState(2, 2, LAST), [Entry(LAST + 1, 2, 0, b"later")])
                drain(storage, applied + 1, applied + 10)
                storage.backend.seal()
        finally:
            storage.close()


def bits(directory: Path, count: int) -> Iterator[tuple[Path, int]]:
    """Files and bits to turn: every file gets its share, every byte of the directory too."""
    choices = random.Random(count)
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.stat().st_size)
    sizes = [path.stat().st_size for path in files]
    for number in range(count):
        path = choices.choice(files) if number % 2 else choices.choices(files, weights=sizes)[0]
        yield path.relative_to(directory), choices.randrange(path.stat().st_size * 8)


@pytest.mark.parametrize("state", ["stopped", "idle", "busy"])
def test_any_bit(state: str, tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    build(str(original), state)
    shutil.copytree(original, copy)
    check(str(copy))
    repaired = refused = 0
    for name, bit in bits(original, FLIPS):
        shutil.rmtree(copy)
        shutil.copytree(original, copy)
        with (copy / name).open("r+b") as file:
            file.seek(bit // 8)
            byte = file.read(1)[0]
            file.seek(bit // 8)
            file.write(bytes([byte ^ 1 << bit % 8]))
        try:
            check(str(copy))
            repaired += 1
        except CorruptData as error:
            assert error.path.startswith(str(copy)), error
            assert error.offset >= 0, error
            refused += 1
        except AssertionError as error:
            raise AssertionError(f"{state}: bit {bit % 8} of byte {bit // 8} of {name}") from error
    assert repaired + refused == FLIPS
    assert refused > FLIPS // 10
