# SPDX-License-Identifier: Apache-2.0
"""Ranges: bounds, count, limit, order, filters."""

from __future__ import annotations

import pytest

from tests.mvcc.space import Space
from tricord.base.errors import InvalidSortOption, KeyNotProvided
from tricord.base.operations import DeleteRange, KeyValue, Put, Range, SortOrder, SortTarget
from tricord.mvcc.ranges import BYTES_AT_MOST, TooWide

FROM_KEY = b"\x00"


@pytest.fixture
def space() -> Space:
    """a=4 (v1, rev 2), b=2 (v2, revs 3, 6), c=3 (v1, rev 4), d=1 (v3, revs 5, 7, 8)."""
    space = Space()
    for key, value in (
        (b"a", b"4"),
        (b"b", b"9"),
        (b"c", b"3"),
        (b"d", b"9"),
        (b"b", b"2"),
        (b"d", b"9"),
        (b"d", b"1"),
    ):
        space.put(key, value)
    return space


def keys(space: Space, request: Range) -> bytes:
    return b"".join(kv.key for kv in space.range(request).kvs)


@pytest.mark.parametrize(
    ("key", "range_end", "found"),
    [
        (b"b", b"", b"b"),
        (b"x", b"", b""),
        (b"a", b"c", b"ab"),
        (b"b", b"z", b"bcd"),
        (b"a", b"b\x00", b"ab"),
        (b"b", FROM_KEY, b"bcd"),
        (b"\x00", FROM_KEY, b"abcd"),
        (b"e", FROM_KEY, b""),
        (b"c", b"a", b""),
        (b"c", b"c", b""),
    ],
)
def test_the_bounds_of_a_range(space: Space, key: bytes, range_end: bytes, found: bytes) -> None:
    assert keys(space, Range(key, range_end)) == found
    assert keys(space, Range(key, range_end, revision=5)) == found
    assert space.range(Range(key, range_end, count_only=True)).count == len(found)


def test_a_key_must_be_given(space: Space) -> None:
    with pytest.raises(KeyNotProvided):
        space.range(Range(b"", FROM_KEY))


def test_more_says_that_the_limit_cut_and_count_ignores_it(space: Space) -> None:
    cut = space.range(Range(b"a", FROM_KEY, limit=2))
    assert ([kv.key for kv in cut.kvs], cut.more, cut.count) == ([b"a", b"b"], True, 4)
    exact = space.range(Range(b"a", FROM_KEY, limit=4))
    assert (len(exact.kvs), exact.more, exact.count) == (4, False, 4)
    past = space.range(Range(b"a", FROM_KEY, limit=1, revision=3))
    assert ([kv.key for kv in past.kvs], past.more, past.count) == ([b"a"], True, 2)


def test_a_limit_below_1_is_none(space: Space) -> None:
    assert keys(space, Range(b"a", FROM_KEY, limit=-3)) == b"abcd"


def test_the_greatest_limit_there_is_cuts_nothing(space: Space) -> None:
    result = space.range(Range(b"a", FROM_KEY, limit=(1 << 63) - 1))
    assert (len(result.kvs), result.more, result.count) == (4, False, 4)


def test_count_only_gives_no_keys_and_no_more(space: Space) -> None:
    for request in (
        Range(b"a", FROM_KEY, count_only=True),
        Range(b"a", FROM_KEY, count_only=True, limit=1),
        Range(b"a", FROM_KEY, count_only=True, min_mod_revision=6),
        Range(b"a", FROM_KEY, count_only=True, revision=5),
    ):
        result = space.range(request)
        assert (result.kvs, result.more, result.count) == ([], False, 4)


def test_count_only_of_one_key(space: Space) -> None:
    assert space.range(Range(b"a", count_only=True)).count == 1
    assert space.range(Range(b"x", count_only=True)).count == 0


def test_keys_only_keeps_all_but_the_value(space: Space) -> None:
    assert space.range(Range(b"b", keys_only=True)).kvs == [KeyValue(b"b", b"", 3, 6, 2)]


@pytest.mark.parametrize(
    ("target", "ascending"),
    [
        (SortTarget.KEY, b"abcd"),
        (SortTarget.VERSION, b"acbd"),
        (SortTarget.CREATE, b"abcd"),
        (SortTarget.MOD, b"acbd"),
        (SortTarget.VALUE, b"dbca"),
    ],
)
def test_each_target_sorts_both_ways(space: Space, target: SortTarget, ascending: bytes) -> None:
    assert keys(space, Range(b"a", FROM_KEY, sort_target=target, sort_order=SortOrder.ASCEND)) == ascending
    assert keys(space, Range(b"a", FROM_KEY, sort_target=target)) == ascending
    descending = keys(space, Range(b"a", FROM_KEY, sort_target=target, sort_order=SortOrder.DESCEND))
    if target is SortTarget.VERSION:  # a and c are equals: they keep the keys' order
        assert descending == b"dbac"
    else:
        assert descending == ascending[::-1]


def test_an_order_comes_before_the_limit(space: Space) -> None:
    result = space.range(Range(b"a", FROM_KEY, limit=2, sort_order=SortOrder.DESCEND))
    assert ([kv.key for kv in result.kvs], result.more, result.count) == ([b"d", b"c"], True, 4)


def test_a_target_without_an_order_sorts_what_the_limit_let_through_and_one_more(space: Space) -> None:
    # Of a, b and c the two with the smallest values; d, which has a smaller one, is never looked at.
    result = space.range(Range(b"a", FROM_KEY, limit=2, sort_target=SortTarget.VALUE))
    assert ([kv.key for kv in result.kvs], result.more) == ([b"b", b"c"], True)


def test_keys_only_still_sorts_by_value(space: Space) -> None:
    request = Range(b"a", FROM_KEY, keys_only=True, sort_target=SortTarget.VALUE, sort_order=SortOrder.DESCEND)
    assert keys(space, request) == b"acbd"


@pytest.mark.parametrize(("order", "target"), [(3, 0), (-1, 0), (0, 5), (1, -1)])
def test_an_unknown_sort_option_is_refused(space: Space, order: int, target: int) -> None:
    with pytest.raises(InvalidSortOption):
        space.range(Range(b"a", FROM_KEY, sort_order=order, sort_target=target))


def test_filters_come_before_the_limit_and_leave_the_count(space: Space) -> None:
    assert keys(space, Range(b"a", FROM_KEY, min_mod_revision=6)) == b"bd"
    assert keys(space, Range(b"a", FROM_KEY, max_mod_revision=6)) == b"abc"
    assert keys(space, Range(b"a", FROM_KEY, min_create_revision=3)) == b"bcd"
    assert keys(space, Range(b"a", FROM_KEY, max_create_revision=3)) == b"ab"
    assert keys(space, Range(b"a", FROM_KEY, min_create_revision=3, max_mod_revision=6)) == b"bc"
    cut = space.range(Range(b"a", FROM_KEY, min_mod_revision=4, limit=2))
    assert ([kv.key for kv in cut.kvs], cut.more, cut.count) == ([b"b", b"c"], True, 4)
    none = space.range(Range(b"a", min_mod_revision=3))
    assert (none.kvs, none.more, none.count) == ([], False, 1)


def test_keys_with_zero_bytes_and_shared_prefixes_keep_their_order_now_and_in_the_past() -> None:
    space = Space()
    ordered = [
        b"\x00",
        b"\x00\x00",
        b"\x00\x01",
        b"\x00\xff",
        b"a",
        b"a\x00",
        b"a\x00b",
        b"a\x01",
        b"aa",
        b"b",
        b"\xff",
    ]
    for key in reversed(ordered):
        space.put(key, b"old")
    then = space.revision
    for key in ordered:
        space.put(key, b"new")
    assert list(space.all()) == ordered
    assert list(space.all(then)) == ordered
    assert set(space.all(then).values()) == {b"old"}
    for start in ordered:
        for end in ordered[1:]:
            expected = b"|".join(key for key in ordered if start <= key < end)
            for revision in (0, then):
                kvs = space.range(Range(start, end, revision=revision)).kvs
                assert b"|".join(kv.key for kv in kvs) == expected


def test_the_number_of_all_keys_is_counted_once_and_kept_in_step(space: Space) -> None:
    everything = Range(FROM_KEY, FROM_KEY, count_only=True)
    assert space.range(everything).count == 4

    def uncounted(*_: object) -> int:
        raise AssertionError("counted again")

    space.store.count = uncounted  # type: ignore[method-assign, assignment]
    space.put(b"e")
    space.put(b"a")
    assert space.range(everything).count == 5
    space.delete(b"b", b"d")
    space.delete(b"nothing")
    assert space.range(everything).count == 3
    # Deleted and put again in one transaction; put and deleted in one.
    space.do(DeleteRange(b"e"), Put(b"f", b""))
    assert space.range(everything).count == 3
    space.do(Put(b"e", b""), DeleteRange(b"e", FROM_KEY))
    assert space.range(everything).count == 2
    assert keys(space, Range(FROM_KEY, FROM_KEY)) == b"ad"
    page = space.range(Range(FROM_KEY, FROM_KEY, limit=1))
    assert (page.count, page.more) == (2, True)


def test_a_short_page_of_many_keys_is_not_wide() -> None:
    space = Space()
    for number in range(50):
        space.put(b"%02d" % number)
    page = space.keyspace.range(Range(FROM_KEY, FROM_KEY, limit=5), at_most=10)
    assert (len(page.kvs), page.count, page.more) == (5, 50, True)
    assert space.keyspace.range(Range(FROM_KEY, FROM_KEY, count_only=True), at_most=10).count == 50
    for wide in (Range(FROM_KEY, FROM_KEY), Range(b"0", b"4", limit=5), Range(FROM_KEY, FROM_KEY, limit=20)):
        with pytest.raises(TooWide):
            space.keyspace.range(wide, at_most=10)


def test_few_keys_with_large_values_are_wide_as_well() -> None:
    space = Space()
    for number in range(8):
        space.put(b"%02d" % number, bytes(BYTES_AT_MOST // 6))
    for narrow in (
        Range(FROM_KEY, FROM_KEY, limit=4),
        Range(b"00", b"05"),
        Range(FROM_KEY, FROM_KEY, count_only=True),
        Range(b"00"),
    ):
        assert space.keyspace.range(narrow, at_most=10) == space.keyspace.range(narrow)
    for wide in (Range(FROM_KEY, FROM_KEY), Range(b"00", b"07"), Range(FROM_KEY, FROM_KEY, limit=7)):
        with pytest.raises(TooWide):
            space.keyspace.range(wide, at_most=10)
