# SPDX-License-Identifier: Apache-2.0
"""The lines of locks and leases (docs/check.md), and what is certain by them.

- ``acquire`` a lock (the key). Input null, or ``{"lease": name}`` where it lives with a lease. Output false: refused;
  null or true: held; a number or ``{"token": number}``: held, with a fencing token.
- ``release`` it. ``lose`` it: the holder learned that it may be another's.
- ``grant`` a lease (the key), ``renew`` it: output ``{"ttl": seconds}``, 0 where there is none any more.
- ``revoke`` a lease. ``expire``: somebody saw that it is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tricord.check.history import FAIL, OK, UNKNOWN, BadHistory, Operation

ON_LOCKS = frozenset(("acquire", "release", "lose"))
ON_LEASES = frozenset(("grant", "renew", "revoke", "expire"))
FOR_EVER = 2**63
SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class Lease:
    """One lease."""

    name: str
    granted: Operation | None = None
    answers: list[tuple[Operation, int]] = field(default_factory=list)
    """Answered grants and renewals, and until when they promise that it lives, at least."""
    gone: list[Operation] = field(default_factory=list)
    """Who saw that it had ended."""
    revoked_ns: int = FOR_EVER
    """From when on somebody may have ended it."""

    @property
    def certain_ns(self) -> int:
        """Until when it lives for certain."""
        return min(max((until for _, until in self.answers), default=0), self.revoked_ns)


@dataclass(slots=True)
class Holding:
    """One client's time with a lock: from ``begin_ns``, for certain to before ``end_ns``."""

    acquired: Operation
    begin_ns: int
    end_ns: int
    token: int | None
    ended: int | None = None
    """The line that ends the certainty."""


def sorted_by_call(operations: Iterable[Operation]) -> list[Operation]:
    """In the order of calls. Raises BadHistory for operations that are neither on locks nor on leases."""
    for one in operations:
        if one.op not in ON_LOCKS and one.op not in ON_LEASES:
            raise BadHistory(f"line {one.index + 1}: {one.op} is an operation neither of locks nor of leases")
        if one.key is None:
            raise BadHistory(f"line {one.index + 1}: {one.op} needs a key: text")
    return sorted(operations, key=lambda one: one.call_ns)


def leases_of(operations: Iterable[Operation]) -> dict[str, list[Lease]]:
    """By name; a name that is granted again is another lease."""
    found: defaultdict[str, list[Lease]] = defaultdict(list)
    for one in operations:
        if one.op not in ON_LEASES:
            continue
        leases = found[one.key or ""]
        if not leases or (one.op == "grant" and one.status == OK and leases[-1].granted is not None):
            leases.append(Lease(one.key or ""))
        _note(one, leases[-1])
    return found


def _note(one: Operation, lease: Lease) -> None:
    if one.op == "revoke":
        if one.status != FAIL:
            lease.revoked_ns = min(lease.revoked_ns, one.call_ns)
    elif one.status != OK:
        return
    elif one.op == "expire":
        lease.gone.append(one)
    else:
        seconds = _seconds(one)
        if seconds > 0:
            lease.answers.append((one, one.call_ns + round(seconds * SECOND_NS)))
        elif one.op == "renew":
            lease.gone.append(one)
        if one.op == "grant":
            lease.granted = one


def _seconds(one: Operation) -> float:
    ttl = one.output.get("ttl") if isinstance(one.output, dict) else None
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 <= ttl < 1e9:
        raise BadHistory(f'line {one.index + 1}: the output of a {one.op} is {{"ttl": seconds}}')
    return ttl


def holdings_of(operations: Iterable[Operation], leases: dict[str, list[Lease]]) -> dict[str, list[Holding]]:
    """All certain holdings of each lock, in the order of their beginnings."""
    found: defaultdict[str, list[Holding]] = defaultdict(list)
    open_ones: dict[tuple[str, int | str], list[Holding]] = {}
    latest: dict[tuple[str, int | str], Operation] = {}
    for one in operations:
        if one.op not in ON_LOCKS:
            continue
        place = one.key or "", one.client
        _demand_that_it_follows(latest.get(place), one)
        latest[place] = one
        if one.op == "acquire":
            holding = _holding(one, leases)
            if holding is not None:
                found[place[0]].append(holding)
                open_ones.setdefault(place, []).append(holding)
        elif one.status != FAIL:
            for holding in open_ones.pop(place, ()):
                # Who loses a lock that has no lease cannot say since when.
                end = one.call_ns if one.op == "release" or _lease(holding.acquired) else holding.begin_ns
                if end < holding.end_ns:
                    holding.end_ns, holding.ended = end, one.index
    for holdings in found.values():
        holdings.sort(key=lambda holding: holding.begin_ns)
    return found


def _demand_that_it_follows(before: Operation | None, one: Operation) -> None:
    """What one client does with one lock comes one after the other: else nobody knows what a release gave back."""
    if before is not None and before.status != UNKNOWN and (before.return_ns or 0) > one.call_ns:
        raise BadHistory(
            f"line {max(one.index, before.index) + 1}: client {one.client!r} calls {one.op} of {one.key} at "
            f"{one.call_ns} ns, but its {before.op} of line {before.index + 1} returns at {before.return_ns} ns only; "
            "give what works on one lock at the same time a client each"
        )


def _holding(one: Operation, leases: dict[str, list[Lease]]) -> Holding | None:
    token, held = _token(one)
    if not held or one.return_ns is None:
        return None
    name = _lease(one)
    if name is None:
        return Holding(one, one.return_ns, FOR_EVER, token)
    fitting = [each for each in leases.get(name, ()) if each.granted and each.granted.call_ns <= one.return_ns]
    if not fitting:
        return Holding(one, one.return_ns, one.return_ns, token)
    lease = fitting[-1]
    last = max(lease.answers, key=lambda answer: answer[1], default=None)
    return Holding(one, one.return_ns, lease.certain_ns, token, last[0].index if last else None)


def _lease(one: Operation) -> str | None:
    given = one.input
    if given is None:
        return None
    name = given.get("lease") if isinstance(given, dict) else None
    if not isinstance(name, str):
        raise BadHistory(f'line {one.index + 1}: the input of an acquire is null or {{"lease": name}}')
    return name


def _token(one: Operation) -> tuple[int | None, bool]:
    """The fencing token, and whether the lock was acquired for certain."""
    if one.status != OK or one.output is False:
        return None, False
    token: Any = one.output.get("token") if isinstance(one.output, dict) else one.output
    if token is None or token is True:
        return None, True
    if not isinstance(token, int):
        raise BadHistory(f"line {one.index + 1}: the output of an acquire is true, false, null or a number: its token")
    return token, True
