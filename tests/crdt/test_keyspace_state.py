# SPDX-License-Identifier: Apache-2.0
"""Stories of a keyspace's one context: removal without tombstones, repair of some keys, new names for unsent writes."""

from __future__ import annotations

from tests.crdt.sites import NOON, Site, add, include, last, meet, put, remove
from tests.crdt.test_map import within
from tricord.base.dots import Dot
from tricord.base.hybrid_clock import hybrid_time
from tricord.crdt import removal
from tricord.crdt.cell import Write
from tricord.crdt.renaming import renamed_delta


def test_a_removed_key_leaves_nothing_and_does_not_come_back() -> None:
    site, away = Site(1), Site(2)
    late = [site.write(put(b"%d" % number), key=b"%d" % number) for number in range(100)]
    away.hears(*late)
    for number in range(100):
        site.write(remove, key=b"%d" % number)
    assert site.state.cells == {}
    assert len(site.state.encode()) < 20
    site.hears(*late)
    site.state.merge(away.state)
    assert site.state.cells == {}, "what was removed is seen, not missing"
    away.state.merge(site.state)
    assert away.state.cells == {}


def test_writes_that_come_out_of_order_are_all_taken_in() -> None:
    site, other = Site(1), Site(2)
    made = [site.write(put(b"v"), key=b"%d" % number) for number in range(5)]
    for each in (made[4], made[2], made[0], made[3], made[1]):
        other.hears(each)
    assert sorted(other.state.cells) == [b"0", b"1", b"2", b"3", b"4"]
    assert not other.state.context.cloud


def test_merging_says_which_keys_changed() -> None:
    site, other = Site(1), Site(2)
    site.write(put(b"1"), key=b"a")
    site.write(put(b"1"), key=b"b")
    assert other.state.merge(site.state) == [b"a", b"b"]
    assert other.state.merge(site.state) == []
    site.write(remove, key=b"a")
    assert other.state.merge(site.state) == [b"a"]


def test_repairing_some_keys_takes_over_what_stands_there_and_nothing_about_other_keys() -> None:
    site, other = Site(1), Site(2)
    site.write(put(b"old"), key=b"a")
    other.state.merge(site.state)
    site.write(put(b"new"), key=b"a")
    site.write(put(b"1"), key=b"b")
    gone = site.write(put(b"1"), key=b"c")
    site.write(remove, key=b"c")
    changed = other.state.repair([b"a"], {b"a": site.cell(b"a")}, site.state.context)
    assert changed == [b"a"]
    assert other.value(b"a") == b"new"
    assert Dot(1, 1, 3) not in other.state.context, "key b did not come along"
    assert other.state.repair([b"b", b"c"], {b"b": site.cell(b"b")}, site.state.context) == [b"b"]
    assert other.state.digest() == site.state.digest()
    other.state.context.merge(site.state.context)  # allowed, since the digests over all keys are equal
    other.hears(gone)
    assert other.cell(b"c") == {}


def test_repair_removes_what_the_other_has_removed() -> None:
    site, other = Site(1), Site(2)
    site.write(put(b"1"), key=b"a")
    other.state.merge(site.state)
    site.write(remove, key=b"a")
    assert other.state.repair([b"a"], {}, site.state.context) == [b"a"]
    assert other.cell(b"a") == {}


def test_unsent_writes_of_a_retired_replica_go_out_under_new_names_and_count_once() -> None:
    """It was away for too long: what it had sent is known, what it had not is given new dots."""
    away, others = Site(5, incarnation=77), Site(1)
    others.hears(away.write(add(5), key=b"n"), away.write(put(b"draft"), key=b"t"))
    unsent = [
        away.write(add(3), key=b"n"),
        away.write(put(b"final"), key=b"t"),
        away.write(include(b"x"), key=b"s"),
        away.write(within(b"f", put(b"y")), key=b"m"),
        away.write(remove, key=b"s"),
        away.write(add(1), key=b"n"),
    ]
    others.write(put(b"by another"), key=b"t")
    names = {Dot(5, 77, 2 + place): Dot(8, 1, place) for place in range(1, len(unsent) + 1)}
    back = Site(8)
    back.state.merge(others.state)
    again = [(key, renamed_delta(delta, names)) for key, delta in unsent]
    back.hears(*again)
    others.hears(*reversed(again))
    assert back.state.digest() == others.state.digest()
    assert others.value(b"n") == 9
    assert {sibling.value for sibling in others.shown(b"t").siblings} == {b"final", b"by another"}
    assert others.value(b"s") is None
    assert others.value(b"m") is not None
    assert Dot(5, 77, 3) not in others.state.context, "nobody took in a dot of the retired one"


def test_what_has_ended_can_be_swept_by_any_replica_and_by_two_at_once() -> None:
    site, other = Site(1), Site(2)
    site.write(put(b"brief"), key=b"a", expires=NOON + 1_000)
    site.write(put(b"lasting"), key=b"b")
    site.write(include(b"x"), key=b"c", expires=NOON + 1_000)
    site.write(include(b"y"), key=b"c")
    site.write(within(b"f", put(b"brief")), key=b"d", expires=NOON + 1_000)
    meet(site, other)
    for each in (site, other):
        for key in list(each.state.cells):
            dot = Dot(each.number, 1, each.count + 1)
            sweep = removal.ended(each.cell(key), Write(dot, hybrid_time(NOON)), NOON + 1_000)
            if sweep:
                each.count += 1
                each.state.apply([(key, sweep)])
    meet(site, other)
    assert sorted(site.state.cells) == [b"b", b"c"]
    assert site.value(b"c") == [b"y"]


def test_a_sweep_of_a_last_writer_register_takes_the_losers_along() -> None:
    site, other = Site(1), Site(2)
    site.write(last(b"loses"))
    other.write(last(b"wins"), at=NOON + 1, expires=NOON + 1_000)
    meet(site, other)
    write = Write(Dot(1, 1, 2), hybrid_time(NOON))
    assert removal.ended(site.cell(), write, NOON + 999) is None
    swept = removal.ended(site.cell(), write, NOON + 1_000)
    assert swept is not None
    site.hears((b"k", swept))
    assert site.cell() == {}
