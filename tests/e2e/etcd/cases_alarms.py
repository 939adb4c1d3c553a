# SPDX-License-Identifier: Apache-2.0
"""Scripts of alarms that somebody raises by hand, see ``steps``; ``cases_quota`` has those of a full member."""

from __future__ import annotations

from typing import Any

from tests.e2e.etcd.cases import ALL, At, Step, Steps, compact, delete, get, post, put, txn, when
from tests.e2e.etcd.steps import (
    Name,
    bind,
    finish,
    grant,
    leases,
    open_,
    receive,
    revoke,
    send,
    time_to_live,
    unary,
    watch,
    web,
)

GET, ACTIVATE, DEACTIVATE = range(3)
NONE, NOSPACE, CORRUPT = range(3)
STRANGER = 7


def alarm(action: int, kind: int = NONE, member: Any = 0) -> Step:
    return unary("Alarm", action=action, alarm=kind, memberID=member)


ME = Name("own")
OWN: Steps = [bind("own", unary("MemberList"), "members", 0, "ID")]
FULL: Steps = [*OWN, alarm(ACTIVATE, NOSPACE, ME)]
BAD: Steps = [*OWN, alarm(ACTIVATE, CORRUPT, ME)]
CLEAR = alarm(DEACTIVATE, NOSPACE, ME)

LIST: dict[str, Steps] = {
    "none": [alarm(GET), alarm(GET, NOSPACE), alarm(GET, CORRUPT)],
    "one": [*FULL, alarm(GET), alarm(GET, NOSPACE), alarm(GET, CORRUPT)],
    "two": [*FULL, alarm(ACTIVATE, CORRUPT, ME), alarm(GET, NOSPACE), alarm(GET, CORRUPT)],
    "of one member": [*FULL, alarm(GET, NONE, ME), alarm(GET, NONE, STRANGER), alarm(GET, NOSPACE, STRANGER)],
    "of another member": [alarm(ACTIVATE, NOSPACE, STRANGER), alarm(GET), alarm(GET, NONE, STRANGER)],
}

CHANGE: dict[str, Steps] = {
    "activate": [*OWN, alarm(ACTIVATE, NOSPACE, ME), alarm(GET)],
    "activate twice": [*FULL, alarm(ACTIVATE, NOSPACE, ME), alarm(GET)],
    "activate of no member": [alarm(ACTIVATE, NOSPACE), alarm(GET)],
    "deactivate": [*FULL, CLEAR, alarm(GET)],
    "deactivate twice": [*FULL, CLEAR, CLEAR],
    "deactivate what is not": [*OWN, CLEAR],
    "deactivate another kind": [*FULL, alarm(DEACTIVATE, CORRUPT, ME), alarm(GET)],
    "deactivate of every member": [*FULL, alarm(DEACTIVATE, NOSPACE), alarm(GET)],
    "deactivate of another member": [*FULL, alarm(DEACTIVATE, NOSPACE, STRANGER), alarm(GET)],
    "is no revision": [*FULL, CLEAR, put(b"k"), get(b"k")],
    "header": [*FULL, alarm(GET)],
}

FULL_KV: dict[str, Steps] = {
    "a put is refused": [*FULL, put(b"k"), get(b"k")],
    "a small put of a known key is refused": [put(b"k", b"v" * 100), *FULL, put(b"k"), get(b"k")],
    "a put after the alarm is fine": [*FULL, put(b"k"), CLEAR, put(b"k"), get(b"k")],
    "a range is fine": [put(b"k"), *FULL, get(b"k"), get(*ALL, serializable=True)],
    "a delete is fine": [put(b"k"), *FULL, delete(b"k"), get(b"k")],
    "compacting is fine": [put(b"k"), put(b"k"), *FULL, compact(At(2)), get(b"k")],
    "a transaction that puts is refused": [*FULL, txn(then=[put(b"k")]), get(b"k")],
    "a transaction that puts in the branch not taken": [
        *FULL,
        txn(when(b"k", 0, 0, version=0), then=[get(b"k")], orelse=[put(b"k")]),
        txn(when(b"k", 0, 0, version=1), then=[put(b"k")], orelse=[get(b"k")]),
    ],
    "a transaction that puts in a nested one": [*FULL, txn(then=[txn(then=[put(b"k")])]), get(b"k")],
    "a transaction that deletes is fine": [put(b"k"), *FULL, txn(then=[delete(b"k")]), get(b"k")],
    "a transaction that reads is fine": [put(b"k"), *FULL, txn(then=[get(b"k")])],
    "an empty transaction is fine": [*FULL, txn()],
    "a put that is wrong": [*FULL, put(b""), put(b"k", lease=404), put(b"k", b"v", ignore_value=True)],
    "of no member": [alarm(ACTIVATE, NOSPACE), put(b"k"), get(b"k")],
    "of another member": [alarm(ACTIVATE, NOSPACE, STRANGER), put(b"k"), get(b"k")],
    "events go on": [put(b"k"), *FULL, open_("w", "Watch", watch(b"k")), receive("w"), delete(b"k"), receive("w")],
}

FULL_OTHERS: dict[str, Steps] = {
    "a lease is refused": [*FULL, grant(60, 5), leases()],
    "a lease that exists is refused": [grant(60, 5), *FULL, grant(60, 5)],
    "revoking is fine": [grant(60, 5), put(b"k", lease=5), *FULL, revoke(5), get(b"k")],
    "keeping alive is fine": [
        grant(60, 5),
        *FULL,
        open_("a", "LeaseKeepAlive", {"ID": 5}),
        receive("a"),
        send("a", {"ID": 404}),
        receive("a"),
        finish("a"),
    ],
    "time to live is fine": [grant(60, 5), *FULL, time_to_live(5)],
    "a lock is refused": [grant(60, 5), *FULL, unary("Lock", name=b"m", lease=5), unary("Lock", name=b"m")],
    "unlocking is fine": [
        grant(60, 5),
        unary("Lock", name=b"m", lease=5),
        *FULL,
        unary("Unlock", key=b"m/5"),
        get(*ALL),
    ],
    "a campaign is refused": [grant(60, 5), *FULL, unary("Campaign", name=b"e", lease=5, value=b"v")],
    "status": [*FULL, unary("Status"), CLEAR, unary("Status")],
    "hashes": [*FULL, unary("HashKV"), unary("Hash")],
    "members": [*FULL, unary("MemberList", linearizable=True)],
    "health": [*FULL, web("GET", "/health"), CLEAR, web("GET", "/health")],
    "health of another": [alarm(ACTIVATE, NOSPACE, STRANGER), web("GET", "/health")],
    "health without this alarm": [*FULL, web("GET", "/health?exclude=NOSPACE"), web("GET", "/health?exclude=CORRUPT")],
    "health, serializable": [*FULL, web("GET", "/health?serializable=true")],
    "ready": [*FULL, web("GET", "/readyz"), web("GET", "/livez"), web("GET", "/readyz?verbose")],
    "gateway": [
        *FULL,
        post("/v3/kv/put", {"key": "aw=="}),
        post("/v3/lease/grant", {"TTL": 60}),
        post("/v3/kv/range", {"key": "aw=="}),
        post("/v3/maintenance/alarm", {"action": "GET"}),
        post("/v3/maintenance/alarm", {"action": "DEACTIVATE", "alarm": "NOSPACE"}),
        post("/v3/kv/put", {"key": "aw=="}),
    ],
}

CORRUPTED: dict[str, Steps] = {
    "a put is refused": [*BAD, put(b"k")],
    "a put that is wrong": [*BAD, put(b""), put(b"k", lease=404)],
    "a range": [put(b"k"), *BAD, get(b"k"), get(b"k", serializable=True)],
    "a delete is refused": [put(b"k"), *BAD, delete(b"k"), delete(b"x")],
    "a transaction is refused": [*BAD, txn(then=[put(b"k")]), txn(then=[delete(b"k")])],
    "a transaction that reads": [*BAD, txn(then=[get(b"k")]), txn()],
    "compacting is refused": [put(b"k"), *BAD, compact(At(1))],
    "a lease is refused": [*BAD, grant(60, 5)],
    "revoking is refused": [grant(60, 5), *BAD, revoke(5), revoke(404)],
    "keeping alive": [grant(60, 5), *BAD, open_("a", "LeaseKeepAlive", {"ID": 5}), receive("a")],
    "a lock is refused": [grant(60, 5), *BAD, unary("Lock", name=b"m", lease=5)],
    "members": [*BAD, unary("MemberList", linearizable=True)],
    "status": [*BAD, unary("Status")],
    "health": [*BAD, web("GET", "/health"), web("GET", "/health?exclude=CORRUPT")],
    "ready": [*BAD, web("GET", "/readyz"), web("GET", "/readyz?verbose"), web("GET", "/livez")],
    "over at once": [*BAD, put(b"k"), alarm(DEACTIVATE, CORRUPT, ME), put(b"k")],
    "of another member": [alarm(ACTIVATE, CORRUPT, STRANGER), put(b"k"), alarm(GET)],
    "beside NOSPACE": [*FULL, alarm(ACTIVATE, CORRUPT, ME), put(b"k"), alarm(DEACTIVATE, CORRUPT, ME), put(b"k")],
}

ERRORS: dict[str, Steps] = {
    "bytes that are no message": [("raw", ("/etcdserverpb.Maintenance/Alarm", b"\x0f"))],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("list", LIST),
        ("change", CHANGE),
        ("NOSPACE", FULL_KV),
        ("NOSPACE", FULL_OTHERS),
        ("CORRUPT", CORRUPTED),
        ("errors", ERRORS),
    )
    for name, steps in cases.items()
}
