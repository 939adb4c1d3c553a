# SPDX-License-Identifier: Apache-2.0
"""Cycles of dependencies by the names of the literature, and in words (Adya 1999; Berenson et al. 1995; Elle 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tricord.check.cycles import components, order, shortest_cycle
from tricord.check.finding import Finding, Verdict
from tricord.check.list_orders import INITIAL
from tricord.check.transactions import show
from tricord.check.versions import Story

WW, WR, RW, CLIENT = "ww", "wr", "rw", "client"


@dataclass(frozen=True, slots=True)
class Edge:
    """The second of two transactions came after the first."""

    before: int
    after: int
    kind: str
    """``ww``: wrote a later version; ``wr``: read what the first wrote; ``rw``: wrote over what the first read;
    ``client``: the same client did it later."""
    key: int = -1
    because: str = ""
    """Why it must be so, where reads do not say it themselves."""
    version: int = INITIAL
    """Of rw: whose write the first read."""


def name_of(cycle: Sequence[Edge]) -> str:
    """What the literature calls a cycle of these edges."""
    kinds = [edge.kind for edge in cycle]
    against = kinds.count(RW)
    if CLIENT in kinds:
        return "cycle with client order"
    if not against:
        return "G1c" if WR in kinds else "G0"
    if against == 1:
        return "lost update" if len(cycle) == 2 and _same_key(cycle) else "G-single"
    if any(kinds[place - 1] == kinds[place] == RW for place in range(len(kinds))):
        if len(cycle) == 2 and _same_key(cycle):
            return "lost update"
        return "write skew" if len(cycle) == 2 else "G2-item"
    return "G-nonadjacent"


def _same_key(cycle: Sequence[Edge]) -> bool:
    """Whether two transactions read one version of one key and both wrote it."""
    first, second = cycle
    return first.key == second.key and {first.kind, second.kind} <= {WW, RW}


def sentence(story: Story, edge: Edge) -> str:
    """The edge in words, with the indexes of operations."""
    first, second = story.names[edge.before], story.names[edge.after]
    if edge.kind == CLIENT:
        return f"#{second} came after #{first} at client {story.transactions[edge.after].client}"
    key = story.keys[edge.key]
    if edge.kind == WR:
        appended = story.transactions[edge.before].appends.get(edge.key)
        if appended:
            text = f"#{second} read {key} with {show(appended[-1])}, which #{first} appended"
        else:
            text = f"#{second} read {key} = {show(story.values[edge.key][edge.before])}, which #{first} wrote"
    elif edge.kind == WW:
        text = f"#{second} wrote {key} after #{first}"
    else:
        version = "as it was at first" if edge.version == INITIAL else f"as #{story.names[edge.version]} wrote it"
        text = f"#{first} read {key} {version}, before #{second} wrote it"
    return f"{text} ({edge.because})" if edge.because else text


def violation(story: Story, cycle: Sequence[Edge], model: str, before: Sequence[Edge] = ()) -> Finding:
    """A cycle as a finding. ``before`` are edges that explain why some of the cycle's must be so."""
    name = name_of(cycle)
    steps = [sentence(story, edge) for edge in dict.fromkeys((*before, *cycle))]
    involved = {number for edge in (*before, *cycle) for number in (edge.before, edge.after, edge.version)}
    operations = sorted({story.names[number] for number in involved if number != INITIAL})
    around = " -> ".join(f"#{story.names[edge.before]}" for edge in (*cycle, cycle[0]))
    return Finding(Verdict.VIOLATED, f"{name}: {around} is a cycle, and {model} has none", steps, operations, name)


def circle(story: Story, edges: Sequence[Edge], model: str, split: bool = False) -> Finding | None:
    """A shortest cycle of these edges, if there is one; split: without two rw next to each other."""
    double, one = (2, 1) if split else (1, 0)
    targets: list[list[int]] = [[] for _ in range(double * len(story.transactions))]
    by_ends: dict[tuple[int, int], Edge] = {}
    for edge in edges:
        ends = double * edge.before + (edge.kind != RW and one), double * edge.after + (edge.kind == RW and one)
        targets[ends[0]].append(ends[1])
        by_ends.setdefault(ends, edge)
    if split:
        for number in range(len(story.transactions)):
            targets[2 * number].append(2 * number + 1)
    best: list[int] = []
    for component in components(targets, order(targets)[1]):
        way = shortest_cycle(targets, component)
        if not best or len(way) < len(best):
            best = way
    if not best:
        return None
    around = [by_ends[ends] for ends in zip(best, (*best[1:], best[0]), strict=True) if ends in by_ends]
    return violation(story, around, model)
