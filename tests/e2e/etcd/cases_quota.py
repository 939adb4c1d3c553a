# SPDX-License-Identifier: Apache-2.0
"""Scripts against members with little room, see ``steps``. The room is in ``QUOTA_BYTES``, and a script fills it.

How many values fit is the server's affair: it fills until it is refused. When the space that is given back is counted
again is, too, so such scripts end the alarm themselves, as an operator does.
"""

from __future__ import annotations

from tests.e2e.etcd.cases import Step, Steps, delete, get, post, put, txn
from tests.e2e.etcd.steps import (
    Name,
    bind,
    fields,
    grant,
    leases,
    revoke,
    time_to_live,
    unary,
    until_done,
    until_refused,
    web,
)

QUOTA_BYTES = 8 << 20

OWN: Steps = [bind("own", unary("MemberList"), "members", 0, "ID")]
# A value so large that few fit. One fits at least, sooner or later.
LARGE = put(b"large", b"v" * 1_000_000)
FULL: Steps = [*OWN, until_done(LARGE), until_refused(LARGE)]
SMALL = put(b"small", b"v")
ALARMS = unary("Alarm")
DISARM = unary("Alarm", action=2, alarm=1, memberID=Name("own"))
NOW = bind("now", unary("HashKV"), "header", "revision")


def without_revision(step: Step) -> Step:
    """How many values fitted before is the server's affair, so the revision is, too."""
    return fields(step, "count", "deleted", "leases", "TTL", "error", "errors", "alarms", "succeeded")


CASES: dict[str, Steps] = {
    "what grows is refused": [
        *FULL,
        without_revision(ALARMS),
        SMALL,
        without_revision(get(b"small")),
        txn(then=[SMALL]),
        without_revision(txn(then=[get(b"large", keys_only=True)], orelse=[])),
        grant(60, 5),
        without_revision(leases()),
        unary("Lock", name=b"m"),
        unary("Campaign", name=b"e", value=b"v"),
        post("/v3/kv/put", {"key": "aw==", "value": "dg=="}),
        post("/v3/lease/grant", {"TTL": 60}),
    ],
    "what does not is done": [
        until_done(grant(60, 5)),
        until_done(put(b"leased", lease=5)),
        *FULL,
        without_revision(get(b"large", count_only=True)),
        without_revision(time_to_live(5)),
        without_revision(revoke(5)),
        without_revision(get(b"leased")),
        without_revision(txn(then=[delete(b"large")])),
        without_revision(delete(b"large")),
        without_revision(unary("MemberList", linearizable=True)),
    ],
    "health and status say so": [
        *FULL,
        web("GET", "/health"),
        web("GET", "/health?exclude=NOSPACE"),
        web("GET", "/readyz"),
        web("GET", "/livez"),
        without_revision(unary("Status")),
    ],
    "compacted, defragmented, disarmed: what grows is done again": [
        *FULL,
        without_revision(delete(b"large")),
        NOW,
        fields(("Compact", {"revision": Name("now"), "physical": True})),
        unary("Defragment"),
        fields(DISARM),
        until_done(SMALL),
        web("GET", "/health"),
        without_revision(ALARMS),
    ],
    "disarmed without room: refused again": [*FULL, fields(DISARM), until_refused(LARGE), without_revision(ALARMS)],
}
