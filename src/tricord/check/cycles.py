# SPDX-License-Identifier: Apache-2.0
"""Cycles in a graph of numbered nodes: strongly connected components (Tarjan 1972), and the shortest way round."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

STARTS = 64
"""From how many nodes of a component the shortest cycle is looked for."""


def order(targets: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """The nodes in an order that keeps every edge, and those left over: on a cycle, or behind one."""
    missing = [0] * len(targets)
    for those in targets:
        for target in those:
            missing[target] += 1
    placed = [node for node, count in enumerate(missing) if not count]
    for node in placed:
        for target in targets[node]:
            missing[target] -= 1
            if not missing[target]:
                placed.append(target)
    return placed, [node for node, count in enumerate(missing) if count] if len(placed) < len(targets) else []


def components(targets: Sequence[Sequence[int]], nodes: Iterable[int]) -> list[list[int]]:
    """The strongly connected components of more than one node, among these nodes and what they reach."""
    number: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found = []
    for root in nodes:
        if root in number:
            continue
        number[root] = lowest[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        way = [(root, iter(targets[root]))]
        while way:
            node, rest = way[-1]
            for target in rest:
                if target not in number:
                    number[target] = lowest[target] = len(number)
                    stack.append(target)
                    on_stack.add(target)
                    way.append((target, iter(targets[target])))
                    break
                if target in on_stack and number[target] < lowest[node]:
                    lowest[node] = number[target]
            else:
                way.pop()
                if way and lowest[node] < lowest[way[-1][0]]:
                    lowest[way[-1][0]] = lowest[node]
                if lowest[node] == number[node]:
                    members = _popped(stack, on_stack, node)
                    if len(members) > 1:
                        found.append(members)
    return found


def _popped(stack: list[int], on_stack: set[int], node: int) -> list[int]:
    members = []
    while True:
        member = stack.pop()
        on_stack.discard(member)
        members.append(member)
        if member == node:
            return members


def path(targets: Sequence[Sequence[int]], source: int, target: int, within: set[int] | None = None) -> list[int]:
    """A shortest path, both ends included, through these nodes only; empty where there is none."""
    came_from = {source: source}
    todo = deque((source,))
    while todo:
        node = todo.popleft()
        for following in targets[node]:
            if following == target:
                way = [target, node]
                while way[-1] != source:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if following not in came_from and (within is None or following in within):
                came_from[following] = node
                todo.append(following)
    return []


def shortest_cycle(targets: Sequence[Sequence[int]], component: list[int], starts: int = STARTS) -> list[int]:
    """The shortest cycle found in a component, each node once. Exact in components of up to ``starts`` nodes."""
    within = set(component)
    best: list[int] = []
    step = max(1, len(component) // starts)
    for node in component[::step]:
        way = path(targets, node, node, within)
        if way and (not best or len(way) - 1 < len(best)):
            best = way[:-1]
            if len(best) == 2:
                break
    return best
