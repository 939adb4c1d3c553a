# SPDX-License-Identifier: Apache-2.0
"""One order of the versions of each key, as good a guess as times, revisions and reads allow.

Lists that were read are in their known order. Other writes are put where they can have taken effect between their call
and the first return that shows them, and a transaction that read a version and wrote the next follows it at once. The
guess is never trusted: what contradicts it is found and repaired (``one_order``), and what it ends in is replayed.
"""

from __future__ import annotations

from bisect import bisect_right

from tricord.check.finding import Finding
from tricord.check.list_orders import INITIAL
from tricord.check.transactions import NEVER, violated
from tricord.check.versions import Seen, Story


def one_snapshot(story: Story) -> Finding | None:
    """Joins reads of one key in one transaction; a violation if they cannot be of one version."""
    for number, reads in enumerate(story.seen):
        if len(reads) < 2:
            continue
        joined: dict[int, Seen] = {}
        for seen in reads:
            first = joined.setdefault(seen.key, seen)
            if first is seen:
                continue
            before, after = story.writers(seen.key, first, number), set(story.writers(seen.key, seen, number))
            both = tuple(writer for writer in before if writer in after)
            if not both:
                index = story.names[number]
                says = f"#{index} read {story.keys[seen.key]} twice, and another wrote it in between"
                return violated("non-repeatable read", says, [index])
            joined[seen.key] = Seen(seen.key, both, first.read)
        story.seen[number] = list(joined.values())
    return None


class VersionOrders:
    """Of each key the order of its writers; of each read its writer; and who took effect for it."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.written: list[list[int]] = [[] for _ in story.transactions]
        for key, values in enumerate(story.values):
            for writer in values:
                self.written[writer].append(key)
        self.order: list[list[int]] = []
        self.slot: list[dict[int, int]] = []
        self.choice: list[list[int]] = [[INITIAL] * len(reads) for reads in story.seen]
        self.active = list(story.certain)
        self._bounds()
        self._guess_orders()
        self._guess_reads()
        self.look_who_is_active()

    def _bounds(self) -> None:
        """When each can have taken effect at the latest: it, or what certainly read it, had returned."""
        story = self.story
        self.latest = [one.back for one in story.transactions]
        self.read_until: list[dict[int, int]] = [{} for _ in story.keys]
        for number, reads in enumerate(story.seen):
            one = story.transactions[number]
            for seen in reads:
                if seen.writers is not None and len(seen.writers) == 1 and seen.writers[0] != INITIAL:
                    writer = seen.writers[0]
                    self.latest[writer] = min(self.latest[writer], one.back)
                    until = self.read_until[seen.key]
                    until[writer] = max(until.get(writer, 0), one.call)
        by_time = sorted(range(len(self.latest)), key=lambda n: (self.latest[n], story.transactions[n].call, n))
        self.rank = [0] * len(by_time)
        for place, number in enumerate(by_time):
            self.rank[number] = place

    def _guess_orders(self) -> None:
        for key in range(len(self.story.keys)):
            known = self.story.sequence.get(key)
            if known is not None:
                taken = set(known)
                rest = [writer for writer in self.story.values[key] if writer not in taken]
                line = known + sorted(rest, key=self.rank.__getitem__)
            else:
                line = self._chained(key)
            self.order.append(line)
            self.slot.append({writer: place for place, writer in enumerate(line)})

    def _chained(self, key: int) -> list[int]:
        """Writers in the order of the places where each chain of reads and writes fits."""
        writers = self.story.values[key]
        follows: dict[int, int] = {}
        preceded: set[int] = set()
        for writer in writers:
            for seen in self.story.seen[writer]:
                one = seen.key == key and seen.writers is not None and len(seen.writers) == 1
                if one and seen.writers[0] not in follows:  # type: ignore[index]
                    follows[seen.writers[0]] = writer  # type: ignore[index]
                    preceded.add(writer)
        chains = []
        for head in (INITIAL, *(writer for writer in writers if writer not in preceded)):
            chain, following = [head], follows.get(head)
            while following is not None:
                chain.append(following)
                following = follows.get(following)
            chains.append(chain)
        placed = [self._places(key, chains[1:])]
        line = chains[0][1:] + [writer for _, chain in sorted(placed[0]) for writer in chain]
        if len(line) < len(writers):  # each follows another: a circle, which the graph will show
            taken = set(line)
            line += [writer for writer in writers if writer not in taken]
        return line

    def _places(self, key: int, chains: list[list[int]]) -> list[tuple[tuple[int, int, int], list[int]]]:
        """When each chain was written: its first write known to be there, its last read known to go on.

        Where a write was seen from the time ``a`` to ``b``, nothing else was written between (Gibbons and Korach 1997).
        """
        revisions = [self.story.transactions[chain[0]].revision for chain in chains]
        if all(revisions) and len(set(revisions)) == len(revisions):
            return [((revision, 0, chain[0]), chain) for revision, chain in zip(revisions, chains, strict=True)]
        zones, places, open_ = [], [], []
        for chain in chains:
            first = self.latest[chain[0]]
            last = max(max(self.read_until[key].get(w, 0), self.story.transactions[w].call) for w in chain)
            if first < last:
                zones.append((first, last))
                places.append(((first, 1, self.rank[chain[0]]), chain))
            else:
                open_.append((last, first, chain))
        zones.sort()
        starts = [first for first, _ in zones]
        until, ends = 0, []
        for _, last in zones:
            until = max(until, last)
            ends.append(until)
        for earliest, last, chain in open_:
            place = bisect_right(starts, last) - 1
            inside = place >= 0 and ends[place] > last
            at = max(earliest, starts[place]) if inside else last
            order = 0 if inside and at == starts[place] else 2
            places.append(((min(at, NEVER), order, self.rank[chain[0]]), chain))
        return places

    def _guess_reads(self) -> None:
        """The writer of each read: of several the latest one that was called before the read returned."""
        for number, reads in enumerate(self.story.seen):
            for place, seen in enumerate(reads):
                if seen.writers is not None and len(seen.writers) == 1:
                    self.choice[number][place] = seen.writers[0]
                else:
                    self.choice[number][place] = self._likely(number, seen)

    def _likely(self, number: int, seen: Seen) -> int:
        calls = self.story.transactions
        back = calls[number].back
        if seen.writers is not None:
            those = [w for w in seen.writers if w != INITIAL and calls[w].call <= back and self.latest[w] < NEVER]
            if those:
                return max(those, key=self.slot[seen.key].__getitem__)
            return seen.writers[0]
        line = self.order[seen.key]
        for writer in reversed(line):
            if writer != number and calls[writer].call <= back and self.story.may_have_written(writer, seen):
                return writer
        if self.story.may_have_written(INITIAL, seen):
            return INITIAL
        return next(w for w in line if w != number and self.story.may_have_written(w, seen))

    def look_who_is_active(self) -> None:
        """Who is certain, or read by one that is active."""
        self.active = list(self.story.certain)
        self.for_whom: dict[int, int] = {}
        """A reader of each that took effect because it was read."""
        todo = [number for number, active in enumerate(self.active) if active]
        while todo:
            reader = todo.pop()
            for writer in self.choice[reader]:
                if writer != INITIAL and not self.active[writer]:
                    self.active[writer] = True
                    self.for_whom[writer] = reader
                    todo.append(writer)

    def rearrange(self, line: list[int]) -> None:
        """Puts these transactions in this order wherever they wrote the same key; the others keep their places."""
        place = {number: n for n, number in enumerate(line)}
        for key in {key for number in line for key in self.written[number]}:
            those = [number for number in line if number in self.slot[key]]
            slots = sorted(self.slot[key][number] for number in those)
            for number, slot in zip(sorted(those, key=place.__getitem__), slots, strict=True):
                self.slot[key][number] = slot
                self.order[key][slot] = number
