# SPDX-License-Identifier: Apache-2.0
"""Three servers under random time, disks, losses and crashes: safety always; and when the trouble ends, they agree."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.raft.cluster import Cluster

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
            if cluster[first].jobs:
                cluster[first].write()
        elif what == "deliver":
            cluster.deliver(lambda message: (message.sender, message.receiver) == (first, second))
        elif what == "deliver_all":
            cluster.deliver()
        elif what == "lose":
            cluster.network = [m for m in cluster.network if (m.sender, m.receiver) != (first, second)]
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


@settings(max_examples=150, deadline=None, derandomize=True)
@given(steps)
def test_safety_always_and_agreement_when_the_trouble_ends(script: list[tuple[str, int, int]]) -> None:
    run(script)


@pytest.mark.parametrize("seed", range(50))
def test_long_walks_in_which_much_gets_done(seed: int) -> None:
    choices = random.Random(seed)
    weights: dict[str, float] = {
        "tick": 6,
        "disk": 10,
        "deliver": 12,
        "deliver_all": 6,
        "lose": 2,
        "double": 1,
        "reverse": 1,
    }
    weights |= {"propose": 6, "read": 2, "crash": 1, "settle": 0.3}
    names = choices.choices(list(weights), list(weights.values()), k=300)
    run([(name, choices.randint(1, 3), choices.choice([1, 2, 3])) for name in names])


def run(script: list[tuple[str, int, int]]) -> None:
    """Perform the script; then the trouble ends."""
    checked = Checked()
    for what, first, second in script:
        checked.perform(what, first, second)
    cluster = checked.cluster
    promised = list(cluster.committed)
    cluster.settle()
    # Liveness: whoever is alone impatient enough wins within a few rounds, and all end with one log.
    for _ in range(6):
        if cluster.leaders():
            break
        for server in cluster.servers.values():
            server.tick(4)
            cluster.settle()
            checked.check()
    for _ in range(40):
        for server in cluster.servers.values():
            server.tick()
            cluster.settle()
            checked.check()
    logs = [server.log for server in cluster.servers.values()]
    assert logs[0] == logs[1] == logs[2]
    assert all(server.applied == server.log for server in cluster.servers.values())
    assert cluster.committed[: len(promised)] == promised
