# SPDX-License-Identifier: Apache-2.0
"""Whether a few transactions can be put in order, decided exactly: what is forced first, then a search.

Two writers of one key come one after the other, and then all readers of the first come before the second. So the
second cannot come after what a reader of it precedes, and so on: each order found forces others, until a cycle shows a
contradiction or nothing more is forced. Then one open question (who wrote what was read, which of two wrote first) is
answered both ways. A read whose possible writers are not all among the few is answered by those that are (a guess
then, ``guessed``), or left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush, nsmallest
from itertools import pairwise

from tricord.check.anomalies import CLIENT, RW, WR, WW, Edge
from tricord.check.client_order import client_order
from tricord.check.list_orders import INITIAL
from tricord.check.reachability import Premise, Reachability, bits
from tricord.check.search_state import AS_READ, BEGIN, Answer, Asked, Budget, State
from tricord.check.version_orders import VersionOrders
from tricord.check.versions import Seen


class VersionSearch:
    """A search among some transactions, numbered from 1 in the order that is tried first."""

    def __init__(self, orders: VersionOrders, numbers: list[int], split: bool, budget: Budget, near: int) -> None:
        self.orders, self.story, self.split, self.budget = orders, orders.story, split, budget
        self.near = near
        """How many possible writers of a read are thought of."""
        self.numbers = [INITIAL, *numbers]
        self.local = {number: place for place, number in enumerate(self.numbers)}
        self.guessed: list[Asked] = []
        self.writers: dict[int, list[int]] = {}
        self.reads: list[list[Asked]] = [[] for _ in self.numbers]
        self.conflict: tuple[list[Edge], list[Edge]] | None = None
        for number in numbers:
            for key in orders.written[number]:
                self.writers.setdefault(key, [BEGIN]).append(self.local[number])
        for key, line in self.writers.items():
            line[1:] = sorted(line[1:], key=lambda place, key=key: orders.slot[key][self.numbers[place]])  # type: ignore[misc]
        for number in numbers:
            self._reads_of(number)

    def _reads_of(self, number: int) -> None:
        reader = self.local[number]
        for place, seen in enumerate(self.story.seen[number]):
            if self.orders.choice[number][place] not in self.local:
                continue  # any other answer than the one assumed now may contradict what is not looked at here
            if seen.writers is not None and len(seen.writers) == 1:
                every = list(seen.writers)
            else:
                every = self.near_writers(number, place)
            those = [self.local[w] for w in every if w in self.local]
            if those:
                asked = Asked(reader, place, seen.key, those, self._far(number, place, those))
                self.reads[reader].append(asked)
                if len(those) < len(every) or len(every) == self.near:
                    self.guessed.append(asked)

    def _far(self, number: int, place: int, those: list[int]) -> int:
        rank, now = self.orders.rank, self.orders.choice[number][place]
        others = [self.numbers[w] for w in those if self.numbers[w] != now]
        return min((abs(rank[number] - rank[w]) if w != INITIAL else rank[number] for w in others), default=0)

    def near_writers(self, number: int, place: int) -> list[int]:
        """The possible writers of a read that are likely: the one assumed now, and those near in the order."""
        seen, rank = self.story.seen[number][place], self.orders.rank
        now, here = self.orders.choice[number][place], rank[number]
        if seen.writers is None:
            return self._neighbours(number, seen, now)
        if len(seen.writers) <= self.near:
            return list(seen.writers)
        distance = [(w != now, abs(here - rank[w]) if w != INITIAL else here, w) for w in seen.writers]
        return [writer for _, _, writer in nsmallest(self.near, distance)]

    def _neighbours(self, number: int, seen: Seen, now: int) -> list[int]:
        """Those of many possible writers whose versions are next to the one assumed now."""
        line, slot = self.orders.order[seen.key], self.orders.slot[seen.key].get(now, -1)
        found = [now]
        for step in range(1, len(line) + 1):
            for place in (slot - step, slot + step):
                writer = line[place] if 0 <= place < len(line) else INITIAL
                if place < -1 or place >= len(line) or writer == number:
                    continue
                if len(found) < self.near and self.story.may_have_written(writer, seen):
                    found.append(writer)
            if len(found) >= self.near:
                break
        return found

    def start(self, place: int) -> int:
        """The point where a transaction begins."""
        return 2 * place if self.split else place

    def commit(self, place: int) -> int:
        """The point where it ends."""
        return 2 * place + 1 if self.split else place

    def place(self, point: int) -> int:
        """The transaction of a point."""
        return point >> 1 if self.split else point

    def run(self) -> State | None:
        """A state in which all is decided, or None: there is none, for the reasons of ``conflict`` if that is set."""
        state = State(Reachability(len(self.numbers) * (2 if self.split else 1)))
        if not (self._begin(state) and self._force(state)):
            self.conflict = state.reach.cycle()
            return None
        todo = [(state, self._answers(state))]
        while todo:
            state, answers = todo[-1]
            if answers is None:
                return state
            if not answers:
                todo.pop()
                continue
            answer = answers.pop(0)
            twin = state.copy()
            if self._apply(twin, answer) and self._force(twin):
                todo.append((twin, self._answers(twin)))
        return None

    def _begin(self, state: State) -> bool:
        """What is known from the first."""
        reach, here = state.reach, range(1, len(self.numbers))
        fine = True
        if self.split:
            fine = all(reach.add(self.start(place), self.commit(place)) for place in range(len(self.numbers)))
        fine = fine and all(reach.add(self.commit(BEGIN), self.start(place)) for place in here)
        if self.story.ordered:
            for a, b in client_order(self.story.transactions, self.numbers[1:]):
                fine = fine and reach.add(self.local[a], self.local[b], Edge(a, b, CLIENT))
        state.active.add(BEGIN)
        for place in here:
            if self.story.certain[self.numbers[place]]:
                fine = fine and self._activate(state, place)
        for key, line in self.writers.items():
            known = [self.local[w] for w in self.story.sequence.get(key, ()) if w in self.local]
            rest = [w for w in line if w != BEGIN and w not in known and w in state.active]
            for a, b in [*pairwise(known), *((known[-1], b) for b in rest if known)]:
                fine = fine and self._put(state, key, a, b, None, AS_READ)
        return fine

    def _activate(self, state: State, place: int) -> bool:
        """This transaction took effect: its reads need writers, and its writes a place."""
        if place in state.active:
            return True
        for key in self.orders.written[self.numbers[place]]:
            others = 0
            for writer in self.writers[key]:
                if writer in state.active:
                    state.open[key, writer] = state.open.get((key, writer), 0) | 1 << self.commit(place)
                    others |= 1 << self.commit(writer)
            state.open[key, place] = others
        state.active.add(place)
        if not self.story.certain[self.numbers[place]] and not self._after_lists(state, place):
            return False
        for asked in self.reads[place]:
            if len(asked.writers) > 1:
                state.open_reads.append(asked)
            elif not self._choose(state, asked, asked.writers[0]):
                return False
        return True

    def _after_lists(self, state: State, place: int) -> bool:
        """What nobody read in a list came after all that was read."""
        for key in self.orders.written[self.numbers[place]]:
            for writer in self.story.sequence.get(key, ()):
                known = self.local.get(writer)
                if known is not None and not self._put(state, key, known, place, None, AS_READ):
                    return False
        return True

    def _choose(self, state: State, asked: Asked, writer: int) -> bool:
        """The read is of this writer."""
        reader, key = asked.reader, asked.key
        state.chosen[reader, asked.place] = writer
        if not self._activate(state, writer):
            return False
        edge = None if writer == BEGIN else Edge(self.numbers[writer], self.numbers[reader], WR, key)
        if not state.reach.add(self.commit(writer), self.start(reader), edge):
            return False
        start = 1 << self.start(reader)
        state.version[key, reader] = writer
        state.readers[key, writer] = state.readers.get((key, writer), 0) | start
        state.key_readers[key] = state.key_readers.get(key, 0) | start
        return all(
            self._before(state, key, writer, reader, self.place(later), None, "")
            for later in bits(state.later.get((key, writer), 0))
        )

    def _before(
        self, state: State, key: int, writer: int, reader: int, later: int, premise: Premise | None, because: str
    ) -> bool:
        """A reader of a version comes before whoever wrote a later one."""
        if reader == later:
            return True
        edge = Edge(self.numbers[reader], self.numbers[later], RW, key, because, self.numbers[writer])
        return state.reach.add(self.start(reader), self.commit(later), edge, premise)

    def _put(self, state: State, key: int, first: int, second: int, premise: Premise | None, because: str) -> bool:
        """One writer of a key comes before another."""
        state.open[key, first] &= ~(1 << self.commit(second))
        state.open[key, second] &= ~(1 << self.commit(first))
        state.later[key, first] = state.later.get((key, first), 0) | 1 << self.commit(second)
        edge = None if first == BEGIN else Edge(self.numbers[first], self.numbers[second], WW, key, because)
        if not state.reach.add(self.commit(first), self.start(second), edge, premise):
            return False
        return all(
            self._before(state, key, first, self.place(reader), second, premise, because)
            for reader in bits(state.readers.get((key, first), 0))
        )

    def _force(self, state: State) -> bool:
        """Everything that follows. False: a contradiction."""
        changed = True
        while changed:
            changed = False
            self.budget.spend(len(self.numbers) + len(state.open))
            after, key_readers, looked_at = state.reach.after, state.key_readers, state.looked_at
            for place, others in list(state.open.items()):
                key, first = place
                later = after[self.start(first)] & others
                if not (later or after[self.commit(first)] & key_readers.get(key, 0) & ~looked_at.get(place, 0)):
                    continue
                for second, premise in self._must(state, key, first):
                    changed = True
                    because = self._because(state, key, first, second, premise)
                    if not self._put(state, key, first, second, premise, because):
                        return False
        return True

    def _must(self, state: State, key: int, first: int) -> Iterator[tuple[int, Premise]]:
        """Writers that this one must come before: it does already, or readers of theirs come after it."""
        place = key, first
        if not state.open[place]:
            return
        start, commit, after = self.start(first), self.commit(first), state.reach.after
        for point in bits(after[start] & state.open[place]):
            yield self.place(point), Premise(start, point)
        looked_at = state.looked_at.get(place, 0)
        readers = after[commit] & state.key_readers.get(key, 0) & ~looked_at
        if readers:
            state.looked_at[place] = looked_at | readers
            for point in bits(readers):
                second = state.version[key, self.place(point)]
                if state.open[place] >> self.commit(second) & 1:
                    yield second, Premise(commit, point)

    def _because(self, state: State, key: int, first: int, second: int, premise: Premise) -> str:
        if state.reach.links is None or first == BEGIN:
            return ""
        names, reader = self.story.names, self.place(premise.target)
        if reader == second:
            return ""
        version = "the first value" if second == BEGIN else f"what #{names[self.numbers[second]]} wrote"
        return f"#{names[self.numbers[reader]]} came after #{names[self.numbers[first]]} and read {version}"

    def _answers(self, state: State) -> list[Answer] | None:
        """The answers to one open question, the likely one first; None if all is decided."""
        if state.open_reads:
            asked = max(state.open_reads, key=lambda one: one.far)  # what is asked last is changed first
            now = self.orders.choice[self.numbers[asked.reader]][asked.place]
            by_guess = sorted(asked.writers, key=lambda w: (self.numbers[w] != now, abs(w - asked.reader)))
            return [(asked, writer) for writer in by_guess]
        for (key, a), others in state.open.items():
            if others and (self.split or (key, a) in state.readers):
                b = self.place((others & -others).bit_length() - 1)
                slot = self.orders.slot[key]
                forward = a == BEGIN or (b != BEGIN and slot[self.numbers[a]] < slot[self.numbers[b]])
                return [((key, a, b), one) for one in ((a, b) if forward else (b, a))]
        return None

    def _apply(self, state: State, answer: Answer) -> bool:
        question, one = answer
        if isinstance(question, Asked):
            state.open_reads.remove(question)
            return self._choose(state, question, one)
        key, a, b = question
        return self._put(state, key, one, b if one == a else a, None, "")

    def line(self, state: State) -> list[int]:
        """The active ones in an order that keeps what was decided, and the order before where nothing was."""
        rank, after = self.orders.rank, state.reach.after
        points = {self.commit(place): self.numbers[place] for place in state.active if place != BEGIN}
        mask = sum(1 << point for point in points)
        missing = {point: (state.reach.before[point] & mask).bit_count() for point in points}
        ready = [(rank[points[point]], point) for point, count in missing.items() if not count]
        heapify(ready)
        line = []
        while ready:
            point = heappop(ready)[1]
            line.append(points[point])
            for later in bits(after[point] & mask):
                missing[later] -= 1
                if not missing[later]:
                    heappush(ready, (rank[points[later]], later))
        return line
