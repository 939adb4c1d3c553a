# SPDX-License-Identifier: Apache-2.0
"""Hosts under faults drawn from a seed: members, their edges, cuts, losses, deaths, full disks, numbers taken away."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from tests.server.replicas.eventual_world import Node, World, play
from tricord.base.changes import Add, AddElement
from tricord.base.errors import TricordError
from tricord.base.typed import UpdateResult
from tricord.eventual.config import EventualConfig

SECONDS = 8.0


@dataclass
class Ledger:
    """Every write has an element of its own, and adds 1."""

    made: int = 0
    added: list[tuple[bytes, list[UpdateResult | TricordError]]] = field(default_factory=list)
    counted: list[list[UpdateResult | TricordError]] = field(default_factory=list)

    def write(self, node: Node, random: Random) -> None:
        if not node.is_open:
            return
        self.made += 1
        if random.random() < 0.3:
            self.counted.append(node.update(b"total", Add(1)))
            return
        element = b"%d" % self.made
        key = b"set %d" % random.randrange(5)
        self.added.append((element, node.update(key, AddElement(element), acks=random.choice((1, 1, 2)), within=2.0)))

    def check(self, node: Node) -> None:
        assert node.host is not None
        standing: set[bytes] = set()
        for key in range(5):
            value = node.value(b"set %d" % key)
            standing.update(value if isinstance(value, frozenset | set | list | tuple) else ())
        for element, answers in self.added:
            if answers and isinstance(answers[0], UpdateResult):
                assert element in standing, f"{element!r} was lost"
        total = node.value(b"total") or 0
        acknowledged = sum(bool(answers) and isinstance(answers[0], UpdateResult) for answers in self.counted)
        assert isinstance(total, int) and acknowledged <= total <= len(self.counted)


async def fault(world: World, random: Random) -> None:
    """One of them, and its end."""
    node = random.choice(list(world.nodes.values()))
    kind = random.choice(("part", "cut", "kill", "stop", "full", "retire"))
    if kind == "part":
        world.part()
    elif kind == "cut":
        other = random.choice([each for each in world.nodes.values() if each is not node])
        world.cut.add(frozenset((node.name, other.name)))
    elif kind == "full":
        node.disk.is_full = True
    elif node.host is not None and kind in ("kill", "stop"):
        if kind == "kill":
            node.kill()
        else:
            await node.stop()
    elif node.host is not None and node.home and kind == "retire":
        world.retire(node)
        await node.stop()
        await world.sleep(random.uniform(0.1, 1))
        world.attach(node)
    await world.sleep(random.uniform(0.1, 2))
    world.heal()
    for each in world.nodes.values():
        each.disk.is_full = False
        if each.host is None:
            each.start()


@pytest.mark.parametrize("seed", (0, 1, 2, 3, 118))
def test_replicas_are_equal_in_time_and_nothing_acknowledged_is_lost(seed: int) -> None:
    random, ledger = Random(seed), Ledger()

    async def story(world: World) -> None:
        for number in range(random.randrange(3)):
            world.add(f"edge {number}", home=random.choice("abc"))
        await world.open()
        world.loss, world.delay = random.choice((0.0, 0.2)), random.choice((0.01, 0.2))

        def write() -> None:
            if world.loop.time() < SECONDS:
                ledger.write(random.choice(list(world.nodes.values())), random)
                world.loop.call_later(random.uniform(0, 0.1), write)

        write()
        while world.loop.time() < SECONDS:
            await fault(world, random)
        world.loss, world.delay = 0.0, 0.05
        bound = EventualConfig(cluster=1, keyspace=1, replica=1, incarnation=1).convergence_seconds(
            len(world.nodes) - 1, world.delay
        )
        # An edge's writes, and those that return, may have one more round to go, at its member.
        await world.sleep(2 * bound)
        assert len(world.digests()) == 1
        for node in world.nodes.values():
            assert node.is_open
            sequences = [change.sequence for change in node.told]
            assert sequences == sorted(set(sequences)), "a watcher's revision went back"
            ledger.check(node)

    play(story, World("a", "b", "c", seed=seed))
    assert ledger.made > 50
