# SPDX-License-Identifier: Apache-2.0
"""Scripts of Maintenance's snapshots and defragmenting, see ``steps``."""

from __future__ import annotations

from tests.e2e.etcd.cases import ALL, FOUR, At, Steps, compact, delete, get, post, put
from tests.e2e.etcd.cases_maintenance import hash_kv
from tests.e2e.etcd.steps import grant, open_, receive, same, snapshot, snapshot_http, unary, watch

DEFRAGMENT = unary("Defragment")

DEFRAGMENTS: dict[str, Steps] = {
    "answers": [DEFRAGMENT],
    "keeps what there is": [*FOUR, DEFRAGMENT, get(*ALL), get(*ALL, revision=At(3))],
    "after a compaction": [*FOUR, delete(b"a"), compact(At(8)), DEFRAGMENT, get(*ALL), get(*ALL, revision=At(7))],
    "keeps leases": [grant(60, 5), put(b"k", lease=5), DEFRAGMENT, unary("LeaseTimeToLive", ID=5, keys=True)],
    "keeps the hash of keys": [*FOUR, same(hash_kv(), hash_kv(), between=DEFRAGMENT)],
    "twice": [DEFRAGMENT, DEFRAGMENT, put(b"k"), get(b"k")],
    "leaves watches": [open_("w", "Watch", watch(b"k")), receive("w"), DEFRAGMENT, put(b"k"), receive("w")],
}

SNAPSHOTS: dict[str, Steps] = {
    "of nothing": [snapshot()],
    "of some keys": [*FOUR, snapshot()],
    "of two mebibytes": [put(b"a", b"v" * 1_000_000), put(b"b", b"w" * 1_000_000), snapshot()],
    "while keys are written": [*FOUR, open_("s", "Snapshot", {}), put(b"e"), get(*ALL)],
}

GATEWAY: dict[str, Steps] = {
    "defragment": [post("/v3/maintenance/defragment", {})],
    "snapshot": [put(b"k", b"v" * 100_000), snapshot_http("/v3/maintenance/snapshot")],
    "other methods": [("GET", (f"/v3/maintenance/{name}", b"")) for name in ("snapshot", "defragment")],
}

ERRORS: dict[str, Steps] = {
    "bytes that are no message": [("raw", ("/etcdserverpb.Maintenance/Defragment", b"\x0f"))],
    "bytes that are no message, of a snapshot": [open_("s", "Snapshot", b"\x0f"), receive("s")],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("defragment", DEFRAGMENTS),
        ("snapshot", SNAPSHOTS),
        ("gateway", GATEWAY),
        ("errors", ERRORS),
    )
    for name, steps in cases.items()
}
