# SPDX-License-Identifier: Apache-2.0
"""Stories of the set: a removal takes away what it saw, and an addition that it did not see stays."""

from __future__ import annotations

from itertools import permutations

from tests.crdt.sites import NOON, Site, exclude, include, meet, remove


def test_elements_of_all_replicas_come_together() -> None:
    site, other = Site(1), Site(2)
    site.write(include(b"milk"))
    other.write(include(b"eggs"))
    other.write(include(b"milk"))
    meet(site, other)
    assert site.value() == [b"eggs", b"milk"]


def test_an_element_that_one_removes_while_another_adds_it_stays_in_each_order_of_arrival() -> None:
    site, other = Site(1), Site(2)
    first = site.write(include(b"milk"))
    other.hears(first)
    removed = site.write(exclude(b"milk"))
    again = other.write(include(b"milk"))
    for order in permutations([first, removed, again]):
        reader = Site(9)
        reader.hears(*order)
        assert reader.value() == [b"milk"]


def test_a_removal_that_saw_the_addition_takes_it_in_each_order_of_arrival() -> None:
    site = Site(1)
    made = [site.write(include(b"milk")), site.write(exclude(b"milk"))]
    for order in permutations([*made, *made]):
        reader = Site(9)
        reader.hears(*order)
        assert reader.value() is None, "a set without elements is no value"


def test_a_removal_touches_no_other_element() -> None:
    site = Site(1)
    site.write(include(b"milk"))
    site.write(include(b"eggs"))
    site.write(exclude(b"milk"))
    assert site.value() == [b"eggs"]
    site.write(exclude(b"never there"))
    assert site.value() == [b"eggs"]


def test_a_removal_with_a_read_context_takes_what_was_read() -> None:
    site, other = Site(1), Site(2)
    site.write(include(b"milk"))
    read = site.reads()
    other.write(include(b"milk"))
    meet(site, other)
    site.write(exclude(b"milk"), seen=read)
    assert site.value() == [b"milk"], "the other's addition was not read"
    site.write(exclude(b"milk"))
    assert site.value() is None


def test_removing_the_key_takes_the_elements_that_were_seen() -> None:
    site, other = Site(1), Site(2)
    site.write(include(b"milk"))
    meet(site, other)
    site.write(remove)
    other.write(include(b"eggs"))
    meet(site, other)
    assert site.value() == [b"eggs"]


def test_no_trace_is_kept_of_what_was_removed() -> None:
    site = Site(1)
    for round_ in range(50):
        site.write(include(b"%d" % round_))
        site.write(exclude(b"%d" % round_))
    assert site.cell() == {}
    assert len(site.state.encode()) < 30, "one entry of a vector"


def test_an_element_ends_unless_it_was_added_again() -> None:
    site = Site(1)
    site.write(include(b"alice"), expires=NOON + 1_000)
    site.write(include(b"bob"), expires=NOON + 1_000)
    site.write(include(b"bob"), expires=NOON + 5_000)
    assert site.value() == [b"alice", b"bob"]
    assert site.value(now=NOON + 1_000) == [b"bob"]
    assert site.value(now=NOON + 5_000) is None
