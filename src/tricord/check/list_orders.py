# SPDX-License-Identifier: Apache-2.0
"""Lists that are only appended to: each read of one names the order of its writers.

All reads of a list are prefixes of the longest one, which is the order of the versions: that is what makes the check
of such histories exact and fast (Kingsbury and Alvaro, Elle, VLDB 2020).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.check.finding import Finding
from tricord.check.transactions import ListRead, Parsed, Transaction, Value, show, violated

INITIAL = -1
"""The writer of what was there at first: null, or the empty list."""


@dataclass(slots=True)
class Assumed:
    """What the history leaves open and is tried one way after the other (``assumptions``)."""

    wholes: dict[int, Value] = field(default_factory=dict)
    """By place of a transaction: what its append of text of unknown outcome wrote."""
    befores: dict[int, tuple[Value, ...]] = field(default_factory=dict)
    """By place of another append of text: what it was not appended to, since that would give a text known of."""
    owners: dict[tuple[int, int], int] = field(default_factory=dict)
    """By key and place in a list: who appended an item that several did (the place of the transaction)."""


@dataclass(slots=True)
class ListOrders:
    """The orders of all lists that were read."""

    parsed: Parsed
    transactions: list[Transaction]
    sequence: dict[int, list[int]] = field(default_factory=dict)
    """By key, the writers in the order of the longest read."""
    owners: dict[int, list[int]] = field(default_factory=dict)
    """By key, who appended each item of the longest read."""
    parts: dict[int, list[int]] = field(default_factory=dict)
    """By key, which of its writer's items each item of the longest read is, from 1."""

    def last_writer(self, number: int, read: ListRead) -> int | Finding:
        """The writer of the last item that the transaction did not append itself."""
        length = len(read.items) - read.own
        if any(writer != number for writer in self.owners[read.key][length : len(read.items)]):
            index = self.transactions[number].index
            return violated(
                "internal", f"#{index} read in {self.parsed.keys[read.key]} other items than its own", [index]
            )
        if length == 0:
            return INITIAL
        writer = self.owners[read.key][length - 1]
        key, index, one = self.parsed.keys[read.key], self.transactions[number].index, self.transactions[writer]
        if writer == number:
            return violated("internal", f"#{index} read in {key} what it appended only afterwards", [index])
        if self.parts[read.key][length - 1] < len(one.appends[read.key]):
            says = f"#{index} read {key} up to {show(read.items[length - 1])}, in the middle of what"
            return violated("G1b", f"{says} #{one.index} appended: {show(one.appends[read.key])}", [index, one.index])
        return writer


def appended_by(parsed: Parsed) -> dict[tuple[int, Value], list[int]]:
    """The places of the transactions that appended each item to each list, as often as they did."""
    found: dict[tuple[int, Value], list[int]] = {}
    for place, one in enumerate(parsed.transactions):
        for key, items in one.appends.items():
            for item in items:
                found.setdefault((key, item), []).append(place)
    return found


def longest_reads(transactions: list[Transaction]) -> dict[int, tuple[list[Value], int]]:
    """The longest read of each list, and the number of its transaction."""
    longest: dict[int, tuple[list[Value], int]] = {}
    for number, one in enumerate(transactions):
        for read in one.lists:
            if read.key not in longest or len(read.items) > len(longest[read.key][0]):
                longest[read.key] = (read.items, number)
    return longest


def order_lists(
    parsed: Parsed, transactions: list[Transaction], number: dict[int, int], assumed: Assumed
) -> ListOrders | Finding:
    """The orders of all lists, or a read that no order explains. ``number`` gives the number of a place."""
    orders = ListOrders(parsed, transactions)
    longest = longest_reads(transactions)
    for reader, one in enumerate(transactions):
        for read in one.lists:
            items, other = longest[read.key]
            if items[: len(read.items)] != read.items:
                return _incompatible(orders, read, reader, items, other)
    appended = appended_by(parsed) if longest else {}
    for key, (items, reader) in longest.items():
        owners = _owners(orders, key, items, reader, appended, number, assumed)
        if isinstance(owners, Finding):
            return owners
        wrong = _own_items(orders, key, items, owners, reader) or _apart(orders, key, owners)
        if wrong is not None:
            return wrong
        orders.owners[key] = owners
        orders.sequence[key] = list(dict.fromkeys(owners))
    return orders


def _incompatible(orders: ListOrders, read: ListRead, number: int, items: list[Value], other: int) -> Finding:
    here, there = orders.transactions[number].index, orders.transactions[other].index
    place = next(n for n, item in enumerate(read.items) if items[n] != item)
    return violated(
        "incompatible order",
        f"#{here} read {orders.parsed.keys[read.key]} with {show(read.items[place])} at place {place}, "
        f"where #{there} read {show(items[place])}: neither list is the beginning of the other",
        [here, there],
    )


def _owners(
    orders: ListOrders, key: int, items: list[Value], reader: int, appended: dict[tuple[int, Value], list[int]],
    number: dict[int, int], assumed: Assumed,
) -> list[int] | Finding:  # fmt: skip
    """Who appended each item. An item of several is as it is assumed."""
    owners = []
    every = orders.parsed.transactions
    index = orders.transactions[reader].index
    used: dict[Value, int] = {}
    for place, item in enumerate(items):
        used[item] = used.get(item, 0) + 1
        those = appended.get((key, item), [])
        live = [p for p in those if p in number]
        says = f"#{index} read {show(item)} in {orders.parsed.keys[key]}"
        if not live and those:
            index_of = every[those[0]].index
            dirty = " (and another wrote after it: a dirty update)" if place + 1 < len(items) else ""
            return violated("G1a", f"{says}, which #{index_of} appended that failed{dirty}", [index, index_of])
        if not live:
            return violated("unwritten read", f"{says}, which nobody appended", [index])
        if used[item] > len(live):
            by = " and ".join(f"#{every[p].index}" for p in live)
            says = f"{says} {used[item]} times, and only {by} appended it, once each"
            return violated("duplicate elements", says, [index, *(every[p].index for p in live)])
        owners.append(number[assumed.owners.get((key, place), live[0])])
    return owners


def _own_items(orders: ListOrders, key: int, items: list[Value], owners: list[int], reader: int) -> Finding | None:
    """A transaction's own items stand in its own order, the first of them first."""
    taken: dict[int, int] = {}
    parts = []
    for item, writer in zip(items, owners, strict=True):
        one = orders.transactions[writer]
        mine, place = one.appends[key], taken.get(writer, 0)
        if place >= len(mine) or mine[place] != item:
            index = orders.transactions[reader].index
            says = f"#{one.index} appended {show(mine)} to {orders.parsed.keys[key]}, and #{index} read them otherwise"
            return violated("incompatible order", says, [one.index, index])
        taken[writer] = place + 1
        parts.append(place + 1)
    orders.parts[key] = parts
    return None


def _apart(orders: ListOrders, key: int, owners: list[int]) -> Finding | None:
    """Items of one transaction with another's between them: each wrote after the other."""
    parts = orders.parts[key]
    for place in range(1, len(owners)):
        before, writer = owners[place - 1], owners[place]
        one = orders.transactions[before]
        if writer != before and parts[place - 1] < len(one.appends[key]):
            index = orders.transactions[writer].index
            says = f"#{index} appended to {orders.parsed.keys[key]} in the middle of what #{one.index} appended"
            return violated("G0", f"{says}: {show(one.appends[key])}", [one.index, index])
    return None
