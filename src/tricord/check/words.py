# SPDX-License-Identifier: Apache-2.0
"""Operations and findings in words, for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tricord.check.finding import Finding, Verdict
from tricord.check.history import FAIL, OK, History, Operation

LONGEST_VALUE = 60
LONGEST_LIST = 40
"""Operations of a counter-example that are told one by one."""
UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))


def plain(text: str) -> str:
    """Printable, on one line: what is not is shown by its number."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def value_in_words(value: Any, longest: int = LONGEST_VALUE) -> str:
    """A value as JSON on one line, its middle left out where it is long."""
    text = plain(json.dumps(value, ensure_ascii=False, default=str))
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def call_in_words(one: Operation, longest: int = LONGEST_VALUE) -> str:
    """What was asked: ``put k1 "v7"``."""
    words = [_name(one.op, longest)]
    if one.key is not None:
        # The end of a key tells more than its beginning.
        words.append(_name(one.key if len(one.key) <= longest else f"...{one.key[3 - longest :]}", longest + 2))
    if one.input is not None:
        words.append(value_in_words(one.input, longest))
    return " ".join(words)


def answer_in_words(one: Operation, longest: int = LONGEST_VALUE) -> str:
    """What came of it: ``"v7"``, ``ok``, ``failed`` or ``unknown``."""
    if one.status == OK:
        no_answer = one.output is None and one.op in ("put", "delete", "append", "enqueue", "release")
        return "ok" if no_answer else value_in_words(one.output, longest)
    return "failed" if one.status == FAIL else "unknown"


def duration_in_words(nanoseconds: int) -> str:
    """``1.5 ms``."""
    for size, unit in UNITS:
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.6g} {unit}"
    return "0"


def span_in_words(one: Operation, origin_ns: int) -> str:
    """From call to return, after ``origin_ns``."""
    end = "never returned" if one.return_ns is None else duration_in_words(one.return_ns - origin_ns)
    return f"{duration_in_words(one.call_ns - origin_ns)} .. {end}"


def operation_in_words(one: Operation, origin_ns: int = 0) -> str:
    """All of it: ``client 3: put k1 "v7" -> ok (10 ns .. 25 ns)``."""
    span = span_in_words(one, origin_ns)
    return f"client {_name(str(one.client))}: {call_in_words(one)} -> {answer_in_words(one)} ({span})"


def finding_in_words(model: str, finding: Finding, history: History) -> list[str]:
    """The verdict, the counter-example and the argument, line by line."""
    count = f" ({len(history)} operations)" if finding.verdict is Verdict.HOLDS else ""
    anomaly = f" ({finding.anomaly})" if finding.anomaly else ""
    lines = [f"{finding.verdict.value}: {model}{anomaly}{count}"]
    lines += [finding.reason] if finding.reason else []
    if finding.operations:
        lines += ["", "The operations, #n being line n + 1, times from the first of them on:"]
        lines += _listed([history.operations[index] for index in sorted(set(finding.operations))])
    if finding.steps:
        lines += ["", "Why:"]
        lines += [f"  {number}. {step}" for number, step in enumerate(finding.steps, 1)]
    return [plain(line) for line in lines]


def _listed(operations: Sequence[Operation]) -> list[str]:
    origin = min(one.call_ns for one in operations)
    shown = operations[:LONGEST_LIST]
    width = len(str(shown[-1].index)) + 1
    lines = [f"  {f'#{one.index}':>{width}}  {operation_in_words(one, origin)}" for one in shown]
    if len(shown) < len(operations):
        lines.append(f"  and {len(operations) - len(shown)} more")
    return lines


def _name(text: str, longest: int = LONGEST_VALUE) -> str:
    """A key or client as it is where it is plain, else as JSON."""
    bare = text.isprintable() and text and " " not in text and '"' not in text and len(text) <= longest
    return text if bare else value_in_words(text, longest)
