# SPDX-License-Identifier: Apache-2.0
"""Stories of the map: fields merge by themselves, each as its type does."""

from __future__ import annotations

import pytest

from tests.crdt.sites import Mutate, Site, add, include, meet, put, remove
from tricord.base.errors import NestedTooDeep, TypeMismatch
from tricord.base.values import Shown, plain
from tricord.crdt import map
from tricord.crdt.cell import DEPTH_MAX


def within(name: bytes, mutate: Mutate) -> Mutate:
    return lambda cell, write: map.change(cell, write, name, lambda field: mutate(field, write))


def without(name: bytes) -> Mutate:
    return lambda cell, write: map.remove_field(cell, write, name)


def fields(site: Site) -> dict[bytes, object]:
    value = site.value()
    assert isinstance(value, dict)
    return {name: shown.value for name, shown in value.items()}


def test_fields_of_all_types_merge_each_in_its_way() -> None:
    site, other = Site(1), Site(2)
    site.write(within(b"name", put(b"Ada")))
    meet(site, other)
    for each in (site, other):
        each.write(within(b"visits", add(1)))
        each.write(within(b"tags", include(b"by %d" % each.number)))
    other.write(within(b"name", put(b"Ada Lovelace")))
    meet(site, other)
    assert fields(site) == {b"name": b"Ada Lovelace", b"visits": 2, b"tags": [b"by 1", b"by 2"]}
    assert plain(site.shown()) == b'{"name":"Ada Lovelace","tags":["by 1","by 2"],"visits":2}'


def test_siblings_are_of_one_field_alone() -> None:
    site, other = Site(1), Site(2)
    site.write(within(b"name", put(b"Ada")))
    other.write(within(b"name", put(b"Grace")))
    other.write(within(b"city", put(b"Arlington")))
    meet(site, other)
    value = site.value()
    assert isinstance(value, dict)
    assert isinstance(value[b"name"], Shown)
    assert value[b"name"].conflict
    assert not value[b"city"].conflict


def test_a_field_that_one_removes_while_another_writes_it_keeps_what_was_written() -> None:
    site, other = Site(1), Site(2)
    site.write(within(b"visits", add(5)))
    site.write(within(b"name", put(b"Ada")))
    meet(site, other)
    site.write(without(b"visits"))
    site.write(without(b"name"))
    other.write(within(b"visits", add(1)))
    meet(site, other)
    assert fields(site) == {b"visits": 1}


def test_a_map_is_there_while_it_has_fields() -> None:
    site = Site(1)
    site.write(within(b"name", put(b"Ada")))
    site.write(without(b"name"))
    assert site.cell() == {}
    site.write(without(b"name"))
    assert site.value() is None


def test_removing_the_key_takes_all_fields_that_were_seen() -> None:
    site, other = Site(1), Site(2)
    site.write(within(b"outer", within(b"inner", add(5))))
    meet(site, other)
    other.write(within(b"city", put(b"London")))
    site.write(remove)
    meet(site, other)
    assert fields(site) == {b"city": b"London"}


def test_maps_nest_to_a_limit() -> None:
    site = Site(1)
    mutate = put(b"deep")
    for level in range(DEPTH_MAX):
        mutate = within(b"%d" % level, mutate)
    site.write(mutate)
    with pytest.raises(NestedTooDeep, match="9 deep, at most 8"):
        site.write(within(b"9", mutate))
    assert site.state.encode() == site.state.decode(site.state.encode()).encode()


def test_a_field_has_one_type_where_it_is_written() -> None:
    site = Site(1)
    site.write(within(b"visits", add(1)))
    with pytest.raises(TypeMismatch, match="holds a counter, not a register"):
        site.write(within(b"visits", put(b"many")))
    with pytest.raises(TypeMismatch, match="holds a map, not a set"):
        site.write(include(b"many"))
