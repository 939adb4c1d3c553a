# SPDX-License-Identifier: Apache-2.0
"""Plans as text, the format that ``sim.plan`` shows. What is written is read back as an equal plan."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isfinite
from typing import Any, TypeVar

from tricord.sim.fault_kinds import BOTH, KINDS, Kind, Targets
from tricord.sim.plan import Fault, Plan

T = TypeVar("T", int, float)

_NAME = re.compile(r"[a-z][a-z0-9_.-]*\Z")
_WHOLE = {"seed": (0, None), "members": (1, 9), "clients": (1, 1_000), "keys": (1, 100_000)}
"""Whole numbers, and the smallest and largest that each may be."""
_FRACTIONAL = {"seconds": (0.0, 1e6), "load": (0.01, 1e5)}
_AMOUNTS = (0.0, 1e9)
_OPTIONS = {
    "drain_ms": (0.0, 1e6),
    "election_ticks": (2, 1e6),
    "latency_ms": (0.0, 1e6),
    "lease_drift_ticks": (0, 1e6),
    "lull": (0.0, 1e6),
    "message_entries": (1, 1e6),
    "quiesce_ticks": (0, 1e6),
    "snapshot_entries": (0, 1e6),
    "sync_ms": (0.0, 1e6),
    "values": (0, 1e6),
}
"""What a net could not run with is no finding of a checker. Other options change nothing, or switch something on."""


class BadPlan(ValueError):
    """A line that is no part of a plan. The message names the line."""


def format_plan(plan: Plan) -> str:
    """The plan as a text of lines."""
    lines = [
        f"net {plan.net}",
        f"seed {plan.seed}",
        f"members {plan.members}",
        f"seconds {_number(plan.seconds)}",
        f"load {_number(plan.load)}",
        f"clients {plan.clients}",
        f"keys {plan.keys}",
        *(f"option {name} {_number(value)}" for name, value in sorted(plan.options.items())),
        *map(format_fault, plan.faults),
    ]
    return "\n".join(lines) + "\n"


def format_fault(fault: Fault) -> str:
    """One fault on one line."""
    words = ["fault", _number(fault.at), fault.kind, ",".join(fault.targets) or "all"]
    if fault.seconds:
        words += ["for", _number(fault.seconds)]
    if fault.amount:
        words += ["amount", _number(fault.amount)]
    return " ".join(words)


def _number(value: float) -> str:
    """The shortest text that is read as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def parse_plan(text: str) -> Plan:
    """Read a plan. Raises BadPlan."""
    values: dict[str, Any] = {}
    options: dict[str, float] = {}
    faults: list[Fault] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        words = line.partition("#")[0].split()
        try:
            if words:
                _take(words, values, options, faults)
        except ValueError as error:
            raise BadPlan(f"line {number}: {error}") from None
    for name in ("net", "seed"):
        if name not in values:
            raise BadPlan(f"the plan has no line of {name!r}")
    for fault in faults:
        if values["net"] not in KINDS[fault.kind].nets:
            raise BadPlan(f"the fault {fault.kind!r} does not exist on the net {values['net']!r}")
    return replace(Plan(**values), options=options, faults=tuple(sorted(faults, key=lambda fault: fault.at)))


def _take(words: list[str], values: dict[str, Any], options: dict[str, float], faults: list[Fault]) -> None:
    """What one line says. Raises ValueError."""
    match words:
        case ["fault", at, kind, targets, *rest]:
            faults.append(_fault(at, kind, targets, rest))
        case ["option", name, value]:
            _once(_name(name), options)
            options[name] = _within(name, _fraction(value), *_OPTIONS.get(name, (-1e9, 1e9)))
        case ["net", net]:
            if net not in BOTH:
                raise ValueError(f"there is no net {net!r}, but {' and '.join(sorted(BOTH))}")
            _once("net", values)
            values["net"] = net
        case [name, value] if name in _WHOLE:
            _once(name, values)
            values[name] = _within(name, _whole(value), *_WHOLE[name])
        case [name, value] if name in _FRACTIONAL:
            _once(name, values)
            values[name] = _within(name, _fraction(value), *_FRACTIONAL[name])
        case _:
            raise ValueError(f"not a line of a plan: {' '.join(words)!r}")


def _once(name: str, values: dict[str, Any]) -> None:
    if name in values:
        raise ValueError(f"{name!r} for the second time")


def _fault(at: str, kind: str, targets: str, rest: list[str]) -> Fault:
    if kind not in KINDS:
        raise ValueError(f"there is no fault {kind!r}; `tricord sim kinds` lists them")
    named = () if targets == "all" else tuple(map(_name, targets.split(",")))
    _check_targets(KINDS[kind], named)
    fault = Fault(_time(at), kind, named)
    match rest:
        case []:
            return fault
        case ["for", seconds]:
            return replace(fault, seconds=_time(seconds))
        case ["amount", amount]:
            return replace(fault, amount=_amount(amount))
        case ["for", seconds, "amount", amount]:
            return replace(fault, seconds=_time(seconds), amount=_amount(amount))
    raise ValueError(f"expected `for SECONDS` and `amount NUMBER`, not {' '.join(rest)!r}")


def _check_targets(kind: Kind, targets: tuple[str, ...]) -> None:
    if len(set(targets)) < len(targets):
        raise ValueError(f"{kind.name}: a target is named twice")
    wanted = {Targets.ONE: 1, Targets.PAIR: 2, Targets.ALL: 0}.get(kind.targets, len(targets))
    if len(targets) != wanted or (kind.targets is Targets.SIDE and not targets):
        raise ValueError(f"{kind.name} is for {kind.targets.value}, not for {','.join(targets) or 'all'}")


def _name(text: str) -> str:
    if not _NAME.match(text) or text == "all":
        raise ValueError(f"{text!r} is no name")
    return text


def _whole(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 40:
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def _within(name: str, value: T, least: float, most: float | None) -> T:
    if value < least or (most is not None and value > most):
        raise ValueError(f"{name} is {_range(least, most)}, not {_number(value)}")
    return value


def _range(least: float, most: float | None) -> str:
    return f"{_number(least)} or more" if most is None else f"from {_number(least)} to {_number(most)}"


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value


def _time(text: str) -> float:
    return _within("a number of seconds", _fraction(text), *_FRACTIONAL["seconds"])


def _amount(text: str) -> float:
    return _within("an amount", _fraction(text), *_AMOUNTS)
