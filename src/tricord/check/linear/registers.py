# SPDX-License-Identifier: Apache-2.0
"""All keys at once on which each put wrote another value and nobody deleted: judged by sorting, in arrays.

Failed operations and unknown reads say nothing and are left out. An unknown write that was read took effect; it has no
return. One that nobody read need not have.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count, repeat
from typing import Any, Final

import numpy

from tricord.check.finding import Finding
from tricord.check.history import BadHistory, Operation
from tricord.check.linear import clusters
from tricord.check.linear.move import NEVER, frozen, line
from tricord.check.linear.store import micro_operations
from tricord.check.linear.zones import LONG_AGO, Numbers, conflict

PUT, GET, DELETE, OTHER = 0, 1, 2, 3
CODES: Final = {"put": PUT, "get": GET, "delete": DELETE}
OK, FAILED, UNKNOWN = 0, 1, 2
STATUSES: Final = {"ok": OK, "fail": FAILED, "unknown": UNKNOWN}


@dataclass(slots=True)
class Columns:
    """A history as arrays, an entry for each operation."""

    codes: Numbers
    statuses: Numbers
    keys: Numbers
    calls: Numbers
    returns: Numbers
    values: list[Any]
    """What a put wrote or a get read."""
    key_names: list[str | None]
    """By number."""


def columns(operations: list[Operation]) -> Columns:
    """Raises BadHistory where an operation returned before it was called."""
    size = len(operations)
    codes = numpy.fromiter(map(CODES.get, [one.op for one in operations], repeat(OTHER)), numpy.int8, size)
    statuses = numpy.fromiter(map(STATUSES.__getitem__, [one.status for one in operations]), numpy.int8, size)
    numbered: defaultdict[str | None, int] = defaultdict(count().__next__)
    keys = numpy.fromiter(map(numbered.__getitem__, [one.key for one in operations]), numpy.int64, size)
    calls = numpy.array([one.call_ns for one in operations], numpy.int64)
    returns = numpy.array([NEVER if one.return_ns is None else one.return_ns for one in operations], numpy.int64)
    statuses[(statuses == OK) & (returns == NEVER)] = UNKNOWN
    returns[statuses == UNKNOWN] = NEVER
    wrong = numpy.flatnonzero((returns < calls) & (statuses == OK))
    if len(wrong):
        raise BadHistory(f"{line(operations[wrong[0]])}: it returned before it was called")
    values = [
        one.input if code == PUT else one.output if code == GET else None
        for one, code in zip(operations, codes.tolist(), strict=True)
    ]
    return Columns(codes, statuses, keys, calls, returns, values, list(numbered))


def number_values(table: Columns, nulls: Numbers) -> tuple[Numbers, int]:
    """A number for each (key, value); that of a key's null is how many others there are plus the key's number."""
    try:
        numbers, distinct = _numbered(table.values)
    except TypeError:
        numbers, distinct = _numbered([frozen(value) for value in table.values])
    owner = numpy.zeros(distinct, numpy.int64)
    owner[numbers] = table.keys
    if not (nulls | (owner[numbers] == table.keys)).all():
        pairs = numbers * len(table.key_names) + table.keys
        kept, numbers = numpy.unique(pairs, return_inverse=True)
        numbers, distinct = numbers.reshape(-1), len(kept)
    return numpy.where(nulls, distinct + table.keys, numbers), distinct


def _numbered(values: list[Any]) -> tuple[Numbers, int]:
    """A number for each value, and how many there are. Raises TypeError for one that cannot be hashed."""
    numbered: defaultdict[Any, int] = defaultdict(count().__next__)
    numbers = numpy.fromiter(map(numbered.__getitem__, values), numpy.int64, len(values))
    return numbers, len(numbered)


def judge(operations: list[Operation]) -> tuple[Finding | None, int, list[Operation]]:
    """A violation or None, how many keys were judged, and the operations on all other keys."""
    table = columns(operations)
    nulls = numpy.fromiter((value is None for value in table.values), bool, len(operations))
    there = table.statuses != FAILED
    other = _odd_keys(operations, table, there & ((table.codes == DELETE) | ((table.codes == PUT) & nulls)))
    numbers, distinct = number_values(table, nulls)
    size = distinct + len(table.key_names)
    written = there & (table.codes == PUT)
    writes = numpy.bincount(numbers[written & ~other[table.keys]], minlength=size)
    other[table.keys[written & (writes[numbers] > 1)]] = True
    judged = ~other[table.keys]
    live = judged & there & ~((table.codes == GET) & (table.statuses == UNKNOWN))
    finding = _violation(operations, table, numbers, distinct, live) if live.any() else None
    rest = [operations[index] for index in numpy.flatnonzero(~judged).tolist()]
    return finding, int((~other).sum()), rest


def _odd_keys(operations: list[Operation], table: Columns, odd: Numbers) -> Numbers:
    """For each key: whether it cannot be judged here."""
    other = numpy.zeros(len(table.key_names), bool)
    other[table.keys[(table.codes == OTHER) | odd]] = True
    keyless = None in table.key_names
    if keyless:
        other[table.key_names.index(None)] = True
    named = {name: number for number, name in enumerate(table.key_names)}
    for index in numpy.flatnonzero(table.codes == OTHER).tolist() if keyless else ():
        if operations[index].op == "txn":
            for micro in micro_operations(operations[index]):
                if micro[1] in named:
                    other[named[micro[1]]] = True
    return other


def _violation(
    operations: list[Operation], table: Columns, numbers: Numbers, distinct: int, live: Numbers
) -> Finding | None:
    size = distinct + len(table.key_names)
    reads = numpy.flatnonzero(live & (table.codes == GET))
    writes = numpy.flatnonzero(live & (table.codes == PUT))
    written_at = numpy.full(size, NEVER)
    written_at[numbers[writes]] = table.calls[writes]
    has_writer = numpy.zeros(size, bool)
    has_writer[numbers[writes]] = True
    has_writer[distinct:] = True
    written_at[distinct:] = LONG_AGO
    bad = reads[~has_writer[numbers[reads]]]
    if len(bad):
        index = int(bad[0])
        failed = numpy.flatnonzero((numbers == numbers[index]) & (table.codes == PUT))
        return clusters.unwritten(operations, index, failed.tolist())
    bad = reads[table.returns[reads] < written_at[numbers[reads]]]
    if len(bad):
        index = int(bad[0])
        return clusters.too_early(operations, index, int(writes[numbers[writes] == numbers[index]][0]))
    members = numpy.flatnonzero(live)
    first, last = numpy.full(size, NEVER), numpy.full(size, LONG_AGO)
    numpy.minimum.at(first, numbers[members], table.returns[members])
    numpy.maximum.at(last, numbers[members], table.calls[members])
    first[distinct:] = LONG_AGO
    present = numpy.flatnonzero(last > LONG_AGO)
    keys = numpy.zeros(size, numpy.int64)
    keys[numbers[members]] = table.keys[members]
    found = conflict(keys[present], first[present], last[present])
    if found is None:
        return None
    both = [members[numbers[members] == present[one]].tolist() for one in found]
    return clusters.conflicting(operations, both[0], both[1])
