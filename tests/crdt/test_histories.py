# SPDX-License-Identifier: Apache-2.0
"""Random executions of three to five replicas, with deltas late, twice, out of order or lost, against what values mean
by definition; then each hears all, and all are equal to the last byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crdt.executions import KINDS, WAYS_WITH_REPAIR, WAYS_WITH_RESTORES, executions, wishes_of
from tests.crdt.history import MAP
from tests.crdt.replicas import Replica
from tricord.crdt.keyspace_state import KeyspaceState

of_all_types = executions(MAP, 3, 25)


def agree(replicas: list[Replica]) -> None:
    first = replicas[0].state
    for replica in replicas:
        replica.check()
        assert replica.state.cells == first.cells
        assert replica.state.context == first.context
        assert replica.state.digest() == first.digest()
        assert replica.state.encode() == first.encode()


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_readers_see_what_the_history_means_and_all_end_equal(name: str, data: st.DataObject) -> None:
    replicas = data.draw(executions(name, data.draw(st.integers(3, 5)), 24, WAYS_WITH_RESTORES))
    for replica in replicas:
        replica.check()
    for target in replicas:
        for source in replicas:
            target.merge(source)
    for target in replicas:  # the first ones had merged before the last ones had heard all
        target.merge(replicas[-1])
    agree(replicas)


@settings(max_examples=80, deadline=None)
@given(of_all_types, st.data())
def test_deltas_in_any_order_and_twice_come_to_the_same_as_whole_states(
    replicas: list[Replica], data: st.DataObject
) -> None:
    made = [each for replica in replicas for each in replica.written]
    by_deltas = KeyspaceState()
    for key, delta, _ in data.draw(st.permutations(made + made[::2])):
        by_deltas.apply([(key, delta)])
    by_states = KeyspaceState()
    for replica in data.draw(st.permutations(replicas)):
        by_states.merge(replica.state)
    assert by_deltas.encode() == by_states.encode()


@settings(max_examples=80, deadline=None)
@given(of_all_types, st.data())
def test_lost_deltas_are_made_good_by_a_whole_state(replicas: list[Replica], data: st.DataObject) -> None:
    made = [each for replica in replicas for each in replica.written]
    late = Replica(9)
    for each in data.draw(st.lists(st.sampled_from(made), max_size=12)) if made else []:
        late.take(each)
    late.check()
    late.fulfil(data.draw(wishes_of[MAP]))
    for replica in replicas:
        late.merge(replica)
    for replica in replicas:
        replica.merge(late)
    agree([*replicas, late])


@settings(max_examples=80, deadline=None)
@given(executions(MAP, 3, 25, WAYS_WITH_REPAIR))
def test_repairs_of_some_keys_lose_and_revive_nothing_in_the_end(replicas: list[Replica]) -> None:
    all_writes = KeyspaceState()
    for replica in replicas:
        for key, delta, _ in replica.written:
            all_writes.apply([(key, delta)])
    met = KeyspaceState()
    for replica in replicas:
        met.merge(replica.state)
    assert met.encode() == all_writes.encode()
    for one in replicas:
        for other in replicas:
            if one.state.digest() == other.state.digest():
                before = one.state.digest()
                one.state.merge(other.state)
                assert one.state.digest() == before, "equal digests: the context may be taken over by itself"
