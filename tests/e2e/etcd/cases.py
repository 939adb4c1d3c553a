# SPDX-License-Identifier: Apache-2.0
"""Scripts that any etcd must answer alike, as data: name -> steps. A step is (method, request).

A method is one of KV's, with the request's fields; or "POST" and the like, with (path, body) for the JSON gateway; or
"raw", with (gRPC path, bytes). Every script begins on an empty key space. ``At(n)`` is the revision that is n above the
one at the script's start: after one write, the write's own is ``At(1)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class At:
    """A revision relative to the one at the start of the script."""

    offset: int


Step = tuple[str, Any]
Steps = list[Step]


def put(key: bytes, value: bytes = b"", **fields: Any) -> Step:
    return "Put", {"key": key, "value": value, **fields}


def get(key: bytes, range_end: bytes = b"", **fields: Any) -> Step:
    return "Range", {"key": key, "range_end": range_end, **fields}


def delete(key: bytes, range_end: bytes = b"", **fields: Any) -> Step:
    return "DeleteRange", {"key": key, "range_end": range_end, **fields}


def compact(revision: At | int, **fields: Any) -> Step:
    return "Compact", {"revision": revision, **fields}


def txn(*compare: Any, then: Any = (), orelse: Any = ()) -> Step:
    return "Txn", {"compare": list(compare), "success": list(map(op, then)), "failure": list(map(op, orelse))}


def op(step: Step | None) -> dict[str, Any]:
    """A step as an operation of a transaction; None is an operation that names nothing."""
    if step is None:
        return {}
    names = {"Put": "put", "Range": "range", "DeleteRange": "delete_range", "Txn": "txn"}
    return {f"request_{names[step[0]]}": step[1]}


def when(key: bytes, target: int, result: int, range_end: bytes = b"", **union: Any) -> dict[str, Any]:
    return {"key": key, "target": target, "result": result, "range_end": range_end, **union}


def post(path: str, body: Any) -> Step:
    return "POST", (path, body)


EQUAL, GREATER, LESS, NOT_EQUAL = range(4)
VERSION, CREATE, MOD, VALUE, LEASE = range(5)
NONE, ASCEND, DESCEND = range(3)
BY_KEY, BY_VERSION, BY_CREATE, BY_MOD, BY_VALUE = range(5)
ALL = (b"\0", b"\0")

# Four keys whose orders by key, version, creation, change and value all differ.
FOUR: Steps = [
    put(b"c", b"1"),
    put(b"a", b"4"),
    put(b"d", b"2"),
    put(b"b", b"3"),
    put(b"a", b"5"),
    put(b"c", b"0"),
    put(b"c", b"3"),
]

PUT: dict[str, Steps] = {
    "a put makes a key": [put(b"k", b"v"), get(b"k")],
    "each put is a revision and a version": [put(b"k", b"1"), put(b"k", b"2"), put(b"k", b"3"), get(b"k")],
    "an empty value is a value": [put(b"k"), get(b"k")],
    "keys and values are any bytes": [put(b"\x00\xff\n", b"\xfe\x00"), get(b"\x00\xff\n")],
    "a put without key is refused": [put(b"", b"v"), get(*ALL)],
    "prev_kv of a new key is absent": [put(b"k", b"v", prev_kv=True)],
    "prev_kv is what was there": [put(b"k", b"1"), put(b"k", b"2", prev_kv=True)],
    "prev_kv after a delete is absent": [put(b"k", b"1"), delete(b"k"), put(b"k", b"2", prev_kv=True)],
    "ignore_value keeps the value": [put(b"k", b"1"), put(b"k", ignore_value=True), get(b"k")],
    "ignore_value with prev_kv": [put(b"k", b"1"), put(b"k", ignore_value=True, prev_kv=True)],
    "ignore_value of an absent key is refused": [put(b"k", ignore_value=True), get(b"k")],
    "ignore_value of a deleted key is refused": [put(b"k", b"1"), delete(b"k"), put(b"k", ignore_value=True)],
    "ignore_value with a value is refused": [put(b"k", b"1"), put(b"k", b"2", ignore_value=True), get(b"k")],
    "ignore_lease keeps the absence of a lease": [put(b"k", b"1"), put(b"k", b"2", ignore_lease=True), get(b"k")],
    "ignore_lease of an absent key is refused": [put(b"k", b"1", ignore_lease=True)],
    "ignore_lease with a lease is refused": [put(b"k", b"1", ignore_lease=True, lease=7)],
    "ignore_value and ignore_lease": [put(b"k", b"1"), put(b"k", ignore_value=True, ignore_lease=True), get(b"k")],
    "an unknown lease is refused": [put(b"k", b"1", lease=12345), get(b"k")],
    "a negative lease is refused": [put(b"k", b"1", lease=-1), get(b"k")],
    "a put without key and with a stray value": [put(b"", b"v", ignore_value=True)],
    "a value of a mebibyte": [put(b"k", b"v" * (1 << 20)), get(b"k", keys_only=True)],
    "a request over the limit is refused": [put(b"k", b"v" * 1_600_000), get(b"k")],
    "a message over the limit of gRPC is refused": [put(b"k", b"v" * 3_000_000), get(b"k")],
    "a delete over the limit is refused": [delete(b"k" * 1_600_000)],
    "a read may be long": [get(b"k" * 1_600_000)],
    "a put after a delete begins anew": [put(b"k", b"1"), put(b"k", b"2"), delete(b"k"), put(b"k", b"3"), get(b"k")],
}

RANGE: dict[str, Steps] = {
    "an absent key": [get(b"k")],
    "a read without key is refused": [get(b""), get(b"", b"z")],
    "a half-open range": [*FOUR, get(b"a", b"c")],
    "a range by prefix": [put(b"p/1"), put(b"p/2"), put(b"q"), get(b"p/", b"p0")],
    "from a key on": [*FOUR, get(b"c", b"\0")],
    "all keys": [*FOUR, get(*ALL)],
    "an end before the key": [*FOUR, get(b"c", b"a")],
    "an end equal to the key": [*FOUR, get(b"c", b"c")],
    "limit cuts and more says so": [*FOUR, get(*ALL, limit=2)],
    "limit of exactly all": [*FOUR, get(*ALL, limit=4)],
    "limit above all": [*FOUR, get(*ALL, limit=9)],
    "limit of one of one": [*FOUR, get(b"a", limit=1)],
    "a negative limit": [*FOUR, get(*ALL, limit=-1)],
    "keys only": [*FOUR, get(*ALL, keys_only=True)],
    "count only": [*FOUR, get(*ALL, count_only=True)],
    "count only with a limit": [*FOUR, get(*ALL, count_only=True, limit=1)],
    "count only of an absent key": [get(b"k", count_only=True)],
    "count only and keys only": [*FOUR, get(*ALL, count_only=True, keys_only=True)],
    "serializable": [*FOUR, get(*ALL, serializable=True)],
    "serializable at a revision": [*FOUR, get(*ALL, serializable=True, revision=At(3))],
    "at a past revision": [*FOUR, get(*ALL, revision=At(2))],
    "at the first revision of a key": [*FOUR, get(b"a", revision=At(2)), get(b"a", revision=At(1))],
    "at the current revision": [*FOUR, get(*ALL, revision=At(7))],
    "at a past revision with a limit": [*FOUR, get(*ALL, revision=At(4), limit=3)],
    "at a past revision, counted": [*FOUR, get(*ALL, revision=At(4), count_only=True)],
    "at a past revision, before a delete": [*FOUR, delete(*ALL), get(*ALL, revision=At(7)), get(*ALL, revision=At(8))],
    "at a future revision": [*FOUR, get(b"a", revision=At(8)), get(b"a", revision=At(100), serializable=True)],
    "at a negative revision": [*FOUR, get(b"a", revision=-1)],
    "min_mod_revision": [*FOUR, get(*ALL, min_mod_revision=At(5))],
    "max_mod_revision": [*FOUR, get(*ALL, max_mod_revision=At(4))],
    "min_create_revision": [*FOUR, get(*ALL, min_create_revision=At(3))],
    "max_create_revision": [*FOUR, get(*ALL, max_create_revision=At(2))],
    "all four filters": [
        *FOUR,
        get(
            *ALL,
            min_mod_revision=At(3),
            max_mod_revision=At(5),
            min_create_revision=At(2),
            max_create_revision=At(4),
        ),
    ],
    "a filter with a limit": [*FOUR, get(*ALL, min_mod_revision=At(4), limit=1)],
    "a filter that leaves nothing, with a limit": [*FOUR, get(*ALL, min_mod_revision=At(90), limit=2)],
    "a filter, counted": [*FOUR, get(*ALL, min_mod_revision=At(5), count_only=True)],
    "a filter and a sort and a limit": [
        *FOUR,
        get(*ALL, max_mod_revision=At(6), sort_order=DESCEND, sort_target=BY_MOD, limit=2),
    ],
    "an unknown sort order is refused": [*FOUR, get(*ALL, sort_order=3), get(*ALL, sort_order=-1)],
    "an unknown sort target is refused": [*FOUR, get(*ALL, sort_target=5), get(*ALL, sort_order=1, sort_target=9)],
    "no key and an unknown order": [get(b"", sort_order=9)],
    "a sort with a limit": [*FOUR, get(*ALL, sort_order=DESCEND, sort_target=BY_VALUE, limit=2)],
    "a sort at a past revision": [*FOUR, get(*ALL, sort_order=DESCEND, sort_target=BY_CREATE, revision=At(3))],
    "a sort of keys only": [*FOUR, get(*ALL, sort_order=DESCEND, sort_target=BY_VALUE, keys_only=True)],
    "a sort of one key": [*FOUR, get(b"a", sort_order=DESCEND, sort_target=BY_MOD)],
    "equal values keep key order": [
        put(b"b", b"x"),
        put(b"a", b"x"),
        put(b"c", b"x"),
        get(*ALL, sort_order=ASCEND, sort_target=BY_VALUE),
    ],
    "a key that is a prefix of others": [put(b"a"), put(b"a\0"), put(b"aa"), put(b"b"), get(b"a", b"b"), get(b"a\0")],
    **{
        f"sorted by {name}, order {order}": [*FOUR, get(*ALL, sort_order=order, sort_target=target)]
        for target, name in enumerate(["key", "version", "create", "mod", "value"])
        for order in (NONE, ASCEND, DESCEND)
    },
}

DELETE: dict[str, Steps] = {
    "a delete removes": [put(b"k", b"v"), delete(b"k"), get(b"k")],
    "deleting nothing is no revision": [delete(b"k"), put(b"k"), get(b"k")],
    "deleting twice": [put(b"k"), delete(b"k"), delete(b"k")],
    "a delete without key is refused": [delete(b""), delete(b"", b"z")],
    "a range is deleted at one revision": [*FOUR, delete(b"a", b"c"), get(*ALL)],
    "all keys are deleted": [*FOUR, delete(*ALL), get(*ALL)],
    "from a key on is deleted": [*FOUR, delete(b"c", b"\0"), get(*ALL)],
    "prev_kv of a delete": [*FOUR, delete(b"a", b"c", prev_kv=True)],
    "prev_kv of deleting nothing": [delete(b"k", prev_kv=True)],
    "an end before the key deletes nothing": [*FOUR, delete(b"c", b"a", prev_kv=True), get(*ALL, count_only=True)],
    "a deleted key is gone at the delete and there before": [
        put(b"k", b"1"),
        delete(b"k"),
        get(b"k", revision=At(2)),
        get(b"k", revision=At(1)),
    ],
}

KV = put(b"k", b"m")
MANY = [put(b"%03d" % number) for number in range(129)]
COMPARES: dict[str, list[dict[str, Any]]] = {
    "value": [when(b"k", VALUE, result, value=value) for result in range(4) for value in (b"l", b"m", b"n", b"")],
    "version": [when(b"k", VERSION, result, version=number) for result in range(4) for number in (0, 1, 2)],
    "create": [when(b"k", CREATE, result, create_revision=At(n)) for result in range(4) for n in (0, 1, 2)],
    "mod": [when(b"k", MOD, result, mod_revision=At(n)) for result in range(4) for n in (0, 1, 2)],
    "lease": [when(b"k", LEASE, result, lease=number) for result in range(4) for number in (0, 1)],
}
ABSENT: dict[str, list[dict[str, Any]]] = {
    "value": [when(b"x", VALUE, result, value=value) for result in range(4) for value in (b"", b"v")],
    "version": [when(b"x", VERSION, result, version=number) for result in range(4) for number in (0, 1)],
    "create": [when(b"x", CREATE, result, create_revision=number) for result in range(4) for number in (0, 1)],
    "mod": [when(b"x", MOD, result, mod_revision=number) for result in range(4) for number in (0, 1)],
    "lease": [when(b"x", LEASE, result, lease=number) for result in range(4) for number in (0, 1)],
}

TXN: dict[str, Steps] = {
    **{f"compare {name}": [KV, *(txn(compare) for compare in compares)] for name, compares in COMPARES.items()},
    **{f"compare {name} of an absent key": [txn(compare) for compare in list_] for name, list_ in ABSENT.items()},
    "an empty transaction": [txn()],
    "no compare is success": [txn(then=[put(b"k", b"v")], orelse=[delete(b"k")]), get(b"k")],
    "the other branch": [txn(when(b"k", VERSION, GREATER, version=0), then=[put(b"a")], orelse=[put(b"b")]), get(*ALL)],
    "several compares, all hold": [
        KV,
        txn(when(b"k", VERSION, EQUAL, version=1), when(b"k", VALUE, EQUAL, value=b"m")),
    ],
    "several compares, one does not": [
        KV,
        txn(when(b"k", VERSION, EQUAL, version=1), when(b"k", VALUE, EQUAL, value=b"n")),
    ],
    "a compare over a range, all": [
        *FOUR,
        txn(when(b"a", VERSION, GREATER, b"e", version=0)),
        txn(when(b"a", VERSION, EQUAL, b"e", version=1)),
    ],
    "a compare over an empty range": [
        txn(when(b"a", VERSION, EQUAL, b"e", version=0)),
        txn(when(b"a", VERSION, EQUAL, b"e", version=1)),
        txn(when(b"a", VALUE, EQUAL, b"e", value=b"")),
        txn(when(b"a", VALUE, NOT_EQUAL, b"e", value=b"x")),
    ],
    "a compare over an end before the key": [*FOUR, txn(when(b"c", VERSION, EQUAL, b"a", version=0))],
    "a compare from a key on": [*FOUR, txn(when(b"c", VERSION, GREATER, b"\0", version=0))],
    "a compare without key is refused": [txn(when(b"", VERSION, EQUAL, version=0), then=[put(b"k")]), get(b"k")],
    "a compare of an unknown target": [KV, txn(when(b"k", 9, EQUAL)), txn(when(b"k", 9, GREATER))],
    "a compare of an unknown result": [KV, txn(when(b"k", VERSION, 9, version=5))],
    "a compare whose union is of another target": [
        KV,
        txn(when(b"k", VERSION, EQUAL, mod_revision=1)),
        txn(when(b"k", VALUE, EQUAL, version=1)),
        txn(when(b"k", VALUE, GREATER, version=1)),
    ],
    "a compare without a union": [KV, txn(when(b"k", VALUE, GREATER)), txn(when(b"k", VERSION, GREATER))],
    "gets see puts before them": [
        txn(then=[get(b"k"), put(b"k", b"v"), get(b"k"), delete(b"k"), get(b"k")]),
        get(b"k"),
    ],
    "all writes are one revision": [txn(then=[put(b"a"), put(b"b"), put(b"c")]), get(*ALL)],
    "reading alone is no revision": [KV, txn(then=[get(b"k"), get(*ALL)]), put(b"x")],
    "deleting nothing is no revision in a transaction": [KV, txn(then=[delete(b"x")]), put(b"x")],
    "a put after a delete range of the same key is refused": [KV, txn(then=[delete(b"k"), put(b"k")]), get(b"k")],
    "prev_kv in a transaction": [KV, txn(then=[put(b"k", b"n", prev_kv=True), delete(b"x", prev_kv=True)])],
    "prev_kv of an own put is what the transaction wrote": [
        KV,
        txn(then=[put(b"k", b"n"), delete(b"l", prev_kv=True), get(b"k")]),
    ],
    "a key put twice is refused": [txn(then=[put(b"k"), put(b"k")]), get(b"k")],
    "a key put in both branches is fine": [txn(then=[put(b"k", b"1")], orelse=[put(b"k", b"2")]), get(b"k")],
    "a put inside a deleted range is refused": [txn(then=[put(b"b"), delete(b"a", b"c")]), get(b"b")],
    "a put at the end of a deleted range is fine": [txn(then=[put(b"c"), delete(b"a", b"c")]), get(b"c")],
    "a put inside a range deleted from a key on is refused": [txn(then=[put(b"z"), delete(b"a", b"\0")])],
    "two deletes of one key are fine": [KV, txn(then=[delete(b"k"), delete(b"k")])],
    "overlapping deletes are fine": [*FOUR, txn(then=[delete(b"a", b"c"), delete(b"b", b"d")])],
    "a duplicate in the branch that would not run is refused": [txn(then=[get(b"k")], orelse=[put(b"k"), put(b"k")])],
    "a duplicate in a nested transaction is refused": [txn(then=[put(b"k"), txn(then=[put(b"k")])])],
    "a duplicate of two nested ones is refused": [txn(then=[txn(then=[put(b"k")]), txn(orelse=[put(b"k")])])],
    "the same key in both branches of a nested one is fine": [txn(then=[txn(then=[put(b"k")], orelse=[put(b"k")])])],
    "a nested put in a range deleted outside is refused": [txn(then=[delete(b"a", b"z"), txn(then=[put(b"k")])])],
    "an outer put in a range deleted in a nested one is refused": [
        txn(then=[put(b"k"), txn(then=[delete(b"a", b"z")])])
    ],
    "nested deletes over each other's puts": [txn(then=[txn(then=[put(b"k")]), txn(then=[delete(b"k")])])],
    "a nested transaction": [txn(then=[txn(then=[put(b"k", b"v"), get(b"k")]), get(b"k")]), get(b"k")],
    "compares of a nested one see the state before": [
        txn(then=[put(b"k", b"v"), txn(when(b"k", VERSION, EQUAL, version=0), then=[get(b"k")], orelse=[get(b"x")])]),
    ],
    "three levels": [
        KV,
        txn(then=[txn(then=[txn(when(b"k", VALUE, EQUAL, value=b"m"), then=[put(b"x", b"y")], orelse=[put(b"z")])])]),
        get(*ALL),
    ],
    "a nested one that changes nothing": [KV, txn(then=[txn(then=[get(b"k"), delete(b"x")])]), put(b"y")],
    "revisions seen in a transaction": [
        *FOUR,
        txn(then=[get(b"a"), delete(b"x"), get(b"a"), put(b"e"), get(b"e"), txn(then=[get(b"e")]), delete(b"b")]),
    ],
    "128 operations are fine": [txn(then=MANY[:128]), get(*ALL, count_only=True)],
    "129 operations are refused": [
        txn(then=MANY),
        get(*ALL, count_only=True),
    ],
    "129 compares are refused": [txn(*(when(b"k", VERSION, EQUAL, version=0) for _ in range(129)))],
    "128 compares are fine": [txn(*(when(b"k", VERSION, EQUAL, version=0) for _ in range(128)))],
    "129 in the other branch are refused": [txn(orelse=MANY)],
    "a nested one has what is left": [txn(then=[txn(then=[get(b"k")] * 127)]), txn(then=[txn(then=[get(b"k")] * 128)])],
    "too many and no key": [txn(when(b"", VERSION, EQUAL), then=[get(b"k")] * 129)],
    "an operation without key is refused": [
        txn(then=[put(b"")]),
        txn(then=[get(b"")]),
        txn(then=[delete(b"")]),
        txn(orelse=[txn(then=[put(b"")])]),
    ],
    "an operation that names nothing is refused": [txn(then=[None]), txn(then=[put(b"k"), None]), get(b"k")],
    "an unknown sort order in a transaction is refused": [txn(then=[put(b"k"), get(b"k", sort_order=7)]), get(b"k")],
    "ignore_value with a value in a transaction is refused": [txn(then=[put(b"k", b"v", ignore_value=True)])],
    "ignore_value of an absent key in a transaction writes nothing": [
        txn(then=[put(b"a", b"1"), put(b"k", ignore_value=True)]),
        get(*ALL),
    ],
    "ignore_value in a transaction": [KV, txn(then=[put(b"k", ignore_value=True, prev_kv=True)]), get(b"k")],
    "ignore_lease with a lease in a transaction is refused": [txn(then=[put(b"k", b"v", ignore_lease=True, lease=3)])],
    "an unknown lease in a transaction writes nothing": [txn(then=[put(b"a"), put(b"b", lease=9)]), get(*ALL)],
    "an unknown lease in the branch not taken": [txn(then=[put(b"a")], orelse=[put(b"b", lease=9)]), get(*ALL)],
    "a read at a past revision in a transaction": [*FOUR, txn(then=[get(b"a", revision=At(2)), put(b"z")])],
    "a read at a future revision in a reading transaction": [KV, txn(then=[get(b"k", revision=At(90))])],
    "a read with all options in a transaction": [
        *FOUR,
        txn(then=[get(*ALL, sort_order=DESCEND, sort_target=BY_MOD, limit=2, min_mod_revision=At(3), keys_only=True)]),
    ],
    "a count in a transaction": [*FOUR, txn(then=[put(b"e"), get(*ALL, count_only=True), get(*ALL, limit=2)])],
    "a serializable transaction": [KV, txn(then=[get(b"k", serializable=True)])],
    "a delete range with prev_kv after a put": [*FOUR, txn(then=[put(b"z", b"1"), delete(b"a", b"c", prev_kv=True)])],
    "a transaction over the limit is refused": [
        txn(then=[put(b"a", b"v" * 800_000), put(b"b", b"v" * 800_000)]),
        get(*ALL, keys_only=True),
    ],
    "a reading transaction may be long": [
        txn(when(b"k", VALUE, EQUAL, value=b"v" * 1_600_000), then=[get(b"k")]),
        txn(when(b"k", VALUE, EQUAL, value=b"v" * 1_600_000), then=[put(b"k")]),
    ],
    "compare and swap, won and lost": [
        KV,
        txn(when(b"k", MOD, EQUAL, mod_revision=At(1)), then=[put(b"k", b"2")], orelse=[get(b"k")]),
        txn(when(b"k", MOD, EQUAL, mod_revision=At(1)), then=[put(b"k", b"3")], orelse=[get(b"k")]),
    ],
}

COMPACTED: Steps = [*FOUR, compact(At(5))]
COMPACT: dict[str, Steps] = {
    "compacting answers": [*FOUR, compact(At(5))],
    "physical compacting answers": [*FOUR, compact(At(5), physical=True)],
    "reading below is refused": [*COMPACTED, get(*ALL, revision=At(4)), get(b"a", revision=At(1), serializable=True)],
    "reading at the compacted revision works": [*COMPACTED, get(*ALL, revision=At(5))],
    "reading above works": [*COMPACTED, get(*ALL, revision=At(6)), get(*ALL)],
    "compacting twice is refused": [*COMPACTED, compact(At(5))],
    "compacting below is refused": [*COMPACTED, compact(At(4))],
    "compacting a future revision is refused": [*FOUR, compact(At(8))],
    "compacting the current revision": [*FOUR, compact(At(7)), get(*ALL), get(*ALL, revision=At(7))],
    "compacting revision 0 is refused": [*FOUR, compact(0)],
    "compacting a negative revision is refused": [*FOUR, compact(-1)],
    "a deleted key stays deleted": [
        put(b"k", b"1"),
        delete(b"k"),
        compact(At(2)),
        get(b"k"),
        get(b"k", revision=At(2)),
    ],
    "a key written after compacting keeps its version": [*FOUR, compact(At(7)), put(b"c", b"9"), get(b"c")],
    "a key created anew after compacting": [put(b"k"), delete(b"k"), compact(At(2)), put(b"k", b"2"), get(b"k")],
    "compacting is no revision": [*FOUR, compact(At(7)), put(b"z"), get(b"z")],
    "a compacted read in a reading transaction is refused": [*COMPACTED, txn(then=[get(b"a", revision=At(2))])],
    "counting below is refused": [*COMPACTED, get(*ALL, revision=At(2), count_only=True)],
    "physical compacting, then reading": [*FOUR, compact(At(6), physical=True), get(*ALL, revision=At(6)), get(*ALL)],
    "compacting again, above": [*COMPACTED, put(b"z"), compact(At(8)), get(*ALL, revision=At(8))],
}

CLUSTER_PATH = "/etcdserverpb.Cluster/"
MAINTENANCE_PATH = "/etcdserverpb.Maintenance/"
KV_PATH = "/etcdserverpb.KV/"
METHODS = ("Range", "Put", "DeleteRange", "Txn", "Compact")
RAW: dict[str, Steps] = {
    "no message at all": [("raw", (KV_PATH + method, b"\x0a\x05k")) for method in METHODS[:4]],
    "bytes that end in a tag": [("raw", (KV_PATH + "Compact", b"\x08"))],
    "a wire type that does not exist": [("raw", (KV_PATH + "Put", b"\x0f"))],
    "an empty request": [("raw", (KV_PATH + method, b"")) for method in METHODS],
    "unknown fields are ignored": [("raw", (KV_PATH + "Put", b"\x0a\x01k\xfa\x3f\x03new")), get(b"k")],
    "a field given twice: the last counts": [("raw", (KV_PATH + "Put", b"\x0a\x01k\x0a\x01l")), get(*ALL)],
    "fields out of order": [("raw", (KV_PATH + "Put", b"\x12\x01v\x0a\x01k")), get(*ALL)],
    "an unknown method": [("raw", (KV_PATH + "Nope", b""))],
    "an unknown service": [("raw", ("/etcdserverpb.Nope/Put", b""))],
    "a path that is no method": [("raw", ("/nope", b"")), ("raw", ("/etcdserverpb.KV", b""))],
    "health": [("raw", ("/grpc.health.v1.Health/Check", b"")), ("raw", ("/grpc.health.v1.Health/Check", b"\x0a\x01x"))],
    "members": [("raw", (CLUSTER_PATH + "MemberList", b"")), ("raw", (CLUSTER_PATH + "MemberList", b"\x08\x01"))],
    "members, no message": [("raw", (CLUSTER_PATH + "MemberList", b"\x08"))],
    "status": [("raw", (MAINTENANCE_PATH + "Status", b"")), ("raw", (MAINTENANCE_PATH + "Status", b"\x0f"))],
    "alarms": [("raw", (MAINTENANCE_PATH + "Alarm", body)) for body in (b"", b"\x18\x01", b"\x18\x02", b"\x18")],
}

K = "aw=="  # "k"
NUL = "AA=="  # from b"\0" on, and to the end
GATEWAY: dict[str, Steps] = {
    "put and range": [post("/v3/kv/put", {"key": K, "value": "dg=="}), post("/v3/kv/range", {"key": K})],
    "range of nothing": [post("/v3/kv/range", {"key": K})],
    "range with all names in camelCase": [
        *FOUR,
        post("/v3/kv/range", {"key": NUL, "rangeEnd": NUL, "sortOrder": "DESCEND", "sortTarget": "MOD", "limit": 2}),
    ],
    "range with all names in snake_case": [
        *FOUR,
        post("/v3/kv/range", {"key": NUL, "range_end": NUL, "sort_order": 2, "sort_target": 3, "limit": "2"}),
    ],
    "flags": [
        *FOUR,
        post("/v3/kv/range", {"key": NUL, "range_end": NUL, "keys_only": True, "serializable": True}),
    ],
    "count only": [*FOUR, post("/v3/kv/range", {"key": NUL, "range_end": NUL, "count_only": True})],
    "prev_kv": [KV, post("/v3/kv/put", {"key": K, "value": "dg==", "prevKv": True})],
    "deleterange": [*FOUR, post("/v3/kv/deleterange", {"key": "YQ==", "range_end": "Yw==", "prev_kv": True})],
    "deleterange of nothing": [post("/v3/kv/deleterange", {"key": K})],
    "txn": [
        KV,
        post(
            "/v3/kv/txn",
            {
                "compare": [{"key": K, "result": "EQUAL", "target": "VALUE", "value": "bQ=="}],
                "success": [{"request_put": {"key": K, "value": "dg=="}}, {"requestRange": {"key": K}}],
                "failure": [{"requestDeleteRange": {"key": K}}],
            },
        ),
    ],
    "txn, failed": [
        KV,
        post(
            "/v3/kv/txn",
            {
                "compare": [{"key": K, "result": "GREATER", "target": "VERSION", "version": "7"}],
                "success": [{"request_put": {"key": K, "value": "dg=="}}],
                "failure": [{"requestDeleteRange": {"key": K, "prevKv": True}}, {"requestTxn": {}}],
            },
        ),
    ],
    "an empty txn": [post("/v3/kv/txn", {})],
    "compaction": [*FOUR, post("/v3/kv/compaction", {"revision": At(3)}), get(b"a", revision=At(2))],
    "compaction twice": [*COMPACTED, post("/v3/kv/compaction", {"revision": At(5)})],
    "compaction of the future": [post("/v3/kv/compaction", {"revision": At(50), "physical": True})],
    "no key": [post(f"/v3/kv/{name}", {}) for name in ("range", "put", "deleterange")],
    "an empty body": [post(f"/v3/kv/{name}", b"") for name in ("range", "put", "deleterange", "txn")],
    "an unknown lease is 404": [post("/v3/kv/put", {"key": K, "lease": "77"})],
    "url-safe base64": [post("/v3/kv/put", {"key": "_-8=", "value": "_w"}), get(*ALL)],
    "base64 without padding": [post("/v3/kv/put", {"key": "Zm8", "value": "Zm8"}), get(*ALL)],
    "unknown fields are ignored": [post("/v3/kv/put", {"key": K, "bogus": [1, {"a": None}]}), get(*ALL)],
    "unknown enum names are ignored": [KV, post("/v3/kv/range", {"key": K, "sort_order": "UPWARDS"})],
    "an unknown enum number is refused": [post("/v3/kv/range", {"key": K, "sort_order": 8})],
    "null is nothing": [post("/v3/kv/put", {"key": K, "value": None, "prev_kv": None}), get(b"k")],
    "what follows the first value is not read": [post("/v3/kv/put", b'{"key":"aw=="} {"x"'), get(b"k")],
    "numbers in other forms": [*FOUR, post("/v3/kv/range", b'{"key":"AA==","range_end":"AA==","limit":2.0}')],
    "numbers with an exponent": [*FOUR, post("/v3/kv/range", b'{"key":"AA==","range_end":"AA==","limit":1e0}')],
    **{
        f"refused: {body.decode()}": [post("/v3/kv/put", body), get(*ALL)]
        for body in (
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b'{"key":"!!"}',
            b'{"key":5}',
            b'{"key":["aw=="]}',
            b'{"key":"aw==","lease":"x"}',
            b'{"key":"aw==","lease":1.5}',
            b'{"key":"aw==","lease":" 1"}',
            b'{"key":"aw==","lease":""}',
            b'{"key":"aw==","lease":"9223372036854775808"}',
            b'{"key":"aw==","prev_kv":"true"}',
            b'{"key":"aw==","prev_kv":1}',
            b'{"key":"aw==","key":"aw=="}',
            b'{"key":"aw==","prev_kv":true,"prevKv":true}',
            b'{"key":"aw=="',
            b'{"key":NaN}',
        )
    },
    "two operations in one are refused": [
        post("/v3/kv/txn", {"success": [{"request_put": {"key": K}, "request_range": {"key": K}}]}),
    ],
    "a request over the limit": [post("/v3/kv/put", {"key": K, "value": "dnZ2" * 540_000}), get(b"k")],
    "a request over the limit of gRPC": [post("/v3/kv/put", {"key": K, "value": "dnZ2" * 700_000}), get(b"k")],
    "an operation that names nothing": [post("/v3/kv/txn", {"success": [{}]})],
    "a future revision is 400": [post("/v3/kv/range", {"key": K, "revision": At(9)})],
    "other methods": [(method, ("/v3/kv/range", b"")) for method in ("GET", "PUT", "DELETE", "PATCH")],
    "other paths": [post("/v3/kv/nope", {}), ("GET", ("/v3/kv/nope", b"")), post("/v3/nope", {})],
    "members": [post("/v3/cluster/member/list", {}), post("/v3/cluster/member/list", {"linearizable": True})],
    "status": [post("/v3/maintenance/status", {})],
    "alarms": [post("/v3/maintenance/alarm", {}), post("/v3/maintenance/alarm", {"action": "GET", "alarm": "NOSPACE"})],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("put", PUT),
        ("range", RANGE),
        ("delete", DELETE),
        ("txn", TXN),
        ("compact", COMPACT),
        ("raw", RAW),
        ("gateway", GATEWAY),
    )
    for name, steps in cases.items()
}

# What etcd 3.5 does in its own way (it even dies of an unknown sort target); members follow 3.6.
SINCE_3_6 = {
    "range: an unknown sort order is refused",
    "range: an unknown sort target is refused",
    "range: no key and an unknown order",
    "txn: an unknown sort order in a transaction is refused",
    "raw: a path that is no method",
    "raw: status",
} | {name for name in CASES if name.startswith("gateway: ")}
