# SPDX-License-Identifier: Apache-2.0
"""Scripts of the Watch service, see ``steps``."""

from __future__ import annotations

from typing import Any

from tests.e2e.etcd.cases import ALL, FOUR, At, Steps, compact, delete, get, put, txn, when
from tests.e2e.etcd.steps import (
    events,
    grant,
    open_,
    receive,
    receive_by_watch,
    revoke,
    send,
    watch,
)

NOPUT, NODELETE = 0, 1


def opened(key: bytes = b"k", range_end: bytes = b"", **fields: Any) -> Steps:
    """A stream "w" with one watch, and its first message."""
    return [open_("w", "Watch", watch(key, range_end, **fields)), receive("w")]


def history(count: int, key: bytes = b"k", range_end: bytes = b"", **fields: Any) -> Steps:
    """As ``opened``, and so many events."""
    return [*opened(key, range_end, **fields), events("w", count)]


def refused(request: dict[str, Any]) -> Steps:
    """A watch that is not to be; one after it shows that the stream lives, and under which id."""
    return [open_("w", "Watch", request), receive("w"), send("w", watch(b"k")), receive("w"), put(b"k"), receive("w")]


THREE: Steps = [put(b"k", b"1"), put(b"k", b"2"), put(b"k", b"3")]
CUT: Steps = [*THREE, put(b"k", b"4"), compact(At(3))]

START: dict[str, Steps] = {
    "from now": [*THREE, *opened(), put(b"k", b"4"), receive("w")],
    "from revision 0 is from now": [*THREE, *opened(start_revision=0), put(b"k", b"4"), receive("w")],
    "from a negative revision is refused": [*THREE, *refused(watch(b"k", start_revision=-1))],
    "from the far negative is refused": [*THREE, *refused(watch(b"k", start_revision=-(1 << 63)))],
    "from a negative revision with a chosen id": refused(watch(b"k", start_revision=-1, watch_id=3)),
    "from a negative revision after a compaction": [*CUT, *refused(watch(b"k", start_revision=-1))],
    "from the first event": [*THREE, *history(3, start_revision=At(1)), put(b"k", b"4"), receive("w")],
    "from the middle": [*THREE, *history(2, start_revision=At(2)), put(b"k", b"4"), receive("w")],
    "from the current revision": [*THREE, *history(1, start_revision=At(3)), put(b"k", b"4"), receive("w")],
    "from the next revision": [*THREE, *opened(start_revision=At(4)), put(b"k", b"4"), receive("w")],
    "from the one after the next": [
        *THREE,
        *opened(start_revision=At(5)),
        put(b"k", b"4"),
        put(b"k", b"5"),
        receive("w"),
    ],
    "from the far future nothing comes": [
        *opened(start_revision=At(1_000_000)),
        send("w", watch(b"k")),
        receive("w"),
        put(b"k", b"1"),
        receive("w"),
    ],
    "from the greatest revision there can be": [
        *opened(start_revision=(1 << 63) - 1),
        send("w", watch(b"k")),
        receive("w"),
        put(b"k", b"1"),
        receive("w"),
    ],
    "from a past without events of the key": [
        *THREE,
        *opened(b"x", start_revision=At(1)),
        put(b"x", b"1"),
        events("w", 1),
    ],
    "from before the key was, and after it was deleted": [
        put(b"x"),
        put(b"k", b"1"),
        delete(b"k"),
        put(b"k", b"2"),
        *history(3, start_revision=At(1)),
    ],
    "from a compacted revision": [*CUT, *opened(start_revision=At(1)), receive("w")],
    "from just below the compacted revision": [*CUT, *opened(start_revision=At(2)), receive("w")],
    "from exactly the compacted revision": [*CUT, *history(2, start_revision=At(3))],
    "from just above the compacted revision": [*CUT, *history(1, start_revision=At(4))],
    "from revision 1, compacted": [*CUT, *opened(start_revision=1), receive("w")],
    "from now, after a compaction": [*CUT, *opened(), put(b"k", b"5"), receive("w")],
    "from a compacted revision with a chosen id": [
        *CUT,
        open_("w", "Watch", watch(b"k", start_revision=At(1), watch_id=7)),
        receive("w", 2),
    ],
    "the stream lives after a compacted start": [
        *CUT,
        *opened(start_revision=At(1)),
        receive("w"),
        send("w", watch(b"k")),
        receive("w"),
        put(b"k", b"5"),
        receive("w"),
    ],
    "a compacted start of a range": [*CUT, *opened(*ALL, start_revision=At(2)), receive("w")],
    "compacting all and starting at the current revision": [
        *THREE,
        compact(At(3)),
        *history(1, start_revision=At(3)),
    ],
    "compacting all and starting at the next": [
        *THREE,
        compact(At(3)),
        *opened(start_revision=At(4)),
        put(b"k", b"4"),
        receive("w"),
    ],
    "compacting does not end a watch of the present": [
        *THREE,
        *opened(),
        compact(At(3)),
        put(b"k", b"4"),
        receive("w"),
        compact(At(4)),
        put(b"k", b"5"),
        receive("w"),
    ],
    "compacting does not end a watch that was given its past": [
        *THREE,
        *history(3, start_revision=At(1)),
        compact(At(3)),
        put(b"k", b"4"),
        receive("w"),
    ],
    "compacting below a start in the future": [
        *opened(start_revision=At(4)),
        *THREE,
        compact(At(3)),
        put(b"k", b"4"),
        receive("w"),
    ],
    "compacting above a start in the future": [
        *opened(start_revision=At(2)),
        put(b"x"),
        put(b"x"),
        put(b"x"),
        compact(At(3)),
        put(b"k", b"4"),
        receive("w"),
    ],
    "a deleted key at the compacted revision": [
        put(b"k", b"1"),
        delete(b"k"),
        put(b"x"),
        compact(At(2)),
        *opened(start_revision=At(2)),
        put(b"k", b"2"),
        events("w", 2),
    ],
    "past and live without a gap": [
        *THREE,
        *opened(start_revision=At(1)),
        put(b"k", b"4"),
        put(b"k", b"5"),
        events("w", 5),
    ],
}

EVENTS: dict[str, Steps] = {
    "a key made, changed and deleted": [*opened(), put(b"k", b"1"), put(b"k", b"2"), delete(b"k"), events("w", 3)],
    "a delete has a key and a revision": [put(b"k", b"v"), *opened(), delete(b"k"), receive("w")],
    "a delete of a key with a lease": [grant(60, 5), put(b"k", b"v", lease=5), *opened(), delete(b"k"), receive("w")],
    "a put with a lease says so": [grant(60, 5), *opened(), put(b"k", b"v", lease=5), receive("w")],
    "a key without value": [*opened(), put(b"k"), receive("w")],
    "keys of any bytes": [*opened(b"\x00\xff"), put(b"\x00\xff", b"\xff\x00"), receive("w")],
    "deleting nothing is no event": [*opened(), delete(b"k"), put(b"k", b"1"), receive("w")],
    "other keys are no events": [*opened(), put(b"j"), put(b"ka"), put(b"l"), put(b"k"), receive("w")],
    "a put of the same value is an event": [put(b"k", b"v"), *opened(), put(b"k", b"v"), receive("w")],
    "a put that keeps the value": [put(b"k", b"v"), *opened(), put(b"k", ignore_value=True), receive("w")],
    "a put that keeps the lease": [
        grant(60, 5),
        put(b"k", b"v", lease=5),
        *opened(),
        put(b"k", b"w", ignore_lease=True),
        receive("w"),
    ],
    "a refused put is no event": [*opened(), put(b"k", b"v", lease=404), put(b"k", b"w"), receive("w")],
    "versions begin anew after a delete": [*opened(), put(b"k"), put(b"k"), delete(b"k"), put(b"k"), events("w", 4)],
    "a range deleted is one message": [*FOUR, *opened(*ALL), delete(*ALL), receive("w")],
    "a transaction is one message": [
        put(b"a", b"0"),
        *opened(*ALL),
        txn(then=[put(b"c", b"1"), put(b"b", b"2"), delete(b"a"), get(b"c")]),
        receive("w"),
    ],
    "a transaction that writes a key and deletes it": [
        *opened(*ALL),
        txn(then=[put(b"a", b"1"), txn(then=[put(b"b", b"2")])]),
        receive("w"),
    ],
    "a transaction: two deletes of one key": [
        put(b"k"),
        *opened(),
        txn(then=[delete(b"k"), delete(b"k")]),
        receive("w"),
    ],
    "the branch taken": [
        *opened(*ALL),
        txn(when(b"k", 0, 0, version=1), then=[put(b"a")], orelse=[put(b"b")]),
        receive("w"),
    ],
    "a transaction that only reads is no event": [*opened(), txn(then=[get(b"k")]), put(b"k"), receive("w")],
    "only the watched keys of a transaction": [*opened(), txn(then=[put(b"j"), put(b"k"), put(b"l")]), receive("w")],
    "a transaction in the past is whole": [
        txn(then=[put(b"a"), put(b"b"), put(b"c")]),
        put(b"d"),
        *history(4, *ALL, start_revision=At(1)),
    ],
    "a range deleted in the past": [*FOUR, delete(*ALL), *history(4, *ALL, start_revision=At(8))],
    "128 puts in one transaction": [
        *opened(*ALL),
        txn(then=[put(b"%03d" % number) for number in range(128)]),
        receive("w"),
    ],
    "a lease revoked: keys in order, one revision": [
        grant(60, 5),
        put(b"c", b"1", lease=5),
        put(b"a", b"2", lease=5),
        put(b"b", b"3", lease=5),
        *opened(*ALL),
        revoke(5),
        receive("w"),
    ],
    "a lease revoked without keys is no event": [grant(60, 5), *opened(), revoke(5), put(b"k"), receive("w")],
    "a lease revoked: prev_kv": [
        grant(60, 5),
        put(b"b", b"1", lease=5),
        put(b"a", b"2", lease=5),
        *opened(*ALL, prev_kv=True),
        revoke(5),
        receive("w"),
    ],
    "a lease revoked in the past": [
        grant(60, 5),
        put(b"b", b"1", lease=5),
        put(b"a", b"2", lease=5),
        revoke(5),
        *history(4, *ALL, start_revision=At(1)),
    ],
    "a lease expired: keys in order, one revision": [
        grant(4, 5),
        put(b"c", b"1", lease=5),
        put(b"a", b"2", lease=5),
        put(b"b", b"3", lease=5),
        *opened(*ALL, prev_kv=True),
        receive("w"),
        get(*ALL),
    ],
    "compacting is no event": [*THREE, *opened(), compact(At(3)), put(b"k"), receive("w")],
    "a value of a mebibyte": [*opened(), put(b"k", b"v" * (1 << 20)), receive("w")],
}

RANGES: dict[str, Steps] = {
    "by prefix": [*opened(b"p/", b"p0"), put(b"p"), put(b"p/1"), put(b"p0"), put(b"p/2"), events("w", 2)],
    "half open": [*opened(b"a", b"c"), put(b"c"), put(b"b"), put(b"a"), events("w", 2)],
    "from a key on": [*opened(b"c", b"\0"), put(b"b"), put(b"c"), put(b"zz"), put(b"\xff\xff"), events("w", 3)],
    "all keys": [*opened(b"\0", b"\0"), put(b"\0"), put(b"k"), put(b"\xff"), events("w", 3)],
    "no key and all keys": [*opened(b"", b"\0"), put(b"\0"), put(b"k"), events("w", 2)],
    "no key and an end": [*opened(b"", b"c"), put(b"c"), put(b"b"), receive("w")],
    "no key and no end": [*opened(b""), put(b"\0"), put(b"k"), receive("w")],
    "an end before the key is refused": refused(watch(b"c", b"a")),
    "an end equal to the key is refused": refused(watch(b"c", b"c")),
    "an empty range in the past is refused": [*FOUR, *refused(watch(b"c", b"a", start_revision=At(1)))],
    "an empty range with a chosen id": refused(watch(b"c", b"a", watch_id=4)),
    "an empty range and a compacted start": [*FOUR, compact(At(5)), *refused(watch(b"c", b"a", start_revision=At(1)))],
    "a range of one key": [*opened(b"k", b"k\0"), put(b"k\0"), put(b"k"), receive("w")],
    "the past of a range": [*FOUR, *history(3, b"a", b"c", start_revision=At(1))],
    "the past from a key on": [*FOUR, *history(4, b"c", b"\0", start_revision=At(1))],
    "the past of all keys": [*FOUR, *history(7, *ALL, start_revision=At(1))],
}

PREVIOUS: dict[str, Steps] = {
    "of a new key is absent": [*opened(prev_kv=True), put(b"k", b"1"), receive("w")],
    "of a changed key": [put(b"k", b"1"), *opened(prev_kv=True), put(b"k", b"2"), receive("w")],
    "of a deleted key": [put(b"k", b"1"), *opened(prev_kv=True), delete(b"k"), receive("w")],
    "after a delete is absent": [put(b"k"), delete(b"k"), *opened(prev_kv=True), put(b"k", b"2"), receive("w")],
    "in the past": [*THREE, delete(b"k"), put(b"k"), *history(5, start_revision=At(1), prev_kv=True)],
    "of a range": [*FOUR, *opened(*ALL, prev_kv=True), delete(b"a", b"c"), receive("w")],
    "of a transaction": [*FOUR, *opened(*ALL, prev_kv=True), txn(then=[put(b"a", b"9"), delete(b"b")]), receive("w")],
    "with a lease": [
        grant(60, 5),
        put(b"k", b"1", lease=5),
        *opened(prev_kv=True),
        put(b"k", b"2"),
        receive("w"),
    ],
    "at the compacted revision": [*CUT, *history(2, start_revision=At(3), prev_kv=True)],
    "one watch with and one without": [
        put(b"k", b"1"),
        *opened(prev_kv=True),
        send("w", watch(b"k")),
        receive("w"),
        put(b"k", b"2"),
        receive_by_watch("w", 2),
    ],
}

FILTERS: dict[str, Steps] = {
    "no puts": [*opened(filters=[NOPUT]), put(b"k", b"1"), delete(b"k"), receive("w")],
    "no deletes": [put(b"k", b"0"), *opened(filters=[NODELETE]), delete(b"k"), put(b"k", b"2"), receive("w")],
    "neither: nothing comes": [
        *opened(filters=[NOPUT, NODELETE]),
        send("w", watch(b"k", filters=[NODELETE])),
        receive("w"),
        put(b"k", b"1"),
        delete(b"k"),
        put(b"k", b"2"),
        events("w", 2),
    ],
    "the same twice": [*opened(filters=[NOPUT, NOPUT]), put(b"k"), delete(b"k"), receive("w")],
    "an unknown one": [*opened(filters=[7]), put(b"k"), delete(b"k"), events("w", 2)],
    "no puts, in the past": [*THREE, delete(b"k"), put(b"k"), *history(1, start_revision=At(1), filters=[NOPUT])],
    "no deletes, in the past": [
        *THREE,
        delete(b"k"),
        put(b"k"),
        *history(4, start_revision=At(1), filters=[NODELETE]),
    ],
    "no puts, with prev_kv": [
        put(b"k", b"1"),
        *opened(filters=[NOPUT], prev_kv=True),
        put(b"k", b"2"),
        delete(b"k"),
        receive("w"),
    ],
    "no puts, in a transaction": [
        *FOUR,
        *opened(*ALL, filters=[NOPUT]),
        txn(then=[put(b"e"), delete(b"a"), put(b"f"), delete(b"b")]),
        receive("w"),
    ],
    "no deletes, in a transaction": [
        *FOUR,
        *opened(*ALL, filters=[NODELETE]),
        txn(then=[put(b"e"), delete(b"a"), put(b"f"), delete(b"b")]),
        receive("w"),
    ],
    "no deletes, a lease revoked": [
        grant(60, 5),
        put(b"k", b"v", lease=5),
        *opened(filters=[NODELETE]),
        revoke(5),
        put(b"k", b"w"),
        receive("w"),
    ],
}


CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("start", START),
        ("events", EVENTS),
        ("ranges", RANGES),
        ("prev_kv", PREVIOUS),
        ("filters", FILTERS),
    )
    for name, steps in cases.items()
}
