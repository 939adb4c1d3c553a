# SPDX-License-Identifier: Apache-2.0
"""Convergence: a bounded time after the last write of a key all its readers see the same, and it is no older value.

For each key by itself. Let T be when the last acknowledged write of the key had returned (the beginning, where there is
none). Reads that were called at T + bound or later are *late*.

- A late read gives a value that could be the last: that of an acknowledged write after which no other acknowledged
  one began, or of an unknown write that was called by then; null where no write was acknowledged.
- Late reads give the same value. An unknown write may take effect at any time after its call, once, or never: two
  late reads may differ if one did so between ``bound`` before the first and the end of the second. There must be
  moments for the unknown writes that explain all differences.

Writes are put, delete, cas that took place, append, and ``w`` and ``append`` in a txn. Reads are get, and ``r`` in a
txn that did not write the key before. An append whose whole text is not known may have left any value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import FAIL, OK, UNKNOWN, BadHistory, History, Operation
from tricord.check.words import value_in_words


class _Any:
    """The value of a write that is not known."""


ANY = _Any()


@dataclass(slots=True)
class Write:
    """One write of a key."""

    operation: Operation
    value: Any


@dataclass(slots=True)
class Read:
    """One answered read of a key."""

    operation: Operation
    value: Any

    @property
    def end(self) -> int:
        """When it had returned."""
        assert self.operation.return_ns is not None
        return self.operation.return_ns


@dataclass(slots=True)
class Register:
    """All that was done to one key."""

    acknowledged: list[Write] = field(default_factory=list)
    unknown: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)


def check(history: History, limits: Limits) -> Finding:
    """Whether readers converged within ``limits.bound_ns``. Raises BadHistory for operations that are not on values."""
    registers: dict[Any, Register] = {}
    for one in history.operations:
        for key, kind, value in effects(one):
            register = registers.setdefault(key, Register())
            if kind == "r":
                register.reads.append(Read(one, value))
            elif one.status == OK:
                register.acknowledged.append(Write(one, value))
            else:
                register.unknown.append(Write(one, value))
    late_reads = 0
    for key, register in registers.items():
        late = _late(register, limits.bound_ns)
        late_reads += len(late)
        finding = _no_older_value(key, register, late) or _one_value(key, register, late, limits.bound_ns)
        if finding is not None:
            finding.statistics = {"keys": len(registers), "late_reads": late_reads}
            return finding
    reason = "" if late_reads else "no read was late enough to be judged: read on after the last write"
    return Finding(Verdict.HOLDS, reason, statistics={"keys": len(registers), "late_reads": late_reads})


def effects(one: Operation) -> Iterator[tuple[Any, str, Any]]:
    """What the operation did: key, ``r`` or ``w``, and the value. Raises BadHistory."""
    if one.op == "txn":
        yield from _effects_of_txn(one)
        return
    if one.op not in ("put", "get", "delete", "cas", "append"):
        raise BadHistory(f"line {one.index + 1}: convergence is about reads and writes of values; {one.op} is neither")
    if one.op == "get":
        if one.status == OK:
            yield one.key, "r", one.output
    elif one.status != FAIL:
        if one.op == "put":
            yield one.key, "w", one.input
        elif one.op == "delete":
            yield one.key, "w", None
        elif one.op == "append":
            yield one.key, "w", ANY if one.output is None or one.status == UNKNOWN else one.output
        elif one.status == UNKNOWN or one.output:
            yield one.key, "w", one.input["value"]


def _effects_of_txn(one: Operation) -> Iterator[tuple[Any, str, Any]]:
    written: dict[Any, Any] = {}
    for kind, key, value in one.output if one.status == OK else one.input:
        if kind == "r" and key not in written and one.status == OK:
            yield key, "r", tuple(value) if isinstance(value, list) else value
        elif kind != "r" and one.status != FAIL:
            written[key] = value if kind == "w" else ANY
    for key, value in written.items():
        yield key, "w", value


def _late(register: Register, bound_ns: int) -> list[Read]:
    """The late reads, in the order of their returns."""
    settled = max((write.operation.return_ns or 0 for write in register.acknowledged), default=-bound_ns) + bound_ns
    return sorted((read for read in register.reads if read.operation.call_ns >= settled), key=lambda read: read.end)


def _no_older_value(key: Any, register: Register, late: list[Read]) -> Finding | None:
    newest_call = max((write.operation.call_ns for write in register.acknowledged), default=0)
    last = [write for write in register.acknowledged if (write.operation.return_ns or 0) >= newest_call]
    final = {_hashable(write.value) for write in last} if register.acknowledged else {_hashable(None)}
    if ANY in final:
        return None
    since: dict[Any, int] = {}
    for write in register.unknown:
        value, call = _hashable(write.value), write.operation.call_ns
        since[value] = min(since.get(value, call), call)
    for read in late:
        value = _hashable(read.value)
        if value in final or min(since.get(value, read.end + 1), since.get(ANY, read.end + 1)) <= read.end:
            continue
        older = [write for write in register.acknowledged if _hashable(write.value) == value]
        return _older_value(key, read, older, last)
    return None


def _older_value(key: Any, read: Read, older: list[Write], last: list[Write]) -> Finding:
    one = read.operation
    seen = f"#{one.index} reads {value_in_words(read.value)}"
    if older:
        wrote = f"which #{older[-1].operation.index} wrote before the last write"
    else:
        wrote = "which nobody wrote" if read.value is not None else "though something was written"
    steps = [f"{seen} from {value_in_words(key)}, {wrote}."]
    steps += [
        f"#{write.operation.index} could be the last write: {value_in_words(write.value)}; it returned a bound or more "
        f"before #{one.index} was called."
        for write in last[:3]
    ]
    operations = [*(write.operation.index for write in older[-1:] + last[:3]), one.index]
    reason = f"long after the last write of {value_in_words(key)}, {seen}, {wrote}"
    return Finding(Verdict.VIOLATED, reason, steps, sorted(set(operations)), "older value" if older else "wrong value")


def _one_value(key: Any, register: Register, late: list[Read], bound_ns: int) -> Finding | None:
    """Take the fewest and latest moments at which some unknown write must have taken effect: a new one where two reads
    differ that no moment taken so far lies between. Then each needs an unknown write of its own, called by then."""
    calls = sorted(write.operation.call_ns for write in register.unknown)
    moments: list[int] = []
    pairs: list[tuple[Read, Read]] = []
    first: Read | None = None
    for read in late:
        if moments and read.operation.call_ns - bound_ns <= moments[-1]:
            continue
        if first is None:
            first = read
        elif _hashable(read.value) != _hashable(first.value):
            pairs.append((first, read))
            moments.append(read.end)
            if len(moments) > len(calls) or calls[len(moments) - 1] > read.end:
                return _not_one_value(key, register, pairs)
            first = None
    return None


def _not_one_value(key: Any, register: Register, pairs: list[tuple[Read, Read]]) -> Finding:
    unknown = [write.operation for write in register.unknown if write.operation.call_ns <= pairs[-1][1].end]
    newest_call = max((write.operation.call_ns for write in register.acknowledged), default=0)
    last = [write.operation for write in register.acknowledged if (write.operation.return_ns or 0) >= newest_call]
    name = value_in_words(key)
    steps = [
        f"#{one.operation.index} reads {value_in_words(one.value)} from {name}, and "
        f"#{other.operation.index} reads {value_in_words(other.value)}; both a bound or more after the last "
        "acknowledged write."
        for one, other in pairs
    ]
    if len(pairs) > 1 or unknown:
        steps.append(
            f"That needs {len(pairs)} unknown writes that took effect late; {len(unknown)} were called by then."
        )
    one, other = pairs[-1]
    reason = (
        f"readers of {name} did not converge: #{one.operation.index} reads {value_in_words(one.value)}, "
        f"#{other.operation.index} reads {value_in_words(other.value)}"
    )
    reads = [read.operation for pair in pairs for read in pair]
    operations = sorted({each.index for each in (*last[:3], *unknown, *reads)})
    return Finding(Verdict.VIOLATED, reason, steps, operations, "no convergence")


def _hashable(value: Any) -> Any:
    """Equal for equal JSON values; 1 and true are not."""
    return value if value is ANY or value is None or isinstance(value, str) else (type(value).__name__, value)
