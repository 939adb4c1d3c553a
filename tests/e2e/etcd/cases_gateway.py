# SPDX-License-Identifier: Apache-2.0
"""Scripts of the JSON gateway over services other than KV, streams included, see ``steps``."""

from __future__ import annotations

from typing import Any

from tests.e2e.etcd.cases import ALL, FOUR, At, Steps, compact, delete, get, post, put, txn
from tests.e2e.etcd.steps import (
    Name,
    bind,
    cancel,
    events,
    finish,
    grant,
    leases,
    open_http,
    receive,
    receive_by_watch,
    time_to_live,
    unary,
    web,
)

K, P, P_END = "aw==", "cC8=", "cDA="  # k, p/, p0
NUL = "AA=="
V = "dg=="
ID = 0x1234

GRANTED = grant(60, ID)


def watched(*creates: dict[str, Any], first: int = 1) -> Steps:
    """A stream "w" of the gateway, with its first messages."""
    return [open_http("w", "/v3/watch", *({"create_request": create} for create in creates)), receive("w", first)]


# Of a body that is no JSON etcd tells nothing: such a watch is open and silent.
WATCH: dict[str, Steps] = {
    "a put and a delete": [*watched({"key": K}), put(b"k", b"v"), receive("w"), delete(b"k"), receive("w")],
    "a put of an empty value": [*watched({"key": K}), put(b"k"), receive("w")],
    "names in camelCase": [
        put(b"k", b"1"),
        open_http("w", "/v3/watch", {"createRequest": {"key": K, "prevKv": True, "startRevision": "0", "watchId": 5}}),
        receive("w"),
        put(b"k", b"2"),
        receive("w"),
    ],
    "names in snake_case": [
        put(b"k", b"1"),
        *watched({"key": K, "prev_kv": True, "start_revision": 0, "watch_id": "5", "progress_notify": False}),
        put(b"k", b"2"),
        receive("w"),
    ],
    "a range": [*watched({"key": P, "range_end": P_END}), put(b"p/1"), receive("w"), put(b"p/2"), receive("w")],
    "all keys": [*watched({"key": NUL, "range_end": NUL}), put(b"a"), receive("w")],
    "from the past": [*FOUR, *watched({"key": NUL, "range_end": NUL, "start_revision": At(1)}), events("w", 7)],
    "from the past, as text": [put(b"k", b"1"), *watched({"key": K, "start_revision": At(1)}), events("w", 1)],
    "from the future": [*watched({"key": K, "start_revision": At(2)}), put(b"k"), put(b"k"), receive("w")],
    "from a compacted revision": [
        put(b"k"),
        put(b"k"),
        compact(At(2)),
        *watched({"key": K, "start_revision": At(1)}),
        receive("w"),
    ],
    "from a negative revision": watched({"key": K, "start_revision": -1}),
    "filters by name": [put(b"k"), *watched({"key": K, "filters": ["NOPUT"]}), put(b"k"), delete(b"k"), receive("w")],
    "filters by number": [put(b"k"), *watched({"key": K, "filters": [1]}), delete(b"k"), put(b"k"), receive("w")],
    "filters that are not known": [*watched({"key": K, "filters": ["NOPE"]}), put(b"k"), receive("w")],
    "an empty range": watched({"key": "Yw==", "range_end": "YQ=="}),
    "no key": [*watched({}), put(b"\0"), receive("w")],
    "url-safe base64": [*watched({"key": "_-8="}), put(b"\xff\xef"), receive("w")],
    "a transaction": [*watched({"key": NUL, "range_end": NUL}), txn(then=[put(b"a"), put(b"b")]), receive("w")],
    "two watches in one body": [
        *watched({"key": K}, {"key": NUL, "range_end": NUL}, first=2),
        put(b"k"),
        receive_by_watch("w", 2),
    ],
    "the same id twice": watched({"key": K, "watch_id": 3}, {"key": K, "watch_id": 3}, first=2),
    "created and cancelled": [
        open_http("w", "/v3/watch", {"create_request": {"key": K}}, {"cancel_request": {"watch_id": 0}}),
        receive("w", 2),
    ],
    "created, and progress asked for": [
        open_http("w", "/v3/watch", {"create_request": {"key": K}}, {"progress_request": {}}),
        receive_by_watch("w", 2),
    ],
    "nothing asked for, then a watch": [
        open_http("w", "/v3/watch", {}, {"create_request": {"key": K}}),
        receive("w"),
        put(b"k"),
        receive("w"),
    ],
    "what is not known is ignored": [
        open_http("w", "/v3/watch", {"create_request": {"key": K, "nope": [1]}, "nope": {}}),
        receive("w"),
    ],
    "closing leaves others": [
        *watched({"key": K}),
        open_http("x", "/v3/watch", {"create_request": {"key": K}}),
        receive("x"),
        cancel("w"),
        put(b"k"),
        receive("x"),
    ],
    "a value of a mebibyte": [*watched({"key": K}), put(b"k", b"v" * (1 << 20)), receive("w")],
}

LEASE: dict[str, Steps] = {
    "grant": [post("/v3/lease/grant", {"TTL": "60", "ID": str(ID)}), leases()],
    "grant, numbers as numbers": [post("/v3/lease/grant", {"TTL": 60, "ID": ID}), leases()],
    "grant without an id": [post("/v3/lease/grant", {"TTL": 60})],
    "grant of nothing": [post("/v3/lease/grant", {})],
    "grant of what exists": [GRANTED, post("/v3/lease/grant", {"TTL": 60, "ID": ID})],
    "grant for too long": [post("/v3/lease/grant", {"TTL": "9000000001", "ID": ID})],
    "grant, other spellings": [post("/v3/lease/grant", {"ttl": 60, "id": 9}), leases()],
    "revoke": [GRANTED, put(b"k", lease=ID), post("/v3/lease/revoke", {"ID": ID}), get(b"k")],
    "revoke at its older path": [GRANTED, post("/v3/kv/lease/revoke", {"ID": str(ID)}), leases()],
    "revoke of an unknown one": [post("/v3/lease/revoke", {"ID": 404}), post("/v3/kv/lease/revoke", {"ID": 404})],
    "time to live": [GRANTED, put(b"k", lease=ID), post("/v3/lease/timetolive", {"ID": ID, "keys": True})],
    "time to live at its older path": [GRANTED, post("/v3/kv/lease/timetolive", {"ID": str(ID)})],
    "time to live of an unknown one": [post("/v3/lease/timetolive", {"ID": 404, "keys": True})],
    "leases": [GRANTED, post("/v3/lease/leases", {}), post("/v3/kv/lease/leases", {})],
    "no leases": [post("/v3/lease/leases", {})],
    "keep alive": [GRANTED, open_http("a", "/v3/lease/keepalive", {"ID": ID}), finish("a"), time_to_live(ID)],
    "keep alive twice": [GRANTED, open_http("a", "/v3/lease/keepalive", {"ID": ID}, {"ID": str(ID)}), finish("a")],
    "keep alive of several": [
        GRANTED,
        grant(30, 9),
        open_http("a", "/v3/lease/keepalive", {"ID": 9}, {"ID": 404}, {"ID": ID}),
        finish("a"),
    ],
    "keep alive of an unknown one": [open_http("a", "/v3/lease/keepalive", {"ID": 404}), finish("a")],
    "keep alive of none": [open_http("a", "/v3/lease/keepalive", {}), finish("a")],
    "a put with a lease": [GRANTED, post("/v3/kv/put", {"key": K, "value": V, "lease": str(ID)}), get(b"k")],
    **{
        f"keep alive refused: {body.decode()}": [open_http("a", "/v3/lease/keepalive", body), finish("a")]
        for body in (b"{", b"[]", b'{"ID":"x"}', b'{"ID":1.5}')
    },
    **{
        f"refused: {body.decode()}": [post("/v3/lease/grant", body), leases()]
        for body in (b"{", b'{"TTL":"x"}', b'{"TTL":[]}', b'{"ID":"9223372036854775808"}')
    },
}

LOCK: dict[str, Steps] = {
    "lock and unlock": [
        GRANTED,
        post("/v3/lock/lock", {"name": "bQ==", "lease": str(ID)}),
        get(*ALL),
        post("/v3/lock/unlock", {"key": "bS8xMjM0"}),
        get(*ALL),
    ],
    "lock with an unknown lease": [post("/v3/lock/lock", {"name": "bQ==", "lease": 404})],
    "lock without a lease": [post("/v3/lock/lock", {"name": "bQ=="})],
    "unlock without a key": [post("/v3/lock/unlock", {})],
    "lock again": [GRANTED, *([post("/v3/lock/lock", {"name": "bQ==", "lease": ID})] * 2)],
}

CAMPAIGN = post("/v3/election/campaign", {"name": "ZQ==", "lease": str(ID), "value": V})
LEADER: dict[str, Any] = {"name": "ZQ==", "key": "ZS8xMjM0", "rev": At(1), "lease": ID}
ELECTION: dict[str, Steps] = {
    "campaign": [GRANTED, CAMPAIGN, get(*ALL)],
    "campaign with an unknown lease": [CAMPAIGN],
    "leader": [GRANTED, CAMPAIGN, post("/v3/election/leader", {"name": "ZQ=="})],
    "no leader": [post("/v3/election/leader", {"name": "ZQ=="})],
    "proclaim": [GRANTED, CAMPAIGN, post("/v3/election/proclaim", {"leader": LEADER, "value": "bmV3"}), get(*ALL)],
    "proclaim by nobody": [post("/v3/election/proclaim", {"value": "bmV3"})],
    "proclaim by another": [GRANTED, post("/v3/election/proclaim", {"leader": LEADER, "value": "bmV3"})],
    "resign": [GRANTED, CAMPAIGN, post("/v3/election/resign", {"leader": LEADER}), get(*ALL)],
    "resign of nobody": [post("/v3/election/resign", {})],
    "observe": [
        GRANTED,
        CAMPAIGN,
        open_http("o", "/v3/election/observe", {"name": "ZQ=="}),
        receive("o"),
        post("/v3/election/proclaim", {"leader": LEADER, "value": "bmV3"}),
        receive("o"),
    ],
}

LEARNER = "http://127.RUN.3:1"
MEMBERS: dict[str, Steps] = {
    "add": [post("/v3/cluster/member/add", {"peerURLs": [LEARNER], "isLearner": True})],
    "add, snake_case": [post("/v3/cluster/member/add", {"peer_urls": [LEARNER], "is_learner": True})],
    "add of nothing": [post("/v3/cluster/member/add", {})],
    "add at a bad place": [post("/v3/cluster/member/add", {"peerURLs": ["x"], "isLearner": True})],
    "remove of an unknown one": [post("/v3/cluster/member/remove", {"ID": "5"})],
    "remove": [
        bind("new", unary("MemberAdd", peerURLs=[LEARNER], isLearner=True), "member", "ID"),
        post("/v3/cluster/member/remove", {"ID": Name("new")}),
    ],
    "update": [
        bind("new", unary("MemberAdd", peerURLs=[LEARNER], isLearner=True), "member", "ID"),
        post("/v3/cluster/member/update", {"ID": Name("new"), "peerURLs": ["http://127.RUN.4:1"]}),
    ],
    "update of an unknown one": [post("/v3/cluster/member/update", {"ID": "5", "peerURLs": [LEARNER]})],
    "promote": [
        bind("new", unary("MemberAdd", peerURLs=[LEARNER], isLearner=True), "member", "ID"),
        post("/v3/cluster/member/promote", {"ID": Name("new")}),
    ],
    "promote of an unknown one": [post("/v3/cluster/member/promote", {"ID": "5"})],
    "list": [post("/v3/cluster/member/list", {}), post("/v3/cluster/member/list", {"linearizable": False})],
}

OWN: Steps = [bind("own", unary("MemberList"), "members", 0, "ID")]
ALARM = "/v3/maintenance/alarm"
MAINTENANCE: dict[str, Steps] = {
    "status": [post("/v3/maintenance/status", {})],
    "alarms": [post(ALARM, {}), post(ALARM, {"action": "GET"}), post(ALARM, {"action": 0, "alarm": "NOSPACE"})],
    "raise and clear": [
        *OWN,
        post(ALARM, {"action": "ACTIVATE", "alarm": "NOSPACE", "memberID": Name("own")}),
        post(ALARM, {"action": "GET"}),
        post("/v3/maintenance/status", {}),
        post("/v3/kv/put", {"key": K}),
        post(ALARM, {"action": 2, "alarm": 1, "memberID": Name("own")}),
        post("/v3/kv/put", {"key": K}),
    ],
    "corrupt": [
        *OWN,
        post(ALARM, {"action": "ACTIVATE", "alarm": "CORRUPT", "memberID": Name("own")}),
        post("/v3/kv/put", {"key": K}),
        post("/v3/lease/grant", {"TTL": 60}),
    ],
    "hash": [post("/v3/maintenance/hash", {})],
    "hash of keys": [
        *FOUR,
        post("/v3/maintenance/hashkv", {}),
        post("/v3/maintenance/hashkv", {"revision": At(3)}),
        post("/v3/maintenance/hashkv", {"revision": At(99)}),
    ],
    "move the lead": [
        post("/v3/maintenance/transfer-leadership", {"targetID": "5"}),
        post("/v3/maintenance/transfer-leadership", {}),
    ],
    "downgrade": [
        post("/v3/maintenance/downgrade", {"action": "VALIDATE", "version": "3.5.0"}),
        post("/v3/maintenance/downgrade", {"action": "CANCEL"}),
        post("/v3/maintenance/downgrade", {"action": 0, "version": "x"}),
    ],
}

PATHS = (
    "/v3/watch",
    "/v3/lease/grant",
    "/v3/lease/revoke",
    "/v3/lease/keepalive",
    "/v3/lease/timetolive",
    "/v3/lease/leases",
    "/v3/lock/lock",
    "/v3/lock/unlock",
    "/v3/election/campaign",
    "/v3/election/observe",
    "/v3/cluster/member/add",
    "/v3/maintenance/alarm",
)
HTTP: dict[str, Steps] = {
    **{f"other methods at {path}": [(method, (path, b"")) for method in ("GET", "PUT", "DELETE")] for path in PATHS},
    "paths that are none": [
        post(path, {}) for path in ("/v3/lease", "/v3/lock", "/v3/election/nope", "/v3/cluster/member")
    ],
    "paths with a slash at the end": [post("/v3/lease/grant/", {}), post("/v3/watch/", {})],
    "paths of older versions": [web("POST", "/v3alpha/lease/grant"), post("/v3beta/lease/grant", {"TTL": 5, "ID": 5})],
}


CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("watch", WATCH),
        ("lease", LEASE),
        ("lock", LOCK),
        ("election", ELECTION),
        ("members", MEMBERS),
        ("maintenance", MAINTENANCE),
        ("http", HTTP),
    )
    for name, steps in cases.items()
}
