# SPDX-License-Identifier: Apache-2.0
"""Stories of keys that got two types at the same time, and of types that this version does not know."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.crdt.sites import NOON, Site, add, include, last, meet, put, remove
from tricord.base.dots import Dot
from tricord.base.errors import TypeMismatch, UnknownType
from tricord.base.hybrid_clock import hybrid_time
from tricord.base.values import DataType, Shape, plain
from tricord.crdt import counter, register, removal
from tricord.crdt.cell import Cell, Delta, Entry
from tricord.crdt.encoding import decode_delta, encode_delta

LATER = 9 << 2 | Shape.FIELDS
"""A type of a later version, in a shape of today."""


def from_later(site: Site, name: bytes = b"x") -> tuple[bytes, Delta]:
    """A write of such a type, as its bytes arrive."""
    dot = Dot(site.number, site.incarnation, site.count + 1)
    site.count += 1
    cell: Cell = {LATER: {name: {dot: Entry(hybrid_time(NOON), 0, b"?")}}}
    return b"k", decode_delta(encode_delta(Delta(cell, frozenset({dot}))))


def test_two_types_at_once_are_kept_and_the_same_one_is_shown_everywhere() -> None:
    site, other = Site(1), Site(2)
    made = [site.write(add(5)), other.write(put(b"five"))]
    for order in permutations(made):
        reader = Site(9)
        reader.hears(*order)
        shown = reader.shown()
        assert shown.type is DataType.REGISTER
        assert shown.value == b"five"
        assert shown.conflict
        assert [(each.type, each.value) for each in shown.others] == [(DataType.COUNTER, 5)]


def test_what_is_shown_does_not_change_with_further_writes_of_the_other_type() -> None:
    site, other = Site(1), Site(2)
    site.write(add(5))
    other.write(put(b"five"))
    meet(site, other)
    site.write(add(1), at=NOON + 60_000)
    assert site.value() == b"five"
    assert site.shown().others[0].value == 6, "writes of each type that stands there go on"


def test_a_put_settles_it_for_the_register() -> None:
    site, other = Site(1), Site(2)
    site.write(add(5))
    other.write(put(b"five"))
    meet(site, other)
    site.write(put(b"V"))
    assert site.value() == b"V"
    assert not site.shown().conflict


def test_keeping_one_type_settles_it_for_that() -> None:
    site, other = Site(1), Site(2)
    site.write(add(5))
    other.write(put(b"five"))
    third = Site(3)
    third.write(include(b"5"))
    meet(site, other, third)
    site.write(lambda cell, write: removal.keep_only(cell, write, counter.TAG))
    meet(site, other, third)
    assert third.value() == 5
    assert not third.shown().conflict


def test_keeping_a_type_that_is_not_there_would_keep_nothing_and_is_refused() -> None:
    site = Site(1)
    site.write(include(b"5"))
    with pytest.raises(TypeMismatch, match="the key holds a set, not a counter"):
        site.write(lambda cell, write: removal.keep_only(cell, write, counter.TAG))
    assert site.value() == [b"5"]


def test_two_kinds_of_register_are_two_types() -> None:
    site, other = Site(1), Site(2)
    site.write(last(b"by name"))
    other.write(put(b"plain"))
    meet(site, other)
    assert (site.value(), site.shown().others[0].value) == (b"plain", b"by name")


def test_a_removal_takes_all_types() -> None:
    site, other = Site(1), Site(2)
    site.write(add(5))
    other.write(put(b"five"))
    meet(site, other)
    site.write(remove)
    meet(site, other)
    assert other.cell() == {}


def test_a_type_of_later_is_merged_kept_and_passed_on() -> None:
    later, site, other = Site(7), Site(1), Site(2)
    one, two = from_later(later, b"x"), from_later(later, b"y")
    site.hears(one)
    other.hears(two)
    meet(site, other)
    assert sorted(site.cell()[LATER]) == [b"x", b"y"]
    with pytest.raises(UnknownType, match="type 9"):
        site.shown()
    site.write(remove)
    meet(site, other)
    assert other.cell() == {}, "a removal needs no knowledge either"


def test_a_type_of_later_beside_a_known_one_is_flagged() -> None:
    site = Site(1)
    site.write(put(b"known"))
    site.hears(from_later(Site(7)))
    assert site.value() == b"known"
    assert site.shown().conflict
    assert site.shown().unknown == (LATER,)
    assert plain(site.shown()) == b"known"


def test_a_shape_of_later_is_refused_before_any_of_it_is_taken_in() -> None:
    dot = Dot(7, 1, 1)
    good = encode_delta(Delta({register.TAG: {dot: Entry(hybrid_time(1), 0, b"")}}, frozenset({dot})))
    bad = good[:22] + bytes([1, 9 << 2 | 3]) + good[24:]
    assert good[22:24] == bytes([1, register.TAG])
    with pytest.raises(UnknownType, match="shape"):
        decode_delta(bad)
