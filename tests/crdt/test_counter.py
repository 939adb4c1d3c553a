# SPDX-License-Identifier: Apache-2.0
"""Stories of the counter: each addition counts once, whatever way it takes and however often it comes."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.crdt.sites import NOON, Site, add, meet, remove
from tricord.base.dots import Dot
from tricord.base.errors import CounterOverflow, InvalidRequest, MalformedEncoding
from tricord.base.hybrid_clock import HybridTime
from tricord.crdt import counter
from tricord.crdt.cell import Write
from tricord.crdt.join import join_cells


def test_additions_of_all_replicas_come_together() -> None:
    sites = [Site(1), Site(2), Site(3)]
    for site in sites:
        site.write(add(10))
        site.write(add(-site.number))
    meet(*sites)
    assert sites[0].value() == 30 - 1 - 2 - 3


def test_an_addition_counts_once_however_often_and_late_its_delta_comes() -> None:
    site = Site(1)
    made = [site.write(add(amount)) for amount in (1, 20, 300)]
    for order in permutations(made):
        reader = Site(9)
        reader.hears(*order, *order)
        assert reader.value() == 321
        assert len(reader.reads()) == 1, "one origin has one total"


def test_a_lost_delta_is_made_good_by_the_next_one_of_its_origin() -> None:
    site, reader = Site(1), Site(9)
    site.write(add(1))
    reader.hears(site.write(add(1)))
    assert reader.value() == 2


def test_whole_states_and_deltas_may_overlap() -> None:
    site, other, reader = Site(1), Site(2), Site(9)
    made = [site.write(add(5)), other.write(add(7))]
    reader.state.merge(site.state)
    reader.hears(*made)
    reader.state.merge(other.state)
    reader.state.merge(site.state)
    assert reader.value() == 12


def test_a_replica_that_comes_back_without_its_newest_data_starts_a_total_of_its_own() -> None:
    """Its disk was restored: it believes to have added 5. The others know of 8, and of all that it adds from now on."""
    before, others = Site(1, incarnation=100), Site(2)
    early = before.write(add(5))
    others.hears(early, before.write(add(3)))
    after = Site(1, incarnation=200)
    after.hears(early)
    after.write(add(10))
    assert after.value() == 15
    meet(after, others)
    assert after.value() == others.value() == 18


def test_a_removal_takes_what_it_saw_and_an_addition_of_elsewhere_stays() -> None:
    site, other = Site(1), Site(2)
    site.write(add(100))
    meet(site, other)
    removed = site.write(remove)
    assert site.value() is None
    added = other.write(add(1))
    site.hears(added)
    other.hears(removed)
    assert site.value() == other.value() == 1
    site.write(add(4))
    assert site.value() == 5, "what was removed before does not count again"


def test_an_origin_that_adds_while_it_is_removed_keeps_its_running_total() -> None:
    site, other = Site(1), Site(2)
    site.write(add(100))
    meet(site, other)
    other.write(remove)
    site.write(add(1))
    meet(site, other)
    assert other.value() == 101


def test_zero_is_a_value() -> None:
    site = Site(1)
    site.write(add(0))
    assert site.value() == 0


def test_one_origins_total_fits_64_bits_the_sum_is_any_number() -> None:
    site, other = Site(1), Site(2)
    for each in (site, other):
        each.write(add(2**63 - 1))
    with pytest.raises(CounterOverflow):
        site.write(add(1))
    meet(site, other)
    assert site.value() == 2**64 - 2
    with pytest.raises(CounterOverflow):
        Site(3).write(add(-(2**63)))


def test_additions_do_not_end() -> None:
    with pytest.raises(InvalidRequest, match="time to live"):
        Site(1).write(add(1), expires=NOON + 1_000)


@pytest.mark.parametrize("payload", [b"", b"\x02\x00", b"\x80\x00"])
def test_bytes_that_are_no_total_are_refused(payload: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        counter.total_of(payload)


def test_one_total_goes_on_over_starts_that_are_over_and_only_those() -> None:
    before = Write(Dot(1, 5, 1), HybridTime(1))
    delta = counter.add({}, before, 7)
    other = counter.add({}, Write(Dot(2, 5, 1), HybridTime(1)), 100)
    cell = join_cells(delta.cell, (), other.cell, ())
    running = counter.add(cell, Write(Dot(1, 6, 1), HybridTime(2)), 1)
    assert running.dots == {Dot(1, 6, 1)}
    over = counter.add(cell, Write(Dot(1, 6, 1), HybridTime(2), over=5), 1)
    assert over.dots == {Dot(1, 6, 1), Dot(1, 5, 1)}
    assert counter.value(over.cell[counter.TAG]) == 8
