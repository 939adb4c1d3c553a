# SPDX-License-Identifier: Apache-2.0
"""The overlay answers as one plain store would, whatever has been drained and whatever has not."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.storage.conftest import MAP_SIZE
from tricord.base.environment import Disk
from tricord.base.ordered import Table, Write
from tricord.storage.memory_disk import MemoryDisk
from tricord.storage.overlay import Overlay

HEAD = Table.HEAD


def opened() -> tuple[Overlay, MemoryDisk]:
    disk = MemoryDisk()
    return Overlay(disk.open_backend("/b", map_size=1 << 30)), disk


def test_effects_are_seen_at_once_and_stay_seen_while_they_sink() -> None:
    disk = MemoryDisk()
    backend = disk.open_backend("/b", map_size=1 << 30)
    backend.commit([(HEAD, b"a", b"0"), (HEAD, b"b", b"0"), (HEAD, b"c", b"0")])
    overlay = Overlay(backend)
    overlay.write([(HEAD, b"b", b"1"), (HEAD, b"d", b"1"), (HEAD, b"c", None)])
    expected = [(b"a", b"0"), (b"b", b"1"), (b"d", b"1")]
    for step in ("active", "draining", "committed", "drained"):
        assert list(overlay.scan(HEAD, b"", None)) == expected, step
        assert list(overlay.scan(HEAD, b"", None, reverse=True)) == expected[::-1], step
        assert overlay.count(HEAD, b"", None) == 3, step
        assert overlay.get(HEAD, b"c") is None, step
        if step == "active":
            writes = overlay.take()
            assert set(writes) == {(HEAD, b"b", b"1"), (HEAD, b"c", None), (HEAD, b"d", b"1")}
        elif step == "draining":
            backend.commit(writes)
        elif step == "committed":
            overlay.drained()
    assert overlay.size_bytes == 0
    assert not overlay.take()


def test_another_backend_takes_the_place_of_backend_and_effects(disk: Disk, root: str) -> None:
    old = disk.open_backend(f"{root}/old", map_size=MAP_SIZE)
    old.commit([(HEAD, b"a", b"old")])
    new = disk.open_backend(f"{root}/new", map_size=MAP_SIZE)
    new.commit([(HEAD, b"b", b"new")])
    overlay = Overlay(old)
    overlay.write([(HEAD, b"c", b"drained")])
    old.commit(overlay.take())
    overlay.write([(HEAD, b"d", b"written")])
    picture = overlay.picture((HEAD,))
    overlay.replace_backend(new)
    old.retire()
    assert list(overlay.scan(HEAD, b"", None)) == [(b"b", b"new")]
    assert (overlay.active_bytes, overlay.size_bytes) == (0, 0)
    assert not overlay.take()
    # whoever reads the old state goes on reading it
    assert list(picture.scan(HEAD, b"", None)) == [(b"a", b"old"), (b"c", b"drained"), (b"d", b"written")]
    picture.close()
    overlay.write([(HEAD, b"e", b"later")])
    new.commit(overlay.take())
    overlay.drained()
    assert list(overlay.scan(HEAD, b"", None)) == [(b"b", b"new"), (b"e", b"later")]
    overlay.close()
    new.close()


def test_taken_again_after_a_failure_the_batch_holds_both() -> None:
    overlay, _ = opened()
    overlay.write([(HEAD, b"a", b"1"), (HEAD, b"b", b"1")])
    assert len(overlay.take()) == 2
    overlay.write([(HEAD, b"b", b"2"), (HEAD, b"c", b"2")])
    assert list(overlay.take()) == [(HEAD, b"a", b"1"), (HEAD, b"b", b"2"), (HEAD, b"c", b"2")]
    assert overlay.active_bytes == 0
    assert list(overlay.scan(HEAD, b"", None)) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"2")]


def test_size_follows_what_is_held() -> None:
    overlay, _ = opened()
    overlay.write([(HEAD, b"a", bytes(1000))])
    first = overlay.active_bytes
    assert first > 1000
    overlay.write([(HEAD, b"a", bytes(1000))] * 50)
    assert overlay.active_bytes == first
    overlay.write([(HEAD, b"a", None)])
    assert 0 < overlay.active_bytes < first - 900
    overlay.take()
    overlay.write([(HEAD, b"b", bytes(10))])
    assert overlay.size_bytes > overlay.active_bytes > 0


def test_a_scan_with_few_of_many_keys_stops_early() -> None:
    overlay, _ = opened()
    overlay.write([(HEAD, b"%06d" % i, b"v") for i in range(20_000)])
    found = overlay.scan(HEAD, b"010000", None)
    assert [next(found)[0] for _ in range(3)] == [b"010000", b"010001", b"010002"]
    down = overlay.scan(HEAD, b"", b"010000", reverse=True)
    assert next(down)[0] == b"009999"


_keys = st.binary(min_size=1, max_size=2)
_writes = st.lists(
    st.tuples(st.sampled_from([HEAD, Table.META]), _keys, st.none() | st.binary(max_size=3)), max_size=25
)


class OverlayMachine(RuleBasedStateMachine):
    """Random writes, drains that fail or succeed, and reads, against one dict."""

    def __init__(self) -> None:
        super().__init__()
        self.backend = MemoryDisk().open_backend("/b", map_size=1 << 30)
        self.overlay = Overlay(self.backend)
        self.model: dict[tuple[Table, bytes], bytes] = {}
        self.draining: Collection[Write] | None = None

    @rule(writes=_writes)
    def write(self, writes: list[Write]) -> None:
        self.overlay.write(writes)
        for table, key, value in writes:
            if value is None:
                self.model.pop((table, key), None)
            else:
                self.model[table, key] = value

    @rule()
    def take(self) -> None:
        self.draining = self.overlay.take() or self.draining

    @precondition(lambda self: self.draining is not None)
    @rule()
    def commit(self) -> None:
        assert self.draining is not None
        self.backend.commit(self.draining)

    @precondition(lambda self: self.draining is not None)
    @rule()
    def drained(self) -> None:
        assert self.draining is not None
        self.backend.commit(self.draining)
        self.overlay.drained()
        self.draining = None

    @rule(start=_keys | st.just(b""), end=_keys | st.none())
    def read(self, start: bytes, end: bytes | None) -> None:
        for table in (HEAD, Table.META):
            expected = sorted(
                (key, value)
                for (place, key), value in self.model.items()
                if place == table and start <= key and (end is None or key < end)
            )
            assert list(self.overlay.scan(table, start, end)) == expected
            assert list(self.overlay.scan(table, start, end, reverse=True)) == expected[::-1]
            assert self.overlay.count(table, start, end) == len(expected)
            assert self.overlay.get(table, start or b"x") == self.model.get((table, start or b"x"))

    @invariant()
    def size_is_none_only_when_nothing_is_held(self) -> None:
        assert self.overlay.size_bytes >= 0


OverlayMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOverlayMachine = OverlayMachine.TestCase
