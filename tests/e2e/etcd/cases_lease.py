# SPDX-License-Identifier: Apache-2.0
"""Scripts of the Lease service, see ``steps``. Leases have the ids that scripts choose, where they choose one."""

from __future__ import annotations

from tests.e2e.etcd.cases import (
    ALL,
    DESCEND,
    EQUAL,
    GREATER,
    LEASE,
    LESS,
    NOT_EQUAL,
    At,
    Step,
    Steps,
    compact,
    delete,
    get,
    put,
    txn,
    when,
)
from tests.e2e.etcd.steps import (
    Name,
    bind,
    cancel,
    finish,
    grant,
    half_close,
    leases,
    open_,
    receive,
    revoke,
    send,
    time_to_live,
    unary,
    until,
)

ID = 0x1234
GRANTED = grant(60, ID)
LONGEST = 9_000_000_000


def held(*keys: bytes, lease: int = ID) -> Steps:
    """A lease with these keys."""
    return [grant(60, lease), *(put(key, b"v", lease=lease) for key in keys)]


def gone(lease: int) -> Step:
    """Until the lease is no more."""
    return until(time_to_live(lease), TTL="-1")


GRANT: dict[str, Steps] = {
    "with a chosen id": [GRANTED, leases()],
    "without an id": [bind("lease", grant(60), "ID"), leases(), time_to_live(Name("lease"))],
    "two without an id": [bind("one", grant(60), "ID"), bind("two", grant(60), "ID"), revoke(Name("one")), leases()],
    "an id that exists is refused": [GRANTED, grant(60, ID), grant(10, ID), time_to_live(ID)],
    "an id that was revoked": [GRANTED, revoke(ID), GRANTED, leases()],
    "a negative id": [grant(60, -7), leases(), time_to_live(-7), put(b"k", lease=-7), revoke(-7)],
    "the least id and the greatest": [grant(60, -(1 << 63)), grant(60, (1 << 63) - 1), leases()],
    "is no revision": [GRANTED, put(b"k"), get(b"k")],
    **{f"{ttl} seconds": [grant(ttl, ID), time_to_live(ID)] for ttl in (-(1 << 63), -1, 0, 1, 2, 3, 10, 3600)},
    "the longest": [grant(LONGEST, ID), time_to_live(ID)],
    "longer than the longest is refused": [grant(LONGEST + 1, ID), grant((1 << 63) - 1, ID), leases()],
    "too long and an id that exists": [GRANTED, grant(LONGEST + 1, ID)],
    "too long and without an id": [grant(LONGEST + 1)],
}

REVOKE: dict[str, Steps] = {
    "an unknown lease": [revoke(404)],
    "no lease": [revoke(0)],
    "a negative one": [revoke(-1)],
    "twice": [GRANTED, revoke(ID), revoke(ID)],
    "without keys is no revision": [GRANTED, revoke(ID), put(b"k"), get(b"k")],
    "deletes its keys in one revision": [*held(b"c", b"a", b"b"), put(b"d"), revoke(ID), get(*ALL), put(b"e")],
    "header": [*held(b"a"), revoke(ID)],
    "leaves keys of other leases": [*held(b"a"), *held(b"b", lease=9), revoke(ID), get(*ALL), leases()],
    "leaves keys without lease": [*held(b"a"), put(b"b"), revoke(ID), get(*ALL)],
    "of a key deleted before": [*held(b"a", b"b"), delete(b"a"), revoke(ID), get(*ALL)],
    "of keys that were all deleted is no revision": [*held(b"a"), delete(b"a"), revoke(ID), put(b"k")],
    "of a key deleted and made again without lease": [*held(b"a"), delete(b"a"), put(b"a"), revoke(ID), get(b"a")],
    "after a compaction": [*held(b"a"), put(b"b"), compact(At(2)), revoke(ID), get(*ALL)],
    "many keys": [
        GRANTED,
        *(txn(then=[put(b"%d%02d" % (part, key), lease=ID) for key in range(100)]) for part in range(3)),
        revoke(ID),
        get(*ALL),
    ],
    "then a put with it is refused": [*held(b"a"), revoke(ID), put(b"a", lease=ID), get(*ALL)],
}

KEYS: dict[str, Steps] = {
    "a put names its lease": [*held(b"k"), get(b"k")],
    "a put with an unknown lease is refused": [put(b"k", lease=404), get(b"k")],
    "a put with an unknown lease leaves what was": [*held(b"k"), put(b"k", b"w", lease=404), get(b"k")],
    "a put with another lease moves the key": [
        *held(b"k"),
        grant(60, 9),
        put(b"k", b"w", lease=9),
        time_to_live(ID),
        time_to_live(9),
        revoke(ID),
        get(b"k"),
        revoke(9),
        get(b"k"),
    ],
    "a put without lease detaches the key": [*held(b"k"), put(b"k", b"w"), time_to_live(ID), revoke(ID), get(b"k")],
    "a put with the same lease keeps it": [*held(b"k"), put(b"k", b"w", lease=ID), time_to_live(ID), revoke(ID)],
    "ignore_lease keeps the lease": [*held(b"k"), put(b"k", b"w", ignore_lease=True), time_to_live(ID), get(b"k")],
    "ignore_lease of a key without lease": [put(b"k"), GRANTED, put(b"k", b"w", ignore_lease=True), time_to_live(ID)],
    "ignore_lease with a lease is refused": [*held(b"k"), put(b"k", b"w", ignore_lease=True, lease=ID), get(b"k")],
    "ignore_value with a lease": [*held(b"k"), grant(60, 9), put(b"k", ignore_value=True, lease=9), get(b"k")],
    "ignore_value without lease detaches": [*held(b"k"), put(b"k", ignore_value=True), get(b"k"), time_to_live(ID)],
    "prev_kv names the lease that was": [*held(b"k"), put(b"k", b"w", prev_kv=True), delete(b"k", prev_kv=True)],
    "a delete detaches": [*held(b"a", b"b"), delete(b"a"), time_to_live(ID)],
    "a range deleted detaches": [*held(b"a", b"b", b"c"), delete(b"a", b"c"), time_to_live(ID)],
    "a read at a revision before": [*held(b"k"), put(b"k", b"w"), get(b"k"), get(b"k", serializable=True)],
    "keys only names the lease": [*held(b"k"), get(b"k", keys_only=True)],
    "sorted": [*held(b"a", b"b"), get(*ALL, sort_order=DESCEND)],
    "a revoked lease has no keys when granted anew": [*held(b"k"), revoke(ID), GRANTED, time_to_live(ID)],
}

PUTS = [put(b"a", lease=ID), put(b"b", lease=9)]
TXN: dict[str, Steps] = {
    "puts with two leases": [GRANTED, grant(60, 9), txn(then=PUTS), time_to_live(ID), time_to_live(9)],
    "a put with an unknown lease writes nothing": [GRANTED, txn(then=PUTS), get(*ALL), time_to_live(ID)],
    "an unknown lease in the branch that is not taken": [
        GRANTED,
        txn(then=[put(b"a", lease=ID)], orelse=[put(b"b", lease=404)]),
        get(*ALL),
    ],
    "an unknown lease in the other branch, taken": [
        txn(when(b"k", LEASE, EQUAL, lease=5), then=[], orelse=[put(b"b", lease=404)]),
        get(*ALL),
    ],
    "an unknown lease in a nested one": [GRANTED, txn(then=[put(b"a", lease=ID), txn(then=PUTS)]), get(*ALL)],
    "a nested put": [GRANTED, txn(then=[txn(then=[put(b"a", lease=ID)])]), time_to_live(ID)],
    "ignore_lease": [*held(b"k"), txn(then=[put(b"k", b"w", ignore_lease=True)]), get(b"k"), time_to_live(ID)],
    "a delete detaches": [*held(b"a", b"b"), txn(then=[delete(b"a")]), time_to_live(ID)],
    "prev_kv names the lease": [*held(b"k"), txn(then=[put(b"k", prev_kv=True)])],
    "compare: the lease of a key": [
        *held(b"k"),
        *(txn(when(b"k", LEASE, result, lease=lease)) for result in range(4) for lease in (0, ID, ID + 1)),
    ],
    "compare: a key without lease": [
        put(b"k"),
        *(
            txn(when(b"k", LEASE, result, lease=lease))
            for result in (EQUAL, GREATER, LESS, NOT_EQUAL)
            for lease in (0, 1)
        ),
    ],
    "compare: the leases of a range": [
        *held(b"a", b"b"),
        txn(when(b"a", LEASE, EQUAL, b"c", lease=ID)),
        put(b"b"),
        txn(when(b"a", LEASE, EQUAL, b"c", lease=ID)),
    ],
    "compare and put": [
        *held(b"k"),
        txn(when(b"k", LEASE, EQUAL, lease=ID), then=[put(b"k", b"mine", lease=ID)], orelse=[get(b"k")]),
        txn(when(b"k", LEASE, EQUAL, lease=9), then=[put(b"k", b"not mine")], orelse=[get(b"k")]),
    ],
}


def alive(*ids: int) -> Steps:
    """A keep-alive stream and the answers to so many messages."""
    return [open_("a", "LeaseKeepAlive", *({"ID": lease} for lease in ids)), receive("a", len(ids))]


KEEP_ALIVE: dict[str, Steps] = {
    "a lease": [GRANTED, *alive(ID), finish("a")],
    "a lease again and again": [GRANTED, *alive(ID, ID, ID), finish("a")],
    "several leases on a stream": [GRANTED, grant(30, 9), *alive(ID, 9, ID), finish("a")],
    "an unknown lease": [*alive(404), finish("a")],
    "no lease": [*alive(0), finish("a")],
    "a negative one": [*alive(-1), finish("a")],
    "an unknown lease leaves the stream": [GRANTED, *alive(404, ID, 405), finish("a")],
    "a revoked lease": [GRANTED, *alive(ID), revoke(ID), send("a", {"ID": ID}), receive("a"), finish("a")],
    "a lease granted anew": [GRANTED, *alive(ID), revoke(ID), grant(30, ID), send("a", {"ID": ID}), receive("a")],
    "a lease granted after the stream was opened": [*alive(404), grant(60, 404), send("a", {"ID": 404}), receive("a")],
    "the revision of now": [GRANTED, put(b"x"), *alive(ID), put(b"x"), send("a", {"ID": ID}), receive("a")],
    "is no revision": [GRANTED, *alive(ID, ID), put(b"k")],
    "answers the TTL that was granted": [grant(77, 9), grant(1, ID), *alive(ID, 9)],
    "nothing on a stream": [open_("a", "LeaseKeepAlive"), finish("a")],
    "two streams of one lease": [
        GRANTED,
        *alive(ID),
        open_("b", "LeaseKeepAlive", {"ID": ID}),
        receive("b"),
        cancel("a"),
        send("b", {"ID": ID}),
        receive("b"),
        finish("b"),
    ],
    "dropping the stream leaves the lease": [*held(b"k"), *alive(ID), cancel("a"), time_to_live(ID), get(b"k")],
    "with hasleader": [
        GRANTED,
        open_("a", "LeaseKeepAlive", {"ID": ID}, metadata=(("hasleader", "true"),)),
        receive("a"),
        finish("a"),
    ],
    "bytes that are no message end it": [GRANTED, *alive(ID), send("a", b"\x0f"), receive("a")],
    "a hundred messages at once": [GRANTED, *alive(*([ID] * 100)), finish("a")],
}

TIME_TO_LIVE: dict[str, Steps] = {
    "of a lease": [GRANTED, time_to_live(ID, keys=False)],
    "of a lease without keys": [GRANTED, time_to_live(ID)],
    "with keys": [*held(b"k"), time_to_live(ID)],
    "with keys that are not asked for": [*held(b"k"), time_to_live(ID, keys=False)],
    "with keys of a range of bytes": [*held(b"\x00", b"\xff"), revoke(ID), *held(b"\xff\x00"), time_to_live(ID)],
    "of an unknown lease": [time_to_live(404), time_to_live(404, keys=False)],
    "of no lease": [time_to_live(0)],
    "of a negative one": [time_to_live(-1)],
    "of a revoked lease": [*held(b"k"), revoke(ID), time_to_live(ID)],
    "has the revision of now": [GRANTED, put(b"x"), time_to_live(ID)],
    "after a renewal": [GRANTED, *alive(ID), time_to_live(ID)],
}

LEASES: dict[str, Steps] = {
    "none": [leases()],
    "one": [GRANTED, leases()],
    "several": [grant(600, 1), grant(60, 2), grant(6000, 3), leases()],
    "after a revoke": [grant(60, 1), grant(600, 2), revoke(1), leases()],
    "is no revision": [GRANTED, leases(), put(b"k"), leases()],
}

EXPIRY: dict[str, Steps] = {
    "a lease and its keys go": [
        grant(4, ID),
        put(b"b", lease=ID),
        put(b"a", lease=ID),
        put(b"c"),
        gone(ID),
        get(*ALL),
        time_to_live(ID),
        revoke(ID),
        *alive(ID),
        put(b"d", lease=ID),
        leases(),
        GRANTED,
        time_to_live(ID),
    ],
    "only those that end": [
        grant(4, 1),
        grant(60, 2),
        grant(4, 3),
        *(put(b"%d" % lease, lease=lease) for lease in (1, 2, 3)),
        put(b"moved", lease=1),
        put(b"moved", lease=2),
        put(b"detached", lease=1),
        put(b"detached"),
        gone(1),
        gone(3),
        get(*ALL, keys_only=True),
        leases(),
    ],
}

ERRORS: dict[str, Steps] = {
    "bytes that are no message": [
        ("raw", (f"/etcdserverpb.Lease/{method}", b"\x0f"))
        for method in ("LeaseGrant", "LeaseRevoke", "LeaseTimeToLive", "LeaseLeases")
    ],
    "an unknown method": [("raw", ("/etcdserverpb.Lease/LeaseNope", b""))],
    "no keys or lease at all": [unary("LeaseGrant"), unary("LeaseRevoke"), unary("LeaseTimeToLive")],
    "half closed with messages under way": [
        GRANTED,
        *alive(ID),
        send("a", {"ID": ID}, {"ID": 404}),
        half_close("a"),
        finish("a"),
    ],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("grant", GRANT),
        ("revoke", REVOKE),
        ("keys", KEYS),
        ("txn", TXN),
        ("keep-alive", KEEP_ALIVE),
        ("time to live", TIME_TO_LIVE),
        ("leases", LEASES),
        ("expiry", EXPIRY),
        ("errors", ERRORS),
    )
    for name, steps in cases.items()
}
