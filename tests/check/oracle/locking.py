# SPDX-License-Identifier: Apache-2.0
"""Locks and leases by their definition (tricord.check.locks): each half second is looked at."""

from __future__ import annotations

import random

from tests.check.oracle.moments import end
from tricord.check.history import FAIL, OK, UNKNOWN, History, Operation

SECOND = 1_000_000_000
LONGEST = 60
OPS = ("acquire", "acquire", "acquire", "release", "release", "grant", "renew", "expire", "revoke", "lose")


def history(chance: random.Random) -> History:
    """Clients that work on one lock, each with a lease or without."""
    operations: list[Operation] = []
    granted: set[str] = set()
    for client in range(chance.randint(1, 3)):
        now = chance.randint(0, 6)
        lease = chance.choice((None, "a", "b"))
        for op in chance.choices(OPS, k=chance.randint(0, 6)):
            on_lease = op in ("grant", "renew", "expire", "revoke")
            if on_lease and (lease is None or (op == "grant" and lease in granted)):
                continue
            call, back = now, now + chance.randint(0, 3)
            now = back + chance.randint(0, 2)
            one = Operation(client, op, lease if on_lease else "l", call_ns=call * SECOND, return_ns=back * SECOND)
            one.status = chance.choice((OK, OK, OK, UNKNOWN, FAIL))
            if op in ("grant", "renew"):
                one.output = {"ttl": chance.randint(1 if op == "grant" else 0, 6)}
            if op == "grant":
                granted.add(lease or "")
            if op == "acquire":
                one.input = {"lease": lease} if lease else None
                one.output = chance.choice((None, None, True, False, {"token": chance.randint(1, 4)}))
            operations.append(one)
    return History(operations)


def exclusive(one: History) -> bool:
    """Whether no two clients hold the lock at once, tokens grow, and no lease ends early."""
    operations = one.operations
    acquired = [each for each in operations if each.op == "acquire" and each.status == OK and each.output is not False]
    for moment in range(0, LONGEST * SECOND, SECOND // 2):
        if len({each.client for each in acquired if _has(each, moment, operations)}) > 1:
            return False
    return _tokens_grow(acquired) and all(_in_time(each, operations) for each in operations)


def _has(acquire: Operation, moment: int, operations: list[Operation]) -> bool:
    if moment < end(acquire):
        return False
    lease = acquire.input["lease"] if acquire.input else None
    own = [each for each in operations if each.client == acquire.client and each.status != FAIL]
    later = [each for each in own if each.op in ("release", "lose") and each.index > acquire.index]
    if later and (moment >= later[0].call_ns or (lease is None and later[0].op == "lose")):
        return False
    return lease is None or (_granted(lease, end(acquire), operations) and moment < _lives_to(lease, operations))


def _granted(lease: str, by: int, operations: list[Operation]) -> bool:
    grants = [each for each in operations if each.op == "grant" and each.key == lease and each.status == OK]
    return any(each.call_ns <= by for each in grants)


def _promises(lease: str, operations: list[Operation]) -> list[int]:
    answers = [each for each in operations if each.op in ("grant", "renew") and each.key == lease]
    return [each.call_ns + each.output["ttl"] * SECOND for each in answers if each.status == OK and each.output["ttl"]]


def _revoked(lease: str, operations: list[Operation]) -> int:
    calls = [each.call_ns for each in operations if each.op == "revoke" and each.key == lease and each.status != FAIL]
    return min(calls, default=LONGEST * SECOND)


def _lives_to(lease: str, operations: list[Operation]) -> int:
    return min(max(_promises(lease, operations), default=0), _revoked(lease, operations))


def _in_time(gone: Operation, operations: list[Operation]) -> bool:
    saw_it_gone = gone.op == "expire" or (gone.op == "renew" and gone.output == {"ttl": 0})
    if not saw_it_gone or gone.status != OK:
        return True
    lease, seen = gone.key or "", end(gone)
    return _revoked(lease, operations) <= seen or all(seen >= until for until in _promises(lease, operations))


def _tokens_grow(acquired: list[Operation]) -> bool:
    fenced = [each for each in acquired if isinstance(each.output, dict)]
    for one in fenced:
        for other in fenced:
            same = one is not other and one.output == other.output
            if same or (end(one) < other.call_ns and one.output["token"] > other.output["token"]):
                return False
    return True
