# SPDX-License-Identifier: Apache-2.0
"""Stories of the plain value: what was read is replaced, what was not stays beside it."""

from __future__ import annotations

import pytest

from tests.crdt.sites import NOON, Site, meet, put, remove
from tricord.base.errors import SiblingLimit, TypeMismatch
from tricord.crdt import counter
from tricord.crdt.cell import SIBLINGS_MAX
from tricord.crdt.shown import show


def test_a_later_write_replaces_what_stands_there_whatever_its_stamp() -> None:
    site, other = Site(1), Site(2)
    site.write(put(b"cat"), at=NOON)
    meet(site, other)
    other.write(put(b"dog"), at=NOON - 600_000)  # its clock is ten minutes behind
    meet(site, other)
    assert site.siblings() == other.siblings() == [b"dog"]


def test_writes_that_did_not_know_of_each_other_are_siblings_until_one_writes_who_read_both() -> None:
    site, other = Site(1), Site(2)
    site.write(put(b"cat"), at=NOON)
    other.write(put(b"dog"), at=NOON + 1)
    meet(site, other)
    assert site.siblings() == [b"dog", b"cat"], "the winner is first"
    assert site.value() == b"dog"
    assert site.shown().conflict
    site.write(put(b"cat and dog"), seen=site.reads())
    meet(site, other)
    assert other.siblings() == [b"cat and dog"]
    assert not other.shown().conflict


def test_equal_stamps_have_the_same_winner_everywhere() -> None:
    site, other = Site(1), Site(2)
    one, two = site.write(put(b"cat")), other.write(put(b"dog"))
    site.hears(two)
    other.hears(one)
    assert site.value() == other.value() == b"dog", "the higher replica"


def test_a_write_replaces_what_its_writer_read_and_no_more() -> None:
    """A form was opened, another saved, the first saves: both texts are kept."""
    site = Site(1)
    site.write(put(b"draft"))
    opened = site.reads()
    site.write(put(b"by another"), seen=opened)
    site.write(put(b"by the first"), seen=opened, at=NOON + 1)
    assert site.siblings() == [b"by the first", b"by another"]


def test_what_a_client_claims_to_have_read_removes_nothing_that_is_not_here() -> None:
    site, other = Site(1), Site(2)
    later = other.write(put(b"not yet here"))
    site.write(put(b"here"), seen=other.reads())
    site.hears(later)
    assert set(site.siblings()) == {b"here", b"not yet here"}


def test_a_delta_that_comes_late_or_again_brings_nothing_back() -> None:
    site, other = Site(1), Site(2)
    first = site.write(put(b"cat"))
    second = site.write(put(b"dog"))
    other.hears(second, first, second, first)
    assert other.siblings() == [b"dog"]
    before = other.cell()
    assert other.state.apply([first, second]) == []
    assert other.cell() is before, "nothing changed, and it says so"


def test_the_65th_sibling_is_refused_where_it_is_written_and_taken_in_where_it_arrives() -> None:
    site, other = Site(1), Site(2)
    for number in range(SIBLINGS_MAX):
        site.write(put(b"%d" % number), seen=frozenset())
    with pytest.raises(SiblingLimit, match="64 concurrent"):
        site.write(put(b"one too many"), seen=frozenset())
    other.write(put(b"elsewhere"))
    meet(site, other)
    assert len(site.siblings()) == SIBLINGS_MAX + 1
    with pytest.raises(SiblingLimit):
        site.write(put(b"again"), seen=frozenset())
    site.write(put(b"settled"), seen=site.reads())
    assert site.siblings() == [b"settled"]


def test_a_value_ends_when_its_time_is_up_and_is_still_hashed() -> None:
    site = Site(1)
    site.write(put(b"brief"), expires=NOON + 1_000)
    digest = site.state.digest()
    assert site.value(now=NOON + 999) == b"brief"
    assert show(site.cell(), NOON + 1_000) is None
    assert site.state.digest() == digest != 0


def test_the_end_of_one_sibling_is_not_the_end_of_another() -> None:
    site, other = Site(1), Site(2)
    site.write(put(b"brief"), expires=NOON + 1_000, at=NOON + 1)
    other.write(put(b"lasting"))
    meet(site, other)
    assert site.siblings() == [b"brief", b"lasting"]
    assert site.siblings(now=NOON + 5_000) == [b"lasting"]


def test_a_write_of_another_type_is_refused_until_the_value_is_gone_or_has_ended() -> None:
    site = Site(1)
    site.write(put(b"cat"), expires=NOON + 1_000)
    with pytest.raises(TypeMismatch, match="holds a register, not a counter"):
        site.write(lambda cell, write: counter.add(cell, write, 1))
    assert site.count == 1
    site.write(lambda cell, write: counter.add(cell, write, 1), at=NOON + 1_000)
    assert site.value(now=NOON + 1_000) == 1
    site.write(remove)
    site.write(put(b"cat"))
    assert site.value() == b"cat"
