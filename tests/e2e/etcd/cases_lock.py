# SPDX-License-Identifier: Apache-2.0
"""Scripts of the Lock service, see ``steps``. A call that waits is known to wait when its key is in the store."""

from __future__ import annotations

from tests.e2e.etcd.cases import ALL, At, Step, Steps, compact, delete, get, put
from tests.e2e.etcd.steps import (
    Name,
    abandon,
    bind,
    events,
    grant,
    leases,
    open_,
    receive,
    result,
    revoke,
    start,
    time_to_live,
    unary,
    until,
    watch,
)

NAME = b"m"
KEYS = get(b"m/", b"m0", keys_only=True)
ONE, TWO, THREE = (grant(60, lease) for lease in (1, 2, 3))


def lock(lease: object, name: bytes = NAME) -> Step:
    return unary("Lock", name=name, lease=lease)


def unlock(key: bytes) -> Step:
    return unary("Unlock", key=key)


def queue(length: int, first: bytes = b"m/", end: bytes = b"m0") -> Step:
    """Until so many hold the lock or wait for it."""
    return until(get(first, end, count_only=True), count=str(length) if length else None)


HELD: Steps = [ONE, TWO, lock(1)]
WAITING: Steps = [*HELD, start("two", lock(2)), queue(2)]

LOCK: dict[str, Steps] = {
    "a free lock": [ONE, lock(1), KEYS, time_to_live(1)],
    "its key holds no value": [ONE, lock(1), get(b"m/1")],
    "the key ends in the lease in hex": [grant(60, 0xABCDEF), lock(0xABCDEF), KEYS],
    "a negative lease": [grant(60, -2), lock(-2), get(*ALL, keys_only=True)],
    "without a lease the server grants one": [
        bind("key", lock(0), "key"),
        leases(),
        KEYS,
        unary("Unlock", key=Name("key")),
        KEYS,
    ],
    "an unknown lease is refused": [lock(404), KEYS],
    "a revoked lease is refused": [ONE, revoke(1), lock(1), KEYS],
    "again by the same lease": [ONE, lock(1), lock(1), KEYS],
    "two locks of one lease": [ONE, lock(1), lock(1, b"n"), get(*ALL, keys_only=True)],
    "two locks of two leases": [ONE, TWO, lock(1), lock(2, b"n"), get(*ALL, keys_only=True)],
    "without a name": [ONE, lock(1, b""), get(*ALL, keys_only=True)],
    "a name of any bytes": [ONE, lock(1, b"\x00\xff"), get(*ALL, keys_only=True)],
    "a name that ends in a slash": [ONE, lock(1, b"m/"), get(*ALL, keys_only=True)],
    "after a compaction": [put(b"x"), put(b"x"), ONE, compact(At(2)), lock(1), KEYS],
    "is one revision": [ONE, lock(1), put(b"x")],
    "events": [
        ONE,
        open_("w", "Watch", watch(*ALL)),
        receive("w"),
        lock(1),
        receive("w"),
        unlock(b"m/1"),
        receive("w"),
    ],
}

UNLOCK: dict[str, Steps] = {
    "deletes the key": [*HELD, unlock(b"m/1"), KEYS, leases()],
    "leaves the lease": [*HELD, unlock(b"m/1"), time_to_live(1)],
    "of what is not locked": [unlock(b"m/1"), put(b"x")],
    "without a key is refused": [unlock(b"")],
    "of any key at all": [put(b"k"), unlock(b"k"), get(b"k")],
    "twice": [*HELD, unlock(b"m/1"), unlock(b"m/1")],
    "then another locks": [*HELD, unlock(b"m/1"), lock(2), KEYS],
    "then the same locks again": [*HELD, unlock(b"m/1"), lock(1), KEYS],
}

WAIT: dict[str, Steps] = {
    "until the holder unlocks": [*WAITING, unlock(b"m/1"), result("two"), KEYS],
    "until the holder's lease is revoked": [*WAITING, revoke(1), result("two"), KEYS],
    "until the holder's key is deleted": [*WAITING, delete(b"m/1"), result("two"), KEYS],
    "until the holder's lease expires": [
        grant(4, 1),
        TWO,
        lock(1),
        start("two", lock(2)),
        result("two"),
        get(b"m/", b"m0", keys_only=True),
    ],
    "in the order of their coming": [
        *WAITING,
        THREE,
        start("three", lock(3)),
        queue(3),
        unlock(b"m/1"),
        result("two"),
        unlock(b"m/2"),
        result("three"),
        KEYS,
    ],
    "one that waits may give up its lease": [
        *WAITING,
        THREE,
        start("three", lock(3)),
        queue(3),
        revoke(2),
        unlock(b"m/1"),
        result("three"),
        result("two"),
        KEYS,
    ],
    "the lease of the only one that waits is revoked": [*WAITING, revoke(2), unlock(b"m/1"), result("two"), KEYS],
    "the key of one that waits is deleted": [*WAITING, delete(b"m/2"), unlock(b"m/1"), result("two"), KEYS],
    "a call that is cancelled leaves no key": [*WAITING, abandon("two"), queue(1), KEYS],
    "one after a cancelled call": [
        *WAITING,
        THREE,
        start("three", lock(3)),
        queue(3),
        abandon("two"),
        queue(2),
        unlock(b"m/1"),
        result("three"),
        KEYS,
    ],
    "the same lease twice waits as one": [
        *WAITING,
        start("again", lock(2)),
        unlock(b"m/1"),
        result("two"),
        result("again"),
        KEYS,
    ],
    "the holder changes its key and still holds": [
        *WAITING,
        put(b"m/1", b"changed", ignore_lease=True),
        open_("w", "Watch", watch(b"m/1")),
        receive("w"),
        unlock(b"m/1"),
        receive("w"),
        result("two"),
    ],
    "any older key under the name holds it": [
        TWO,
        put(b"m/x"),
        start("two", lock(2)),
        queue(2),
        delete(b"m/x"),
        result("two"),
    ],
    "a lock below holds the one above": [
        ONE,
        TWO,
        lock(1, b"m/n"),
        start("two", lock(2)),
        queue(2),
        unlock(b"m/n/1"),
        result("two"),
    ],
    "a lock above does not hold the one below": [ONE, TWO, lock(1), lock(2, b"m/n"), get(*ALL, keys_only=True)],
    "a name that begins alike does not hold": [ONE, TWO, lock(1), lock(2, b"mm"), get(*ALL, keys_only=True)],
    "a key made later does not hold": [ONE, lock(1), put(b"m/0"), TWO, unlock(b"m/1"), delete(b"m/0"), lock(2)],
    "the history of a queue": [
        open_("w", "Watch", watch(*ALL)),
        receive("w"),
        *WAITING,
        unlock(b"m/1"),
        result("two"),
        unlock(b"m/2"),
        events("w", 4),
    ],
}

ERRORS: dict[str, Steps] = {
    "bytes that are no message": [("raw", (f"/v3lockpb.Lock/{method}", b"\x0f")) for method in ("Lock", "Unlock")],
    "an unknown method": [("raw", ("/v3lockpb.Lock/Nope", b""))],
    "an empty unlock": [("raw", ("/v3lockpb.Lock/Unlock", b""))],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (("lock", LOCK), ("unlock", UNLOCK), ("wait", WAIT), ("errors", ERRORS))
    for name, steps in cases.items()
}
