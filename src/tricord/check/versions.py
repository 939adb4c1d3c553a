# SPDX-License-Identifier: Apache-2.0
"""Who may have written what each transaction read.

Where values are unique each read names its writer; otherwise a read has several candidates. Lists name the order of
their writers too: each read is a prefix of the longest one. What no order of transactions can explain is found here:
reads of aborted, intermediate and unwritten values, and reads of one list that contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.check.finding import Finding, Verdict
from tricord.check.history import FAIL, OK
from tricord.check.list_orders import INITIAL, Assumed, ListOrders, order_lists
from tricord.check.transactions import Parsed, Read, Transaction, Value, show, violated

FEW = 8
"""Candidates of a read that are listed rather than asked for one by one."""


NOT_RUN = Finding(Verdict.VIOLATED)
"""Of an operation of unknown fate: it cannot have taken effect."""


@dataclass(slots=True)
class Seen:
    """A read of others, and who may have written it."""

    key: int
    writers: tuple[int, ...] | None
    """None: any writer whose value fits; there are many."""
    read: Read | None = None
    """None where the writer is known from a list."""


@dataclass(slots=True)
class Story:
    """Transactions that may have taken effect, by number, and what links them."""

    transactions: list[Transaction]
    keys: list[str]
    seen: list[list[Seen]]
    """Reads of each transaction."""
    values: list[dict[int, Value]]
    """By key, for each number a writer's value: ``values[key][writer]``."""
    sequence: dict[int, list[int]]
    """Of a list that was read: its writers in the order of the longest read."""
    certain: list[bool]
    """Whether it did take effect."""
    ordered: bool = False
    """Whether the order of each client's own operations counts."""
    names: list[int] = field(default_factory=list)
    """The index of each transaction's operation."""

    def writers(self, key: int, seen: Seen, reader: int) -> list[int]:
        """All who may have written this."""
        if seen.writers is not None:
            return list(seen.writers)
        assert seen.read is not None
        fitting = [w for w, value in self.values[key].items() if w != reader and seen.read.fits(value)]
        return ([INITIAL] if seen.read.fits(None) else []) + fitting

    def may_have_written(self, writer: int, seen: Seen) -> bool:
        """Whether this writer is one of them."""
        if seen.writers is not None:
            return writer in seen.writers
        assert seen.read is not None
        return seen.read.fits(None if writer == INITIAL else self.values[seen.key][writer])


def tell(parsed: Parsed, assumed: Assumed) -> Story | Finding:
    """The story, or the first violation that no order explains."""
    if parsed.wrong:
        return parsed.wrong[0]
    dead: set[int] = set()
    while True:
        story = _Teller(parsed, assumed, dead).run()
        if not isinstance(story, set):
            return story
        dead |= story  # an operation of unknown fate that cannot have taken effect; what it wrote is gone too


class _Teller:
    def __init__(self, parsed: Parsed, assumed: Assumed, dead: set[int]) -> None:
        self.parsed, self.assumed = parsed, assumed
        self.kept = [place for place, one in enumerate(parsed.transactions) if one.status != FAIL and place not in dead]
        self.number = {place: number for number, place in enumerate(self.kept)}
        self.transactions = [parsed.transactions[place] for place in self.kept]
        self.names = [one.index for one in self.transactions]
        count = len(parsed.keys)
        self.values: list[dict[int, Value]] = [{} for _ in range(count)]
        self.by_value: list[dict[Value, list[int]]] = [{} for _ in range(count)]
        self.certain = [one.status == OK for one in self.transactions]
        self.lists: ListOrders | None = None
        self.seen: list[list[Seen]] = []

    def run(self) -> Story | Finding | set[int]:
        for number, one in enumerate(self.transactions):
            self._writes(number, one)
        lists = order_lists(self.parsed, self.transactions, self.number, self.assumed)
        if isinstance(lists, Finding):
            return lists
        self.lists = lists
        for runs in lists.sequence.values():
            for writer in runs:
                self.certain[writer] = True
        dead: set[int] = set()
        for number, one in enumerate(self.transactions):
            found = self._reads(number, one)
            if isinstance(found, list):
                self.seen.append(found)
            elif one.status == OK:
                return found
            else:
                dead.add(self.kept[number])
        if dead:
            return dead
        self._make_certain()
        return Story(
            self.transactions, self.parsed.keys, self.seen, self.values, lists.sequence, self.certain, names=self.names
        )

    def _writes(self, number: int, one: Transaction) -> None:
        for key, value in one.writes.items():
            self.values[key][number] = value
            self.by_value[key].setdefault(value, []).append(number)
        for key in one.appends:
            self.values[key][number] = None
        if one.suffix is not None:
            key = one.suffix[0]
            whole = self.assumed.wholes.get(self.kept[number], ("unseen", number))
            self.values[key][number] = whole
            self.by_value[key].setdefault(whole, []).append(number)

    def _reads(self, number: int, one: Transaction) -> list[Seen] | Finding:
        found = []
        reads = one.reads
        if one.suffix is not None:
            reads = [*reads, *self._before_append(self.kept[number], *one.suffix)]
        for read in reads:
            seen = self._candidates(number, read)
            if seen.writers is not None and not seen.writers:
                return self._unexplained(number, read) if one.status == OK else NOT_RUN
            found.append(seen)
        for items in one.lists:
            assert self.lists is not None
            last = self.lists.last_writer(number, items)
            if isinstance(last, Finding):
                return last
            found.append(Seen(items.key, (last,)))
        return found

    def _before_append(self, place: int, key: int, text: str) -> list[Read]:
        """What an append of text whose outcome was not told read, as it is assumed."""
        whole = self.assumed.wholes.get(place)
        if whole is None:
            befores = self.assumed.befores.get(place, ())
            return [Read(key, befores, equal=False)] if befores else []
        before = whole[: len(whole) - len(text)]
        return [Read(key, (before,) if before else (None, ""))]

    def _candidates(self, number: int, read: Read) -> Seen:
        key = read.key
        initial = [INITIAL] if read.fits(None) else []
        by_value = self.by_value[key]
        writers: list[int] = []
        if read.equal:
            for value in read.values:
                writers += by_value.get(value, ())
        else:
            if len(self.values[key]) - sum(len(by_value.get(value, ())) for value in read.values) > FEW:
                return Seen(key, None, read)
            writers = [w for value, those in by_value.items() if value not in read.values for w in those]
        if number in self.values[key]:
            writers = [writer for writer in writers if writer != number]
        return Seen(key, tuple(initial + writers), read)

    def _unexplained(self, number: int, read: Read) -> Finding:
        """A read of a value that no transaction that took effect left behind."""
        index, key = self.transactions[number].index, self.parsed.keys[read.key]
        if not read.equal:
            says = f"#{index} found {key} other than {show(read.values[0])}, which nobody ever made it"
            return violated("unwritten read", says, [index])
        what = f"#{index} read {key} = {show(read.values[-1])}"
        for one in self.parsed.transactions:
            if one.index == index:
                continue
            aborted = one.status == FAIL
            if any(key_of == read.key and value in read.values for key_of, value in one.replaced):
                how = "that failed" if aborted else "before it wrote another value"
                return violated("G1a" if aborted else "G1b", f"{what}, which #{one.index} wrote {how}",
                                [index, one.index])  # fmt: skip
            if aborted and read.key in one.writes and one.writes[read.key] in read.values:
                return violated("G1a", f"{what}, which #{one.index} wrote that failed", [index, one.index])
        return violated("unwritten read", f"{what}, which nobody wrote", [index])

    def _make_certain(self) -> None:
        """What is needed by one that took effect took effect too."""
        todo = [number for number, sure in enumerate(self.certain) if sure]
        while todo:
            for seen in self.seen[todo.pop()]:
                if seen.writers is not None and len(seen.writers) == 1 and seen.writers[0] != INITIAL:
                    writer = seen.writers[0]
                    if not self.certain[writer]:
                        self.certain[writer] = True
                        todo.append(writer)
