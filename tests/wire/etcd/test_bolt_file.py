# SPDX-License-Identifier: Apache-2.0
"""A bbolt file is read back as it was written: by a reader of ours, and checked by bbolt's own command."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.etcd.bolt_reader import BoltReader, Buckets, assembled, written
from tricord.wire.etcd.bolt_file import INLINE_BYTES_MAX, PAGE_BYTES, PIECE_BYTES, bolt_file, fnv_1a

sizes = st.one_of(st.integers(0, 40), st.integers(0, 9000))
keys = st.one_of(st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=3).map(lambda key: key * 2000))
pairs = st.dictionaries(keys, sizes.map(bytes), max_size=60)
files = st.dictionaries(st.binary(min_size=1, max_size=10), pairs, max_size=5)


def random_pairs(seed: int, count: int, key_size: int, value_size: int) -> dict[bytes, bytes]:
    choices = random.Random(seed)
    return {
        choices.randbytes(choices.randint(1, key_size)): choices.randbytes(choices.randint(0, value_size))
        for _ in range(count)
    }


SHAPES: dict[str, Buckets] = {
    "nothing": {},
    "empty buckets": {b"a": {}, b"b": {}},
    "one pair": {b"a": {b"k": b"v"}},
    "one large value": {b"a": {b"k": bytes(100_000)}},
    "large values among small ones": {b"a": random_pairs(1, 60, 12, 20_000), b"b": {b"k": b""}},
    "long keys": {b"a": random_pairs(2, 60, 20_000, 10)},
    "three levels": {b"a": {}, b"b": random_pairs(3, 20_000, 18, 200), b"c": {b"x": b"y"}},
    "many levels": {b"a": random_pairs(4, 300, 3000, 100)},
}


def test_a_hash_of_the_rfc() -> None:
    assert fnv_1a(b"") == 0xCBF29CE484222325
    assert fnv_1a(b"foobar") == 0x85944171F73967E8


@given(files)
def test_what_was_written_is_read(buckets: Buckets) -> None:
    assert BoltReader(written(buckets)).buckets() == buckets


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str) -> None:
    reader = BoltReader(written(SHAPES[shape]))
    assert reader.buckets() == SHAPES[shape]
    assert [meta.transaction for meta in reader.metas] == [0, 1]
    assert reader.meta.free == (1 << 64) - 1


def test_trees_are_as_deep_as_they_must_be() -> None:
    depths = {}
    for name in ("one large value", "three levels", "many levels"):
        reader = BoltReader(written(SHAPES[name]))
        reader.buckets()
        depths[name] = reader.depth
    assert depths == {"one large value": 1, "three levels": 3, "many levels": 9}


def test_a_small_bucket_takes_no_page_of_its_own() -> None:
    room = INLINE_BYTES_MAX - 16 - 16 - 1
    assert len(written({b"a": {b"k": bytes(room)}})) == 3 * PAGE_BYTES
    assert len(written({b"a": {b"k": bytes(room + 1)}})) == 4 * PAGE_BYTES


def test_memory_is_that_of_a_piece_whatever_the_file() -> None:
    taken = 0

    def endless() -> Iterator[tuple[bytes, bytes]]:
        nonlocal taken
        for number in range(20_000):
            taken += 1
            yield number.to_bytes(8, "big"), bytes(300)

    for number, (_, piece) in enumerate(bolt_file([(b"a", endless())])):
        assert len(piece) < PIECE_BYTES + 2 * PAGE_BYTES
        assert taken < (number + 2) * PIECE_BYTES // 300 or taken == 20_000


@pytest.mark.parametrize(
    "wrong", [[(b"b", b""), (b"a", b"")], [(b"a", b""), (b"a", b"")], [(b"", b"")], [(b"a" * 32769, b"")]]
)
def test_pairs_that_bbolt_would_not_take_are_a_bug_of_the_caller(wrong: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(AssertionError):
        assembled(bolt_file([(b"bucket", wrong)]))
    with pytest.raises(AssertionError):
        assembled(bolt_file([(name, []) for name, _ in wrong]))


@pytest.mark.peer("bbolt")
@pytest.mark.parametrize("shape", SHAPES)
def test_bbolt_finds_nothing_wrong(shape: str, peer: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    path.write_bytes(written(SHAPES[shape]))
    assert told(peer("bbolt"), "check", path) == "OK"
    for name, pairs in SHAPES[shape].items():
        listed = told(peer("bbolt"), "keys", "--format", "hex", path, name.decode())
        assert listed.split() == [key.hex() for key in sorted(pairs)]


def told(*command: str | Path) -> str:
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.strip()
