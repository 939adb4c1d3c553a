# SPDX-License-Identifier: Apache-2.0
"""Scripts of the Election service, see ``steps``. A call that waits is known to wait when its key is in the store."""

from __future__ import annotations

from typing import Any

from tests.e2e.etcd.cases import ALL, At, Step, Steps, compact, delete, get, put
from tests.e2e.etcd.steps import (
    Name,
    abandon,
    bind,
    cancel,
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

NAME = b"e"
KEYS = get(b"e/", b"e0")
ONE, TWO, THREE = (grant(60, lease) for lease in (1, 2, 3))


def campaign(lease: int, value: bytes = b"", name: bytes = NAME) -> Step:
    return unary("Campaign", name=name, lease=lease, value=value)


def leader(name: bytes = NAME) -> Step:
    return unary("Leader", name=name)


def proclaim(who: Any, value: bytes) -> Step:
    return unary("Proclaim", leader=who, value=value)


def resign(who: Any) -> Step:
    return unary("Resign", leader=who)


def candidates(count: int) -> Step:
    """Until so many lead or wait."""
    return until(get(b"e/", b"e0", count_only=True), count=str(count) if count else None)


def observe(stream: str = "o", name: bytes = NAME) -> Step:
    return open_(stream, "Observe", {"name": name})


WON: Steps = [ONE, TWO, bind("one", campaign(1, b"first"), "leader")]
WAITING: Steps = [*WON, start("two", campaign(2, b"second")), candidates(2)]
ME = Name("one")
WRONG = {"name": NAME, "key": b"e/1", "rev": At(90), "lease": 1}

CAMPAIGN: dict[str, Steps] = {
    "without a rival": [ONE, campaign(1, b"v"), KEYS, time_to_live(1)],
    "without a value": [ONE, campaign(1), KEYS],
    "the key ends in the lease in hex": [grant(60, 0xABCDEF), campaign(0xABCDEF), KEYS],
    "without a lease the server grants one": [campaign(0, b"v"), leases(), KEYS],
    "an unknown lease is refused": [campaign(404), KEYS],
    "a revoked lease is refused": [ONE, revoke(1), campaign(1), KEYS],
    "again by the same lease, with another value": [*WON, campaign(1, b"again"), KEYS],
    "again by the same lease, with the same value": [*WON, campaign(1, b"first"), KEYS],
    "two elections of one lease": [ONE, campaign(1), campaign(1, b"v", b"f"), get(*ALL)],
    "without a name": [ONE, campaign(1, b"v", b""), get(*ALL)],
    "a name of any bytes": [ONE, campaign(1, b"v", b"\x00\xff"), get(*ALL)],
    "a name that ends in a slash": [ONE, campaign(1, b"v", b"e/"), get(*ALL)],
    "after a compaction": [put(b"x"), put(b"x"), compact(At(2)), ONE, campaign(1), KEYS],
    "waits until the leader resigns": [*WAITING, resign(ME), result("two"), KEYS],
    "waits until the leader's lease is revoked": [*WAITING, revoke(1), result("two"), KEYS],
    "waits until the leader's lease expires": [
        grant(4, 1),
        TWO,
        campaign(1, b"first"),
        start("two", campaign(2, b"second")),
        result("two"),
        KEYS,
    ],
    "waits until the leader's key is deleted": [*WAITING, delete(b"e/1"), result("two"), KEYS],
    "waits in the order of coming": [
        *WAITING,
        THREE,
        start("three", campaign(3, b"third")),
        candidates(3),
        resign(ME),
        result("two"),
        revoke(2),
        result("three"),
        KEYS,
    ],
    "cancelled it leaves no key": [*WAITING, abandon("two"), candidates(1), KEYS],
    "the lease of one that waits is revoked": [
        *WAITING,
        THREE,
        start("three", campaign(3, b"third")),
        candidates(3),
        revoke(2),
        resign(ME),
        result("three"),
        KEYS,
    ],
    "any older key under the name leads": [
        put(b"e/x", b"v"),
        ONE,
        leader(),
        start("one", campaign(1)),
        candidates(2),
        delete(b"e/x"),
        result("one"),
    ],
    "one that waits does not lead": [*WAITING, leader()],
    "events": [
        open_("w", "Watch", watch(*ALL)),
        receive("w"),
        *WAITING,
        proclaim(ME, b"new"),
        resign(ME),
        result("two"),
        events("w", 4),
    ],
}

LEADER: dict[str, Steps] = {
    "there is none": [leader()],
    "there is one": [*WON, leader()],
    "the value of now": [*WON, proclaim(ME, b"new"), leader()],
    "there is none any more": [*WON, resign(ME), leader()],
    "of another election": [*WON, leader(b"f")],
    "of no name": [*WON, leader(b"")],
    "a name that begins alike": [ONE, campaign(1, b"v", b"ee"), leader()],
    "an election below leads the one above": [ONE, campaign(1, b"v", b"e/f"), leader()],
    "after the lease was revoked": [*WON, revoke(1), leader()],
    "the oldest key leads": [put(b"e/z", b"old"), put(b"e/a", b"new"), put(b"e/z", b"changed"), leader()],
}

PROCLAIM: dict[str, Steps] = {
    "by the leader": [*WON, proclaim(ME, b"new"), KEYS],
    "keeps the lease": [*WON, proclaim(ME, b"new"), time_to_live(1)],
    "the same value": [*WON, proclaim(ME, b"first"), KEYS],
    "an empty value": [*WON, proclaim(ME, b""), KEYS],
    "twice": [*WON, proclaim(ME, b"new"), proclaim(ME, b"newer"), KEYS],
    "after resigning is refused": [*WON, resign(ME), proclaim(ME, b"new"), KEYS],
    "after the lease was revoked is refused": [*WON, revoke(1), proclaim(ME, b"new"), KEYS],
    "with a wrong revision is refused": [*WON, proclaim(WRONG, b"new"), KEYS],
    "with the key made anew is refused": [*WON, delete(b"e/1"), put(b"e/1", lease=1), proclaim(ME, b"new"), KEYS],
    "without a leader is refused": [*WON, unary("Proclaim", value=b"new")],
    "of an empty leader": [*WON, proclaim({}, b"new")],
    "by one that waits": [
        *WAITING,
        proclaim({"name": NAME, "key": b"e/2", "rev": At(2), "lease": 2}, b"mine"),
        leader(),
        KEYS,
    ],
    "without the lease's number": [*WON, proclaim({"name": NAME, "key": b"e/1", "rev": At(1)}, b"new"), KEYS],
    "with an unknown lease": [
        *WON,
        proclaim({"name": NAME, "key": b"e/1", "rev": At(1), "lease": 404}, b"new"),
        KEYS,
    ],
}

RESIGN: dict[str, Steps] = {
    "by the leader": [*WON, resign(ME), KEYS, leases()],
    "twice": [*WON, resign(ME), resign(ME)],
    "with a wrong revision leaves the leader": [*WON, resign(WRONG), KEYS],
    "without a leader is refused": [unary("Resign")],
    "of an empty leader": [resign({})],
    "of what nobody leads": [ONE, resign({"name": NAME, "key": b"e/1", "rev": 5, "lease": 1})],
    "by one that waits": [
        *WAITING,
        resign({"name": NAME, "key": b"e/2", "rev": At(2), "lease": 2}),
        leader(),
        KEYS,
    ],
    "then campaign again": [*WON, resign(ME), campaign(1, b"again"), KEYS],
}

OBSERVE: dict[str, Steps] = {
    "the leader that is": [*WON, observe(), receive("o")],
    "the leader that comes": [ONE, observe(), campaign(1, b"v"), receive("o")],
    "what the leader proclaims": [
        *WON,
        observe(),
        receive("o"),
        proclaim(ME, b"new"),
        receive("o"),
        proclaim(ME, b"newer"),
        receive("o"),
    ],
    "the next leader": [*WAITING, observe(), receive("o"), resign(ME), result("two"), receive("o")],
    "the next leader after a revoked lease": [*WAITING, observe(), receive("o"), revoke(1), receive("o")],
    "no leader between": [
        *WON,
        observe(),
        receive("o"),
        resign(ME),
        campaign(2, b"second"),
        receive("o"),
    ],
    "the same leader again": [*WON, observe(), receive("o"), resign(ME), campaign(1, b"again"), receive("o")],
    "what one that waits puts is not seen": [
        *WAITING,
        observe(),
        receive("o"),
        put(b"e/2", b"other", ignore_lease=True),
        proclaim(ME, b"marker"),
        receive("o"),
    ],
    "another election is not seen": [
        *WON,
        observe(),
        receive("o"),
        campaign(2, b"other", b"f"),
        proclaim(ME, b"marker"),
        receive("o"),
    ],
    "two observers": [
        *WON,
        observe(),
        observe("p"),
        receive("o"),
        receive("p"),
        cancel("o"),
        proclaim(ME, b"new"),
        receive("p"),
    ],
    "after a compaction": [
        *WON,
        put(b"x"),
        compact(At(2)),
        observe(),
        receive("o"),
        proclaim(ME, b"new"),
        receive("o"),
    ],
    "bytes that are no message": [open_("o", "Observe", b"\x0f"), receive("o")],
    "of no name": [ONE, observe(name=b""), campaign(1, b"v", b""), receive("o")],
    "the key put by hand": [observe(), put(b"e/x", b"v"), receive("o"), put(b"e/x", b"w"), receive("o")],
}

METHODS = ("Campaign", "Proclaim", "Leader", "Resign")
ERRORS: dict[str, Steps] = {
    "bytes that are no message": [("raw", (f"/v3electionpb.Election/{method}", b"\x0f")) for method in METHODS],
    "an unknown method": [("raw", ("/v3electionpb.Election/Nope", b""))],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("campaign", CAMPAIGN),
        ("leader", LEADER),
        ("proclaim", PROCLAIM),
        ("resign", RESIGN),
        ("observe", OBSERVE),
        ("errors", ERRORS),
    )
    for name, steps in cases.items()
}
