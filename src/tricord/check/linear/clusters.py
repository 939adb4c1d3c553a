# SPDX-License-Identifier: Apache-2.0
"""Why a register whose writes are all different is not linearizable, in words."""

from __future__ import annotations

from dataclasses import dataclass

from tricord.check.finding import Finding
from tricord.check.history import OK, Operation
from tricord.check.linear.move import NEVER, Move, returned
from tricord.check.linear.words import said, violation


def unwritten(operations: list[Operation], read: int, failed: list[int]) -> Finding:
    """A value was read that no write left; ``failed`` are writes of it that had no effect."""
    one = operations[read]
    value = said(one.output)
    if failed:
        reason = f"#{read} read {value}, which only the failed #{failed[0]} wrote"
        return violation(operations, [read, failed[0]], "dirty read", reason, ["A write that failed had no effect."])
    return violation(operations, [read], "phantom value", f"#{read} read {value}, which nobody wrote to {one.key}")


def too_early(operations: list[Operation], read: int, write: int) -> Finding:
    """A value was read before its write was called."""
    reason = f"#{read} returned {said(operations[read].output)} before #{write}, which wrote it, was called"
    return violation(operations, [read, write], "read from the future", reason)


@dataclass(slots=True)
class Cluster:
    """The operations around one value: which returned first, which was called last, which wrote it."""

    first: int | None
    last: int
    write: int | None
    """None: the initial null, which was there before everything."""
    value: str


def _cluster(operations: list[Operation], indexes: list[int]) -> Cluster:
    def back(index: int) -> int:
        return returned(operations[index])

    write = next((index for index in indexes if operations[index].op != "get"), None)
    first = None if write is None else min(indexes, key=back)
    last = max(indexes, key=lambda index: operations[index].call_ns)
    # Of several that returned or were called at that time, and where it proves as much, the write says most.
    value = None if write is None else operations[write].input
    return Cluster(first, last, write, said(value))


def conflicting(operations: list[Operation], one: list[int], other: list[int]) -> Finding:
    """Two clusters each of which has to come before the other."""
    old, new = _cluster(operations, one), _cluster(operations, other)
    if _precedes(operations, new.write, old.write) or (old.write is not None and new.write is None):
        old, new = new, old
    ordered = old.write is None or _precedes(operations, old.write, new.write)
    if ordered and _precedes(operations, new.write, old.last):
        new.first = new.write
        old.first = old.write
        new.last = new.write if new.write is not None else new.last
        anomaly = "stale read"
        reason = f"#{old.last} read {old.value} on {operations[old.last].key}, though {new.value} had replaced it"
    else:
        anomaly = "reordered reads"
        reason = f"{old.value} and {new.value} on {operations[old.last].key} each had to be there before the other"
    argument = [
        _argument(old, new),
        _argument(new, old),
        f"So neither {old.value} nor {new.value} can have been first.",
    ]
    if anomaly == "stale read":
        argument[-1] = f"So nobody could read {old.value} after that, but #{old.last} did."
    named = (old.first, old.last, old.write, new.first, new.last, new.write)
    return violation(operations, {index for index in named if index is not None}, anomaly, reason, argument)


def _precedes(operations: list[Operation], before: int | None, after: int | None) -> bool:
    if before is None or after is None:
        return before is None and after is not None
    back = returned(operations[before])
    return back != NEVER and back < operations[after].call_ns and operations[before].status == OK


def _argument(before: Cluster, after: Cluster) -> str:
    if before.first is None:
        return f"{before.value} was there at the beginning, before #{after.last} wrote or read {after.value}."
    return (
        f"#{before.first} wrote or read {before.value} and returned before #{after.last}, "
        f"which wrote or read {after.value}, was called: {before.value} was there before {after.value}."
    )


def broken_zone(operations: list[Operation], zone: list[Move], within: list[Move]) -> Finding:
    """A value was there before and after something that it cannot have been there at."""
    if any(move.blind and move.makes is not None for move in within):
        return conflicting(operations, [move.index for move in zone], [move.index for move in within])
    middle = within[0].index
    cluster = _cluster(operations, [move.index for move in zone])
    did = "deleted it" if within[0].blind else "read null"
    reason = f"#{middle} {did} while {cluster.value} was on {operations[middle].key}"
    argument = [
        f"#{cluster.first} wrote or read {cluster.value} and returned before #{middle} was called, and #{cluster.last} "
        f"read it again after #{middle} had returned: {cluster.value}, written once, was there all the time between."
    ]
    named = {cluster.first, cluster.last, cluster.write, middle}
    return violation(operations, {one for one in named if one is not None}, "broken zone", reason, argument)
