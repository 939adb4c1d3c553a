# SPDX-License-Identifier: Apache-2.0
"""Scripts of the Maintenance service, see ``steps``; ``cases_alarms`` has its alarms, ``cases_space`` snapshots."""

from __future__ import annotations

from tests.e2e.etcd.cases import FOUR, At, Step, Steps, compact, get, put
from tests.e2e.etcd.steps import fields, same, unary, web

VALIDATE, ENABLE, CANCEL = range(3)


def hash_kv(revision: At | int = 0) -> Step:
    return unary("HashKV", revision=revision)


def downgrade(action: int, version: str = "") -> Step:
    return unary("Downgrade", action=action, version=version)


STATUS = unary("Status")

STATUSES: dict[str, Steps] = {
    "of a lone member": [STATUS],
    "after writes": [*FOUR, STATUS],
    "the revision of now": [put(b"k"), STATUS, put(b"k"), STATUS],
}

HASHES: dict[str, Steps] = {
    "of everything": [unary("Hash")],
    "of everything, after writes": [*FOUR, unary("Hash")],
    "of everything, twice": [*FOUR, same(unary("Hash"), unary("Hash"))],
    "of keys, now": [*FOUR, hash_kv()],
    "of keys, at the revision of now": [*FOUR, hash_kv(At(7)), same(hash_kv(), hash_kv(At(7)))],
    "of keys, at a past revision": [*FOUR, hash_kv(At(3)), hash_kv(At(1))],
    "of keys, at a past revision, stays": [*FOUR, hash_kv(At(3)), put(b"x"), hash_kv(At(3))],
    "of keys, at a future revision is refused": [*FOUR, hash_kv(At(8)), hash_kv(At(800))],
    "of keys, below a compacted revision is refused": [*FOUR, compact(At(5)), hash_kv(At(4)), hash_kv(1)],
    "of keys, above a compacted revision": [*FOUR, compact(At(5)), hash_kv(At(6)), hash_kv(At(7)), hash_kv()],
    "of keys, at a negative revision": [*FOUR, hash_kv(-1)],
    "of keys, differs when a key does": [*FOUR, same(hash_kv(At(6)), hash_kv(At(7)))],
    "of keys, compacted twice": [*FOUR, compact(At(2)), hash_kv(), compact(At(5)), hash_kv()],
    "of keys, is no revision": [*FOUR, hash_kv(), put(b"k"), get(b"k")],
}

# None is one minor version below.
VERSIONS = ("", "3.7.0", "3.7", "3.6.0", "3.6", "3.4.0", "2.0", "4.0.0", "new", "3", "v3.5.0")
DOWNGRADES: dict[str, Steps] = {
    **{
        f"validate {version or 'nothing'}": [downgrade(VALIDATE, version)]
        for version in (
            "",
            "3.7.0",
            "3.7",
            "3.6.0",
            "3.6",
            "3.5.0",
            "3.5",
            "3.5.99",
            "3.4.0",
            "2.0",
            "4.0.0",
            "new",
            "3",
            "v3.5.0",
        )
    },
    "cancel none": [downgrade(CANCEL), downgrade(CANCEL, "3.5.0")],
    **{
        f"enable {version or 'nothing'}": [downgrade(ENABLE, version)]
        for version in ("", "3.4.0", "3.6.0", "4.0.0", "new")
    },
    "an unknown action": [downgrade(7, "3.5.0")],
    "status when there is none": [fields(STATUS, "downgradeInfo", "storageVersion", "version")],
}

METHODS = ("Status", "Hash", "HashKV", "MoveLeader", "Downgrade")
ERRORS: dict[str, Steps] = {
    "bytes that are no message": [("raw", (f"/etcdserverpb.Maintenance/{method}", b"\x0f")) for method in METHODS],
    "an unknown method": [("raw", ("/etcdserverpb.Maintenance/Nope", b""))],
}

HTTP: dict[str, Steps] = {
    "health": [web("GET", "/health"), web("GET", "/health?serializable=true"), web("GET", "/health?exclude=NOSPACE")],
    "health by other methods": [web(method, "/health") for method in ("POST", "PUT", "DELETE")],
    "ready": [web("GET", "/readyz"), web("GET", "/readyz?verbose"), web("GET", "/readyz?exclude=data_corruption")],
    "live": [web("GET", "/livez"), web("GET", "/livez?verbose")],
    "one check": [web("GET", "/readyz/data_corruption"), web("GET", "/livez/serializable_read")],
    "an unknown check": [web("GET", "/readyz/nope"), web("GET", "/livez/nope")],
    "version": [web("GET", "/version"), web("POST", "/version")],
    "an unknown path": [web("GET", "/nope"), web("GET", "/"), web("POST", "/nope")],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("status", STATUSES),
        ("hash", HASHES),
        ("downgrade", DOWNGRADES),
        ("errors", ERRORS),
        ("http", HTTP),
    )
    for name, steps in cases.items()
}
