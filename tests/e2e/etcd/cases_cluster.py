# SPDX-License-Identifier: Apache-2.0
"""Scripts of the Cluster service on a lone member, see ``steps``. Learners that a script adds are never started.

etcd derives a member's id from its addresses and the second of its adding; an id that was removed never comes again:
each run has addresses of its own, in the place of ``RUN``, all of this machine, where nobody listens.
"""

from __future__ import annotations

from typing import Any

from tests.e2e.etcd.cases import Step, Steps, get, put
from tests.e2e.etcd.steps import Name, bind, unary

LEARNER = "http://127.RUN.3:1"
OTHER = "http://127.RUN.4:1"


def add(*urls: str, learner: bool = True) -> Step:
    return unary("MemberAdd", peerURLs=list(urls), isLearner=learner)


def remove(member: Any) -> Step:
    return unary("MemberRemove", ID=member)


def update(member: Any, *urls: str) -> Step:
    return unary("MemberUpdate", ID=member, peerURLs=list(urls))


def promote(member: Any) -> Step:
    return unary("MemberPromote", ID=member)


def members(*, linearizable: bool = True) -> Step:
    return unary("MemberList", linearizable=linearizable)


def move(member: Any) -> Step:
    return unary("MoveLeader", targetID=member)


OWN: Steps = [bind("own", members(), "members", 0, "ID")]
URLS: Steps = [bind("urls", members(), "members", 0, "peerURLs")]
ADDED: Steps = [*OWN, bind("new", add(LEARNER), "member", "ID")]
ME, NEW = Name("own"), Name("new")

# What no member can be reached at.
BAD_URLS: dict[str, list[str]] = {
    "none": [],
    "an empty one": [""],
    "no scheme": ["127.RUN.3:1"],
    "only a word": ["member"],
    "no host": ["http://"],
    "no port": ["http://127.RUN.3"],
    "a strange scheme": ["ftp://127.RUN.3:1"],
    "a path": ["http://127.RUN.3:1/peer"],
    "a port that is none": ["http://127.RUN.3:port"],
    "a bad one after a good one": [OTHER, "member"],
}
GOOD_URLS: dict[str, list[str]] = {
    "https": ["https://127.RUN.3:1"],
    "two": [LEARNER, OTHER],
    "two, not in order": [OTHER, LEARNER],
    "an address of version 6": ["http://[::ffff:127.RUN.3]:1"],
}
ODD_URLS: dict[str, list[str]] = {
    "a space at the end": ["http://127.RUN.3:1 "],
    "a slash at the end": ["http://127.RUN.3:1/"],
}

ADD: dict[str, Steps] = {
    "a learner": [*ADDED, members()],
    "a learner at a place that is taken": [*ADDED, add(LEARNER, OTHER), add(OTHER, LEARNER, learner=False), members()],
    "a learner at this member's place": [*URLS, unary("MemberAdd", peerURLs=Name("urls"), isLearner=True)],
    "a voter at this member's place": [*URLS, unary("MemberAdd", peerURLs=Name("urls"))],
    "a second learner is too many": [*ADDED, add(OTHER), members()],
    "a second learner at a place that is taken": [*ADDED, add(OTHER, LEARNER)],
    "is no revision": [put(b"k"), add(LEARNER), put(b"k"), get(b"k")],
    **{f"a learner at bad places: {name}": [add(*urls), members()] for name, urls in BAD_URLS.items()},
    **{f"a voter at bad places: {name}": [add(*urls, learner=False), members()] for name, urls in BAD_URLS.items()},
    **{f"a learner at good places: {name}": [add(*urls), members()] for name, urls in GOOD_URLS.items()},
    **{f"a learner at odd places: {name}": [add(*urls), members()] for name, urls in ODD_URLS.items()},
}

REMOVE: dict[str, Steps] = {
    "a learner": [*ADDED, remove(NEW), members()],
    "a learner twice": [*ADDED, remove(NEW), remove(NEW), members()],
    "a learner, and add another": [*ADDED, remove(NEW), add(OTHER), members()],
    "one that is unknown": [remove(5), members()],
    "none": [remove(0)],
    "this member alone is refused": [*OWN, remove(ME), members()],
    "this member beside a learner is refused": [*ADDED, remove(ME), members()],
}

# A real etcd takes an update to whatever it is given, and may die of it: only good places here. Whether it refuses a
# place that is taken depends on the order of its members' ids.
UPDATE: dict[str, Steps] = {
    "a learner": [*ADDED, update(NEW, OTHER), members()],
    "a learner to where it is": [*ADDED, update(NEW, LEARNER), members()],
    "this member to where it is": [*OWN, *URLS, unary("MemberUpdate", ID=ME, peerURLs=Name("urls")), members()],
    "one that is unknown": [update(5, OTHER)],
    "one that is unknown, to a place that is taken": [*ADDED, update(5, LEARNER)],
    "none": [update(0, OTHER)],
    "a removed one": [*ADDED, remove(NEW), update(NEW, OTHER)],
    **{f"to good places: {name}": [*ADDED, update(NEW, *urls), members()] for name, urls in GOOD_URLS.items()},
}

PROMOTE: dict[str, Steps] = {
    "one that is unknown": [promote(5)],
    "none": [promote(0)],
    "this member": [*OWN, promote(ME)],
    "a learner that lags behind": [*ADDED, promote(NEW), members()],
    "a removed one": [*ADDED, remove(NEW), promote(NEW)],
}

LIST: dict[str, Steps] = {
    "linearizable": [members()],
    "of this member's own knowledge": [members(linearizable=False)],
    "with a learner": [*ADDED, members(), members(linearizable=False)],
    "has no revision": [put(b"k"), members()],
}

MOVE: dict[str, Steps] = {
    "to one that is unknown": [move(5)],
    "to none": [move(0)],
    "to this member": [*OWN, move(ME)],
    "to a learner": [*ADDED, move(NEW)],
    "to a removed one": [*ADDED, remove(NEW), move(NEW)],
}

METHODS = ("MemberAdd", "MemberRemove", "MemberUpdate", "MemberList", "MemberPromote")
ERRORS: dict[str, Steps] = {
    "bytes that are no message": [("raw", (f"/etcdserverpb.Cluster/{method}", b"\x0f")) for method in METHODS],
    "an unknown method": [("raw", ("/etcdserverpb.Cluster/MemberNope", b""))],
    "empty requests": [unary(method) for method in METHODS],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (
        ("add", ADD),
        ("remove", REMOVE),
        ("update", UPDATE),
        ("promote", PROMOTE),
        ("list", LIST),
        ("move", MOVE),
        ("errors", ERRORS),
    )
    for name, steps in cases.items()
}
