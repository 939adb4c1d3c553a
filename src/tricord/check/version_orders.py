# SPDX-License-Identifier: Apache-2.0
"""One order of the versions of each key, as good a guess as times, revisions and reads allow.

Lists that were read are in their known order; the others are as ``rehearsal`` left them. The guess is never trusted:
what contradicts it is found and repaired (``one_order``), and what it ends in is replayed.
"""

from __future__ import annotations

from tricord.check.finding import Finding
from tricord.check.list_orders import INITIAL
from tricord.check.rehearsal import Rehearsal
from tricord.check.transactions import violated
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
        rehearsal = Rehearsal(story, self.written)
        rehearsal.run()
        done = rehearsal.done + [number for number, ran in enumerate(rehearsal.ran) if not ran]
        self.rank = [0] * len(done)
        """The place of each transaction in the order that was guessed first."""
        for place, number in enumerate(done):
            self.rank[number] = place
        self.choice = rehearsal.choice
        self.order = [self._line(key) for key in range(len(story.keys))]
        self.slot = [{writer: place for place, writer in enumerate(line)} for line in self.order]
        self.look_who_is_active()

    def _line(self, key: int) -> list[int]:
        """The writers of a key: those of a list that was read as it was read, the others as guessed."""
        known = self.story.sequence.get(key, [])
        taken = set(known)
        rest = [writer for writer in self.story.values[key] if writer not in taken]
        return known + sorted(rest, key=self.rank.__getitem__)

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
