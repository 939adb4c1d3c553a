# SPDX-License-Identifier: Apache-2.0
"""What doors that know only bytes are shown."""

from __future__ import annotations

from tests.crdt.sites import NOON, Site, add, include, meet, put
from tests.crdt.test_map import within
from tricord.base.hybrid_clock import hybrid_time
from tricord.base.values import plain
from tricord.crdt.shown import newest_stamp, show


def test_values_as_bytes() -> None:
    site = Site(1)
    site.write(put(b"\x00\xff"), key=b"r")
    site.write(add(-7), key=b"c")
    site.write(include(b"b"), key=b"s")
    site.write(include(b"\xff"), key=b"s")
    site.write(within("straße".encode(), put("grün".encode())), key=b"m")
    site.write(within(b"\xff", within(b"n", add(2))), key=b"m")
    assert plain(site.shown(b"r")) == b"\x00\xff"
    assert plain(site.shown(b"c")) == b"-7"
    assert plain(site.shown(b"s")) == b'["b",{"base64":"/w=="}]'
    assert plain(site.shown(b"m")).decode() == '{"straße":"grün","base64:/w==":{"n":2}}'


def test_all_replicas_show_the_same_bytes() -> None:
    sites = [Site(1), Site(2), Site(3)]
    for site in sites:
        site.write(put(b"by %d" % site.number), key=b"r")
        site.write(include(b"by %d" % site.number), key=b"s")
    meet(*sites)
    for key in (b"r", b"s"):
        assert len({plain(site.shown(key)) for site in sites}) == 1


def test_nothing_is_shown_of_nothing() -> None:
    assert show({}, NOON) is None
    assert newest_stamp({}) == 0


def test_a_map_all_of_whose_fields_have_ended_is_not_shown() -> None:
    site = Site(1)
    site.write(within(b"f", put(b"brief")), expires=NOON + 1_000)
    assert site.value(now=NOON + 999) is not None
    assert site.value(now=NOON + 1_000) is None


def test_the_stamp_is_the_newest_of_the_value() -> None:
    site = Site(1)
    site.write(include(b"a"), at=NOON + 5)
    site.write(include(b"b"), at=NOON)
    assert site.shown().stamp == hybrid_time(NOON + 5)
