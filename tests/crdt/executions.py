# SPDX-License-Identifier: Apache-2.0
"""Random executions for hypothesis: replicas that write, read, and hear of each other late, twice, or never."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.crdt.history import COUNTER, LAST_WRITER, MAP, REGISTER, SET
from tests.crdt.replicas import Replica, wishes
from tricord.base.dots import Seen
from tricord.crdt.cell import dots_of

KINDS = {
    REGISTER: (REGISTER, "remove"),
    LAST_WRITER: (LAST_WRITER, "remove"),
    COUNTER: (COUNTER, "remove"),
    SET: (SET, SET, "discard", "remove"),
    MAP: (REGISTER, LAST_WRITER, COUNTER, SET, "discard", "remove"),
}
"""For each type what clients ask for where it is tested. A map's fields hold all types."""

WAYS = ("write", "write", "read", "hear", "hear", "merge")
WAYS_WITH_REPAIR = (*WAYS, "repair", "repair")
WAYS_WITH_RESTORES = (*WAYS, "back up", "restore")
"""What happens in an execution. Histories do not follow repairs, which carry over a part of what another knows; of what
a restored disk has lost there may be deltas, and no state."""

wishes_of = {
    name: wishes(kinds) if name == MAP else wishes(kinds).map(lambda wish: replace(wish, path=()))
    for name, kinds in KINDS.items()
}


@st.composite
def executions(
    draw: st.DrawFn, name: str, count: int = 3, steps: int = 14, ways: tuple[str, ...] = WAYS
) -> list[Replica]:
    """Replicas after a common past: most writes reach most others, in any order."""
    replicas = [Replica(number) for number in range(1, count + 1)]
    reads: list[Seen] = [frozenset()]
    backups = {replica.origin.replica: replica.copied() for replica in replicas}
    for _ in range(draw(st.integers(steps // 2, steps))):
        one = draw(st.sampled_from(replicas))
        way = draw(st.sampled_from(ways))
        if way == "back up":
            backups[one.origin.replica] = one.copied()
        elif way == "restore":
            one.restore(backups[one.origin.replica])
        else:
            step(draw, way, name, one, replicas, reads)
    return replicas


def step(draw: st.DrawFn, way: str, name: str, one: Replica, replicas: list[Replica], reads: list[Seen]) -> None:
    """One replica does one thing."""
    match way:
        case "write":
            wish = draw(wishes_of[name])
            one.fulfil(wish, None if wish.blind else draw(st.sampled_from(reads)))
        case "read":
            reads.append(dots_of(one.state.cell(draw(st.sampled_from([b"k", b"l"])))))
            reads.append(one.state.context.vector.copy())
        case "hear":
            made = [each for other in replicas for each in other.written]
            if made:
                one.take(draw(st.sampled_from(made)))
        case "repair":
            other = draw(st.sampled_from(replicas)).state
            keys = draw(st.sampled_from([[b"k"], [b"l"]]))
            one.state.repair(keys, {key: other.cells[key] for key in keys if key in other.cells}, other.context)
        case _:
            one.merge(draw(st.sampled_from(replicas)))
