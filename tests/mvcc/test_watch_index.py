# SPDX-License-Identifier: Apache-2.0
"""The index of watchers and its interval tree against a plain list: any ranges, coming and going."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.base.operations import Event, EventKind, KeyValue
from tricord.base.watching import WatchSpec
from tricord.mvcc.interval_tree import IntervalTree
from tricord.mvcc.watch_index import WatchIndex, prefix_of
from tricord.mvcc.watch_queue import WatchQueue
from tricord.mvcc.watchers import Watcher
from tricord.sim.watch_account import wants

KEYS = st.binary(min_size=1, max_size=3) | st.text("ab\xff", min_size=1, max_size=3).map(
    lambda text: text.encode("latin-1")
)


def successor(prefix: bytes) -> bytes:
    """The end of the range of all keys with this prefix."""
    short = prefix.rstrip(b"\xff")
    return short[:-1] + bytes((short[-1] + 1,)) if short else b"\0"


@st.composite
def specs(draw: st.DrawFn) -> WatchSpec:
    """One key, a prefix, or any range."""
    key = draw(KEYS)
    end = draw(st.just(b"") | st.just(successor(key)) | st.just(b"\0") | KEYS)
    return WatchSpec(key, end if end > key or end in (b"", b"\0") else b"")


def watcher_of(number: int, spec: WatchSpec) -> Watcher:
    return Watcher(WatchQueue(lambda: None), number, spec, 1)


def found_in(index: WatchIndex, key: bytes) -> list[int]:
    numbers = []
    for place in index.find(key):
        numbers += [place.number] if isinstance(place, Watcher) else [watcher.number for watcher in place]
    return sorted(numbers)


@settings(deadline=None, max_examples=200)
@given(st.lists(specs(), max_size=20), st.data())
def test_each_key_finds_who_wants_it_once(wanted: list[WatchSpec], data: st.DataObject) -> None:
    index = WatchIndex()
    watchers = [watcher_of(number, spec) for number, spec in enumerate(wanted)]
    for watcher in watchers:
        index.add(watcher)
    there = list(watchers)
    while True:
        assert index.count == len(there)
        for key in data.draw(st.lists(KEYS, max_size=5)):
            event = Event(EventKind.PUT, KeyValue(key, b"", 1, 1, 1))
            assert found_in(index, key) == [one.number for one in there if wants(wanted[one.number], event)]
        some = index.some(3)
        assert len(set(some)) == len(some) == min(len(some), 3)
        assert bool(some) == bool(there)
        if not there:
            break
        for gone in data.draw(st.lists(st.sampled_from(there), min_size=1, unique=True)):
            index.remove(gone)
            there.remove(gone)
    assert index.previous == 0
    assert not index._keys
    assert not index._prefixes
    assert not index._ranges


@given(KEYS)
def test_a_prefix_is_known_by_its_end(prefix: bytes) -> None:
    end = successor(prefix)
    if end != b"\0":
        assert prefix_of(prefix, end) == prefix
    assert prefix_of(prefix, b"\0") == (b"" if prefix == b"\0" else None)
    assert prefix_of(prefix, prefix + b"\0\0") is None


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(KEYS, KEYS | st.none()), max_size=40), st.lists(KEYS, min_size=1, max_size=10))
def test_the_tree_knows_the_ranges_that_hold_a_key(ranges: list[tuple[bytes, bytes | None]], keys: list[bytes]) -> None:
    tree: IntervalTree[int] = IntervalTree()
    plain: dict[tuple[bytes, bytes | None], int] = {}
    for number, (start, end) in enumerate(ranges):
        if end is None or end > start:
            tree.set(start, end, number)
            plain[start, end] = number
    for _ in range(2):
        assert len(tree) == len(plain)
        for key in keys:
            right = sorted(
                value for (start, end), value in plain.items() if start <= key and (end is None or key < end)
            )
            assert sorted(tree.holding(key)) == right
        assert (tree.first() is None) == (not plain)
        for start, end in ranges[::2]:
            tree.remove(start, end)
            plain.pop((start, end), None)


def test_ranges_in_order_make_no_deep_tree() -> None:
    tree: IntervalTree[int] = IntervalTree()
    for number in range(20_000):
        tree.set(b"%06d" % number, b"%06d" % (number + 2), number)
    assert sorted(tree.holding(b"010000")) == [9_999, 10_000]
    for number in range(0, 20_000, 2):
        tree.remove(b"%06d" % number, b"%06d" % (number + 2))
    assert tree.holding(b"010000") == [9_999]
