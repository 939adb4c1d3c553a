# SPDX-License-Identifier: Apache-2.0
"""What every backend does: LMDB and its twin."""

from __future__ import annotations

import errno
import random
import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage.conftest import MAP_SIZE
from tricord.base.environment import Disk
from tricord.base.ordered import Backend, Table, Write
from tricord.runtime.disk import RealDisk
from tricord.storage.memory_disk import MemoryDisk

HEAD, META = Table.HEAD, Table.META


def everything(backend: Backend, table: Table = HEAD) -> list[tuple[bytes, bytes]]:
    view = backend.view()
    try:
        return list(view.scan(table, b"", None))
    finally:
        view.close()


def test_a_commit_is_read_back_in_key_order(backend: Backend) -> None:
    backend.commit([(HEAD, b"b", b"2"), (HEAD, b"a", b"1"), (META, b"b", b"other"), (HEAD, b"c", b"")])
    view = backend.view()
    assert view.get(HEAD, b"a") == b"1"
    assert view.get(HEAD, b"c") == b""
    assert view.get(HEAD, b"d") is None
    assert view.get(META, b"b") == b"other"
    assert list(view.scan(HEAD, b"", None)) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"")]
    assert list(view.scan(HEAD, b"a\0", b"c")) == [(b"b", b"2")]
    assert list(view.scan(HEAD, b"", None, reverse=True)) == [(b"c", b""), (b"b", b"2"), (b"a", b"1")]
    assert list(view.scan(HEAD, b"c", b"a")) == []
    assert view.count(HEAD, b"", None) == 3
    assert view.count(HEAD, b"b", b"b\0") == 1
    view.close()


def test_the_last_write_of_a_key_counts_and_absent_keys_may_be_deleted(backend: Backend) -> None:
    backend.commit([(HEAD, b"a", b"1"), (HEAD, b"a", None), (HEAD, b"b", None), (HEAD, b"b", b"2"), (HEAD, b"c", None)])
    assert everything(backend) == [(b"b", b"2")]
    backend.commit([(HEAD, b"b", None), (HEAD, b"zz", None)])
    assert everything(backend) == []
    backend.commit([])
    assert everything(backend) == []


def test_a_view_stays_as_it_was_while_commits_go_on(backend: Backend) -> None:
    backend.commit([(HEAD, b"%03d" % i, b"old") for i in range(100)])
    view = backend.view()
    for round_ in range(10):
        backend.commit([(HEAD, b"%03d" % i, b"new %d" % round_) for i in range(round_, 100)])
    assert {value for _, value in view.scan(HEAD, b"", None)} == {b"old"}
    view.close()
    assert everything(backend)[-1] == (b"099", b"new 9")


def test_what_was_committed_is_there_after_opening_again(disk: Disk, root: str) -> None:
    backend = disk.open_backend(f"{root}/b", map_size=MAP_SIZE)
    backend.commit([(HEAD, b"a", b"1")])
    backend.seal()
    backend.commit([(HEAD, b"b", b"2")])
    backend.close()
    again = disk.open_backend(f"{root}/b", map_size=MAP_SIZE)
    assert everything(again) == [(b"a", b"1"), (b"b", b"2")]
    again.seal()
    again.close()
    sealed = disk.open_backend(f"{root}/b", map_size=MAP_SIZE)
    assert everything(sealed) == [(b"a", b"1"), (b"b", b"2")]
    sealed.close()


def test_a_full_map_refuses_the_whole_batch_and_goes_on(disk: Disk, root: str) -> None:
    backend = disk.open_backend(f"{root}/b", map_size=1 << 20)
    backend.commit([(HEAD, b"kept", b"1")])
    with pytest.raises(OSError) as caught:
        backend.commit([(HEAD, b"%05d" % i, bytes(1000)) for i in range(2000)])
    assert caught.value.errno == errno.ENOSPC
    assert everything(backend) == [(b"kept", b"1")]
    backend.commit([(HEAD, b"more", b"2")])
    assert everything(backend) == [(b"kept", b"1"), (b"more", b"2")]
    backend.close()


def test_sizes_grow_with_the_content(backend: Backend) -> None:
    used = backend.used_bytes()
    backend.commit([(HEAD, b"%05d" % i, bytes(500)) for i in range(1000)])
    assert backend.used_bytes() >= used + 500_000
    assert backend.size_bytes() >= backend.used_bytes()
    full = backend.used_bytes()
    backend.commit([(HEAD, b"%05d" % i, None) for i in range(1000)])
    assert backend.used_bytes() < full


@pytest.mark.parametrize("length", [1, 509, 510, 511, 512, 1011, 1012, 1013, 3000, 65_000, 600_000])
def test_keys_of_any_length_keep_their_order(backend: Backend, length: int) -> None:
    stem = b"k" * (length - 1)
    keys = sorted(
        {stem + last for last in (b"\0", b"\1", b"a", b"\xff")} | {stem + b"a" + b"\0", b"k", b"l", stem + b"a!"}
    )
    backend.commit([(HEAD, key, b"value %d" % len(key)) for key in reversed(keys)])
    view = backend.view()
    assert [key for key, _ in view.scan(HEAD, b"", None)] == keys
    assert [key for key, _ in view.scan(HEAD, b"", None, reverse=True)] == keys[::-1]
    for place, key in enumerate(keys):
        assert view.get(HEAD, key) == b"value %d" % len(key)
        assert [found for found, _ in view.scan(HEAD, key, None)] == keys[place:]
        assert [found for found, _ in view.scan(HEAD, b"", key, reverse=True)] == keys[:place][::-1]
        assert view.count(HEAD, key, None) == len(keys) - place
    view.close()
    backend.commit([(HEAD, key, None) for key in keys])
    assert everything(backend) == []


# Keys around the lengths at which they are stored in another way, and often with a common beginning.
_stems = st.sampled_from([b"", b"a" * 509, b"a" * 510, b"a" * 511, b"a" * 1011, b"a" * 1012, b"a" * 1013, b"b" * 1600])
_keys = st.builds(bytes.__add__, _stems, st.binary(min_size=1, max_size=2))
_writes: st.SearchStrategy[list[Write]] = st.lists(
    st.tuples(st.sampled_from([HEAD, Table.HISTORY]), _keys, st.none() | st.binary(max_size=20)), max_size=12
)
_bounds = st.tuples(_keys | st.just(b""), _keys | st.none())


@pytest.mark.parametrize("kind", ["real", "memory"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(_writes, min_size=1, max_size=6), bounds=st.lists(_bounds, min_size=1, max_size=5))
def test_any_batches_give_what_a_dict_gives(
    kind: str, batches: list[list[Write]], bounds: list[tuple[bytes, bytes | None]]
) -> None:
    disk: Disk = RealDisk() if kind == "real" else MemoryDisk()
    with tempfile.TemporaryDirectory() as root:
        backend = disk.open_backend(f"{root}/b", map_size=MAP_SIZE)
        model: dict[tuple[Table, bytes], bytes] = {}
        for batch in batches:
            backend.commit(batch)
            for table, key, value in batch:
                if value is None:
                    model.pop((table, key), None)
                else:
                    model[table, key] = value
        view = backend.view()
        for table in (HEAD, Table.HISTORY):
            for start, end in bounds:
                expected = sorted(
                    (key, value)
                    for (place, key), value in model.items()
                    if place == table and start <= key and (end is None or key < end)
                )
                assert list(view.scan(table, start, end)) == expected
                assert list(view.scan(table, start, end, reverse=True)) == expected[::-1]
                assert view.count(table, start, end) == len(expected)
                if start:
                    assert view.get(table, start) == model.get((table, start))
        view.close()
        backend.close()
        # the sums written beside the changes are those of the content, however it came about
        disk.open_backend(f"{root}/b", map_size=MAP_SIZE).close()


def test_many_records_in_random_order(backend: Backend) -> None:
    choices = random.Random(5)
    model: dict[bytes, bytes] = {}
    for _ in range(15):
        batch: list[Write] = []
        for _ in range(600):
            key = b"key %06d" % choices.randrange(5000)
            value = None if choices.random() < 0.3 else choices.randbytes(choices.randrange(300))
            batch.append((HEAD, key, value))
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
        backend.commit(batch)
    assert everything(backend) == sorted(model.items())
    view = backend.view()
    assert view.count(HEAD, b"key 001000", b"key 003000") == sum(b"key 001000" <= key < b"key 003000" for key in model)
    view.close()


def test_a_retired_backend_answers_its_views_until_the_last_is_closed(disk: Disk, root: str) -> None:
    backend = disk.open_backend(f"{root}/retiring", map_size=MAP_SIZE)
    backend.commit([(HEAD, b"a", b"1")])
    first, second = backend.view(), backend.view()
    backend.retire()
    first.close()
    first.close()
    assert second.get(HEAD, b"a") == b"1"
    assert list(second.scan(HEAD, b"", None)) == [(b"a", b"1")]
    second.close()
    again = disk.open_backend(f"{root}/retiring", map_size=MAP_SIZE)
    assert everything(again) == [(b"a", b"1")]
    again.retire()
    disk.open_backend(f"{root}/retiring", map_size=MAP_SIZE).close()
