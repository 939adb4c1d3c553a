# SPDX-License-Identifier: Apache-2.0
"""Whether one order of transactions (or of their starts and commits) explains a history: guess, repair, replay.

1. The versions of each key are put in an order, some of it known and the rest guessed (``version_orders``).
2. Without a cycle in the graph of dependencies there is an order of all: it is replayed, and the model holds.
3. A cycle of dependencies that reads alone prove is a violation; the one with the strongest name is told.
4. Any other cycle is made of guesses too. The few transactions on it are put in order exactly (``version_search``):
   either that is impossible, a violation; or the guess is corrected, and the few grow with the next cycle among them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tricord.check import cycles
from tricord.check.anomalies import CLIENT, RW, WR, WW, circle, violation
from tricord.check.dependencies import Dependencies
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History
from tricord.check.list_orders import INITIAL
from tricord.check.replay import Replay
from tricord.check.search_state import Budget, OutOfSteps, State
from tricord.check.version_orders import VersionOrders, one_snapshot
from tricord.check.version_search import VersionSearch
from tricord.check.versions import Story

ROUNDS = 1_000
"""How often a guess is corrected in one part of a history."""
AT_ONCE = 8
"""Cycles of a component that are looked at before the graph is built again."""
NEAR = 1
"""Possible writers of one read that a search thinks of at first: what is assumed now."""
CANDIDATES = 64
"""A search that thought of more, and found no order, gives up."""


class OneOrder:
    """The check of one story against a model of whole transactions."""

    def __init__(self, history: History, story: Story, limits: Limits, model: str, split: bool) -> None:
        self.history, self.story, self.model, self.split = history, story, model, split
        self.budget = Budget(limits)
        self.rounds = 0
        self.cores: list[set[int]] = []
        """Transactions that were put in order together, and stay together."""

    def run(self) -> Finding:
        """The verdict."""
        finding = one_snapshot(self.story)
        if finding is None:
            self.orders = VersionOrders(self.story)
            try:
                finding = self._repair()
            except OutOfSteps:
                finding = self._undecided("the search took more steps than allowed")
        finding.statistics |= {
            "transactions": len(self.story.transactions), "rounds": self.rounds, "steps": self.budget.taken,
        }  # fmt: skip
        return finding

    def _undecided(self, reason: str) -> Finding:
        return Finding(Verdict.UNDECIDED, reason)

    def _repair(self) -> Finding:
        while True:
            graph = Dependencies(self.orders, self.split)
            placed, left = cycles.order(graph.targets)
            if not left:
                return self._replayed(graph, placed)
            found = cycles.components(graph.targets, left)
            sure = self._sure(graph, found)
            if sure is not None:
                return sure
            for component in found:
                finding = self._region({graph.number_of(point) for point in component})
                if finding is not None:
                    return finding

    def _replayed(self, graph: Dependencies, placed: list[int]) -> Finding:
        replay, names = Replay(self.history), self.story.names
        wrong: int | None = None
        if self.split:
            for point in placed:
                index = names[graph.number_of(point)]
                if not (replay.commit(index) if point & 1 else replay.start(index)):
                    wrong = index
                    break
        else:
            wrong = replay.serial(names[graph.number_of(point)] for point in placed)
        assert wrong is None, f"the order found does not explain #{wrong}"
        return Finding(Verdict.HOLDS)

    def _sure(self, graph: Dependencies, found: list[list[int]]) -> Finding | None:
        """A cycle of what reads alone prove; of writes alone before others, and so on."""
        numbers = {graph.number_of(point) for component in found for point in component}
        edges = [edge for edge in graph.edges(numbers) if graph.sure(edge)]
        levels = [({WW}, False), ({WW, WR}, False), ({WW, WR, RW}, True)]
        if not self.split:
            levels.append(({WW, WR, RW, CLIENT}, False))
        if self.story.ordered:
            levels = levels[-1:]
        for kinds, split in levels:
            finding = circle(self.story, [edge for edge in edges if edge.kind in kinds], self.model, split)
            if finding is not None:
                return finding
        return None

    def _region(self, region: set[int]) -> Finding | None:
        """Repairs the guess among these. A finding: it cannot be repaired, or not decided."""
        cores, limit = self.cores, self.rounds + ROUNDS
        while True:
            self.rounds += 1
            region = region.union(*(core for core in cores if not core.isdisjoint(region)))
            graph = Dependencies(self.orders, self.split, region)
            _, left = cycles.order(graph.targets)
            if not left:
                return None
            if self.rounds > limit:
                return self._undecided(f"the guess of an order was corrected {ROUNDS} times, and no order was found")
            grown = [self._add(cores, core) for core in self._cores(graph, cycles.components(graph.targets, left))]
            if not any(grown):
                if any(core >= region for core in cores):
                    return self._undecided("values that repeat leave too many ways to say who read whose write")
                self._add(cores, set(region))
            for core in [core for core in cores if not core.isdisjoint(region)]:
                finding = self._search(core)
                if finding is not None:
                    return finding

    def _add(self, cores: list[set[int]], core: set[int]) -> bool:
        """Joins a core with those that it overlaps; whether that made a new one."""
        if any(core <= other for other in cores):
            return False
        for other in [other for other in cores if other & core]:
            core = core | other
            cores.remove(other)
        cores.append(core)
        return True

    def _cores(self, graph: Dependencies, found: list[list[int]]) -> list[set[int]]:
        """The transactions on short cycles, with the writers of what they read on them."""
        cores = []
        rank = self.orders.rank
        for component in found:
            within = set(component)
            back = [
                (rank[graph.number_of(point)] - rank[graph.number_of(target)], point, target)
                for point in component for target in graph.targets[point]
                if target in within and rank[graph.number_of(target)] < rank[graph.number_of(point)]
            ]  # fmt: skip
            back.sort()
            ways = [
                {graph.number_of(step) for step in cycles.path(graph.targets, target, point, within)}
                for _, point, target in back[:: max(1, len(back) // AT_ONCE)]
            ]
            taken: set[int] = set()
            for way in sorted(ways, key=len):
                if taken.isdisjoint(way):
                    taken |= way
                    cores.append(self._core(way))
        return cores

    def _core(self, numbers: set[int]) -> set[int]:
        core = set(numbers)
        for number in numbers:
            for seen, writer in zip(self.story.seen[number], self.orders.choice[number], strict=True):
                if writer != INITIAL and not numbers.isdisjoint(self.story.values[seen.key]):
                    core.add(writer)
        todo = [number for number in core if not self.story.certain[number]]
        while todo:
            reader = self.orders.for_whom.get(todo.pop())
            if reader is not None and reader not in core:
                core.add(reader)
                todo.append(reader)
        return core

    def _search(self, core: set[int]) -> Finding | None:
        """Puts a core in order. A finding: that is impossible."""
        near = NEAR
        while True:
            numbers = sorted(core, key=self.orders.rank.__getitem__)
            search = VersionSearch(self.orders, numbers, self.split, self.budget, near)
            state = search.run()
            if state is not None:
                self._adopt(search, state)
                return None
            if not search.guessed:
                return self._impossible(search, core)
            more = self._candidates(search) - core
            if not more and near > CANDIDATES:
                return self._undecided("values that repeat leave too many ways to say who read whose write")
            if not more:
                near = near * 4 if near > 1 else 3
                more = self._candidates(VersionSearch(self.orders, numbers, self.split, self.budget, near))
            core |= more

    def _candidates(self, search: VersionSearch) -> set[int]:
        """The likely writers of reads that were guessed."""
        more: set[int] = set()
        for asked in search.guessed:
            more.update(search.near_writers(search.numbers[asked.reader], asked.place))
        more.discard(INITIAL)
        return more

    def _adopt(self, search: VersionSearch, state: State) -> None:
        certain, others = self.story.certain, False
        for (reader, place), local in state.chosen.items():
            choice, writer = self.orders.choice[search.numbers[reader]], search.numbers[local]
            if choice[place] != writer:
                others = others or any(w != INITIAL and not certain[w] for w in (choice[place], writer))
                choice[place] = writer
        self.orders.rearrange(search.line(state))
        if others:
            self.orders.look_who_is_active()

    def _impossible(self, search: VersionSearch, core: set[int]) -> Finding:
        if search.conflict is not None:
            cycle, before = search.conflict
            if cycle:
                return violation(self.story, cycle, self.model, before)
        return self._no_order(self._fewest(core))

    def _fewest(self, core: set[int]) -> list[int]:
        """A part of a core that cannot be put in order either; small cores alone are made smaller."""
        kept = sorted(core)
        if len(kept) > 40:
            return kept
        for number in list(kept):
            less = [other for other in kept if other != number]
            search = VersionSearch(self.orders, less, self.split, self.budget, CANDIDATES + 1)
            if not search.guessed and search.run() is None:
                kept = less
        return kept

    def _no_order(self, numbers: Sequence[int]) -> Finding:
        names = [self.story.names[number] for number in numbers]
        those = ", ".join(f"#{name}" for name in names)
        reason = f"no order of {those} gives all their answers: each way to order their writes leads to a cycle"
        return Finding(Verdict.VIOLATED, reason, [reason], names, "no order")
