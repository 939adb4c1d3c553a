# SPDX-License-Identifier: Apache-2.0
"""Clusters under random trouble: safety after every step; and when the trouble ends, they agree.

A walk is one long run from one seed (``walk.py``); the scripts are short ones that Hypothesis shrinks.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.raft.cluster import Cluster
from tests.raft.walk import Walk

WALK_STEPS = 25_000
FIVE = range(28)
THREE = range(100, 106)
SEVEN = range(200, 203)
LEASES = range(300, 303)

servers = st.integers(1, 3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), servers, st.integers(1, 25)),
        st.tuples(st.just("disk"), servers, st.just(0)),
        st.tuples(st.just("deliver"), servers, servers),
        st.tuples(st.just("deliver_all"), st.just(0), st.just(0)),
        st.tuples(st.just("lose"), servers, servers),
        st.tuples(st.just("double"), st.just(0), st.just(0)),
        st.tuples(st.just("reverse"), st.just(0), st.just(0)),
        st.tuples(st.just("propose"), servers, st.integers(1, 3)),
        st.tuples(st.just("read"), servers, st.just(0)),
        st.tuples(st.just("crash"), servers, st.just(0)),
        st.tuples(st.just("settle"), st.just(0), st.just(0)),
    ),
    max_size=80,
)


def test_the_walks_are_a_million_steps() -> None:
    """A step is one input to one core, and the properties of figure 3 are checked after each."""
    assert sum(map(len, (FIVE, THREE, SEVEN, LEASES))) * WALK_STEPS >= 1_000_000


@pytest.mark.parametrize("seed", FIVE)
def test_five_servers(seed: int) -> None:
    assert Walk(seed).run(WALK_STEPS) >= WALK_STEPS


@pytest.mark.parametrize("seed", THREE)
def test_three_servers(seed: int) -> None:
    assert Walk(seed, count=3).run(WALK_STEPS) >= WALK_STEPS


@pytest.mark.parametrize("seed", SEVEN)
def test_seven_servers(seed: int) -> None:
    assert Walk(seed, count=7).run(WALK_STEPS) >= WALK_STEPS


@pytest.mark.parametrize("seed", LEASES)
def test_reads_by_lease(seed: int) -> None:
    """Clocks run alike here, and nobody is paused unawares: what leases need."""
    walk = Walk(seed, lease_reads=True, check_quorum=True)
    assert walk.run(WALK_STEPS) >= WALK_STEPS


def test_walks_see_all_kinds_of_trouble() -> None:
    """Each kind of input had its effect: a walk in which nothing happens proves nothing."""
    happened: Counter[str] = Counter()
    for seed in (1000, 1001, 1002, 1003):
        walk = Walk(seed, forward=True, check_quorum=True, pre_vote=True)
        walk.run(5_000)
        happened += walk.happened
    kinds = {"elected", "truncated", "installed", "joint", "single", "learner", "transferred"}
    kinds |= {"forwarded", "crashed", "read", "proposed"}
    assert kinds <= happened.keys(), kinds - happened.keys()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(steps)
def test_safety_always_and_agreement_when_the_trouble_ends(script: list[tuple[str, int, int]]) -> None:
    checked = Checked()
    for what, first, second in script:
        checked.perform(what, first, second)
    cluster = checked.cluster
    promised = list(cluster.committed)
    cluster.settle()
    for _ in range(100):
        cluster.elapse(1)
        checked.check()
    logs = [server.log for server in cluster.servers.values()]
    assert logs[0] == logs[1] == logs[2]
    assert all(server.applied == server.log for server in cluster.servers.values())
    assert cluster.committed[: len(promised)] == promised


class Checked:
    """A cluster, and what was ever seen of it."""

    def __init__(self) -> None:
        self.cluster = Cluster(3)
        self.leaders: dict[int, int] = {}
        self.reads: dict[int, int] = {}
        self.count = 0

    def perform(self, what: str, first: int, second: int) -> None:
        cluster = self.cluster
        self.count += 1
        if what == "tick":
            cluster[first].tick(second)
        elif what == "disk":
            if cluster[first].disk.jobs:
                cluster[first].write()
        elif what == "deliver":
            cluster.deliver(lambda message: (message.sender, message.receiver) == (first, second))
        elif what == "deliver_all":
            cluster.deliver()
        elif what == "lose":
            cluster.lose(lambda message: (message.sender, message.receiver) == (first, second))
        elif what == "double":
            cluster.network *= 2
        elif what == "reverse":
            cluster.network.reverse()
        elif what == "propose":
            cluster[first].propose(*(b"%d.%d" % (self.count, part) for part in range(second)))
        elif what == "read":
            self.reads[self.count] = len(cluster.committed)
            cluster[first].read(self.count)
        elif what == "crash":
            cluster[first].crash()
            cluster[first].start()
        else:
            cluster.settle()
        self.check()

    def check(self) -> None:
        for term, ids in self.cluster.leaders().items():
            assert len(ids) == 1 and self.leaders.setdefault(term, ids[0]) == ids[0], "one leader in a term"
        for server in self.cluster.servers.values():
            for context, index in server.reads:
                assert index >= self.reads[context], "a read sees all that anybody had applied before it"
            server.reads.clear()
