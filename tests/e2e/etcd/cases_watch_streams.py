# SPDX-License-Identifier: Apache-2.0
"""Scripts of what watches on one stream share, see ``steps``: ids, cancelling, progress, fragments."""

from __future__ import annotations

from typing import Any

from tests.e2e.etcd.cases import ALL, At, Steps, delete, put, txn
from tests.e2e.etcd.cases_watch import CUT, THREE, history, opened
from tests.e2e.etcd.steps import (
    PROGRESS,
    cancel,
    events,
    fragments,
    half_close,
    open_,
    receive,
    receive_by_watch,
    send,
    unwatch,
    watch,
)

ABSENT_WATCH = 9


def several(*requests: dict[str, Any]) -> Steps:
    """One stream with so many watches, and their first messages."""
    steps: Steps = [open_("w", "Watch")]
    for request in requests:
        steps += [send("w", request), receive("w")]
    return steps


IDS: dict[str, Steps] = {
    "count from 0": several(watch(b"a"), watch(b"b"), watch(b"c")),
    "count from 0 on each stream": [
        *several(watch(b"a"), watch(b"b")),
        open_("x", "Watch", watch(b"a")),
        receive("x"),
        put(b"a"),
        receive("w"),
        receive("x"),
    ],
    "chosen": several(watch(b"a", watch_id=7), watch(b"b", watch_id=3)),
    "chosen, then not chosen": several(watch(b"a", watch_id=7), watch(b"b"), watch(b"c")),
    "not chosen pass by chosen ones": several(
        watch(b"a", watch_id=1), watch(b"b"), watch(b"c"), watch(b"d", watch_id=3), watch(b"e"), watch(b"f")
    ),
    "chosen 0 is not chosen": several(watch(b"a", watch_id=0), watch(b"b", watch_id=0)),
    "negative": several(watch(b"a", watch_id=-5), watch(b"b")),
    "the one of refusals": several(watch(b"a", watch_id=-1), watch(b"b")),
    "large": several(watch(b"a", watch_id=(1 << 63) - 1), watch(b"b")),
    "a duplicate is refused": [
        *several(watch(b"a", watch_id=7)),
        send("w", watch(b"b", watch_id=7)),
        receive("w"),
        put(b"b"),
        put(b"a"),
        receive("w"),
    ],
    "a duplicate of one not chosen is refused": [
        *several(watch(b"a"), watch(b"b")),
        send("w", watch(b"c", watch_id=1)),
        receive("w"),
        send("w", watch(b"d")),
        receive("w"),
    ],
    "a duplicate with an empty range": [
        *several(watch(b"a", watch_id=7)),
        send("w", watch(b"c", b"b", watch_id=7)),
        receive("w"),
    ],
    "a duplicate with a compacted start": [
        *CUT,
        *several(watch(b"a", watch_id=7)),
        send("w", watch(b"b", watch_id=7, start_revision=At(1))),
        receive("w"),
    ],
    "an id is free after its cancel": [
        *several(watch(b"a", watch_id=7)),
        send("w", unwatch(7)),
        receive("w"),
        send("w", watch(b"b", watch_id=7)),
        receive("w"),
        put(b"a"),
        put(b"b"),
        receive("w"),
    ],
    "a number is not given again after its cancel": [
        *several(watch(b"a"), watch(b"b")),
        send("w", unwatch(1)),
        receive("w"),
        send("w", watch(b"c")),
        receive("w"),
    ],
    "after a compacted start": [
        *CUT,
        *several(watch(b"k", start_revision=At(1), watch_id=7)),
        receive("w"),
        send("w", watch(b"k", watch_id=7)),
        receive("w"),
    ],
}

CANCEL: dict[str, Steps] = {
    "ends a watch": [
        *several(watch(b"k"), watch(b"k")),
        send("w", unwatch(0)),
        receive("w"),
        put(b"k", b"1"),
        receive("w"),
    ],
    "the last leaves the stream": [
        *several(watch(b"k")),
        send("w", unwatch(0)),
        receive("w"),
        send("w", watch(b"k")),
        receive("w"),
        put(b"k", b"1"),
        receive("w"),
    ],
    "an unknown id has no answer": [
        *several(watch(b"k")),
        send("w", unwatch(ABSENT_WATCH)),
        put(b"k", b"1"),
        receive("w"),
        send("w", PROGRESS),
        receive("w"),
    ],
    "twice has one answer": [
        *several(watch(b"k"), watch(b"k")),
        send("w", unwatch(0), unwatch(0)),
        receive("w"),
        send("w", PROGRESS),
        receive("w"),
    ],
    "a negative id has no answer": [*several(watch(b"k")), send("w", unwatch(-1), PROGRESS), receive("w")],
    "before any watch": [open_("w", "Watch", unwatch(0)), *several(watch(b"k"))[1:], put(b"k"), receive("w")],
    "of another stream's id": [
        *several(watch(b"a"), watch(b"b")),
        open_("x", "Watch", watch(b"b")),
        receive("x"),
        send("x", unwatch(1), PROGRESS),
        receive("x"),
        put(b"b"),
        receive("w"),
        receive("x"),
    ],
    "the header has the revision of now": [
        *several(watch(b"k")),
        put(b"x"),
        put(b"x"),
        send("w", unwatch(0)),
        receive("w"),
    ],
    "of one that waits for the future": [
        *several(watch(b"k", start_revision=At(9))),
        send("w", unwatch(0)),
        receive("w"),
    ],
    "of one that was given its past": [
        *THREE,
        *history(3, start_revision=At(1)),
        send("w", unwatch(0)),
        receive("w"),
    ],
    "of one by a chosen id": [*several(watch(b"k", watch_id=77)), send("w", unwatch(77)), receive("w")],
    "dropping the stream leaves others": [
        *several(watch(b"k")),
        open_("x", "Watch", watch(b"k")),
        receive("x"),
        cancel("w"),
        put(b"k"),
        receive("x"),
    ],
}

STREAM: dict[str, Steps] = {
    "progress is asked for": [*THREE, *opened(), send("w", PROGRESS), receive("w")],
    "progress follows the revision": [
        *opened(),
        put(b"x"),
        send("w", PROGRESS),
        receive("w"),
        put(b"x"),
        send("w", PROGRESS),
        receive("w"),
    ],
    "progress of several watches is one answer": [
        *several(watch(b"a"), watch(b"b"), watch(b"c")),
        send("w", PROGRESS),
        receive("w"),
        put(b"a"),
        receive("w"),
    ],
    "progress comes after events": [*opened(), put(b"k"), receive("w"), send("w", PROGRESS), receive("w")],
    "progress after the past": [*THREE, *history(3, start_revision=At(1)), send("w", PROGRESS), receive("w")],
    "progress with progress_notify": [
        *opened(progress_notify=True),
        put(b"k"),
        receive("w"),
        send("w", PROGRESS),
        receive("w"),
    ],
    "progress without a watch is not answered": [open_("w", "Watch", PROGRESS, watch(b"k")), receive("w")],
    "progress after the only watch was cancelled is not answered": [
        *several(watch(b"k")),
        send("w", unwatch(0)),
        receive("w"),
        send("w", PROGRESS, watch(b"k")),
        receive("w"),
    ],
    "progress asked for three times": [*opened(), send("w", PROGRESS, PROGRESS, PROGRESS), receive("w", 3)],
    "a request that asks for nothing": [open_("w", "Watch", {}, watch(b"k")), receive("w"), put(b"k"), receive("w")],
    "half closed it goes on": [
        *opened(),
        half_close("w"),
        put(b"k", b"1"),
        receive("w"),
        put(b"k", b"2"),
        receive("w"),
    ],
    "two watches of one key": [*several(watch(b"k"), watch(b"k")), put(b"k", b"1"), receive_by_watch("w", 2)],
    "watches of keys apart": [
        *several(watch(b"a"), watch(b"b"), watch(b"c")),
        put(b"b"),
        receive("w"),
        put(b"c"),
        receive("w"),
        put(b"a"),
        receive("w"),
    ],
    "watches that overlap": [
        *several(watch(b"a", b"c"), watch(b"b", b"d"), watch(*ALL)),
        put(b"b"),
        receive_by_watch("w", 3),
        put(b"a"),
        receive_by_watch("w", 2),
        put(b"z"),
        receive("w"),
    ],
    "a transaction over watches": [
        *several(watch(b"a", b"c"), watch(b"b", b"d")),
        txn(then=[put(b"a"), put(b"b"), put(b"c")]),
        receive_by_watch("w", 2),
    ],
    "past, present and future on one stream": [
        *THREE,
        *several(watch(b"k"), watch(b"k", start_revision=At(4)), watch(b"k", start_revision=At(5))),
        send("w", watch(b"k", start_revision=At(2))),
        receive("w"),
        events("w", 2),
        put(b"k", b"4"),
        receive_by_watch("w", 3),
        put(b"k", b"5"),
        receive_by_watch("w", 4),
    ],
    "several made at once": [
        open_("w", "Watch", watch(b"a"), watch(b"b"), watch(b"c")),
        receive("w", 3),
        put(b"c"),
        receive("w"),
    ],
    "two streams see the same": [
        *opened(),
        open_("x", "Watch", watch(b"k")),
        receive("x"),
        put(b"k"),
        receive("w"),
        receive("x"),
    ],
    "with hasleader": [
        open_("w", "Watch", watch(b"k"), metadata=(("hasleader", "true"),)),
        receive("w"),
        put(b"k"),
        receive("w"),
    ],
    "bytes that are no message end it": [open_("w", "Watch", b"\x0f"), receive("w")],
    "bytes that are no message end it, after a watch": [*opened(), send("w", b"\x0a\x05k"), receive("w")],
    "a hundred watches": [
        open_("w", "Watch", *(watch(b"%02d" % number) for number in range(100))),
        receive("w", 100),
        put(b"77"),
        receive("w"),
        txn(then=[put(b"03"), put(b"50"), put(b"98")]),
        receive_by_watch("w", 3),
    ],
    "a thousand revisions of the past": [
        *(txn(then=[put(b"k%02d" % key) for key in range(100)]) for _ in range(12)),
        *history(1200, *ALL, start_revision=At(1)),
    ],
}

LARGE = b"v" * 700_000
LARGE_PAST: Steps = [put(b"k%d" % number, LARGE) for number in range(4)]
FRAGMENT: dict[str, Steps] = {
    "small messages are whole": [*opened(fragment=True), put(b"k", b"1"), receive("w")],
    "a transaction is whole where it fits": [
        *opened(*ALL, fragment=True),
        txn(then=[put(b"a"), put(b"b")]),
        receive("w"),
    ],
    "a past too large for one message": [
        *LARGE_PAST,
        *opened(*ALL, start_revision=At(1), fragment=True),
        events("w", 4),
        put(b"z"),
        receive("w"),
    ],
    "a past too large, not to be split": [*LARGE_PAST, *history(4, *ALL, start_revision=At(1))],
    "a delete of much, with prev_kv": [
        *LARGE_PAST,
        *opened(*ALL, fragment=True, prev_kv=True),
        delete(*ALL),
        fragments("w"),
        put(b"z"),
        receive("w"),
    ],
    "a delete of much, with prev_kv, not to be split": [
        *LARGE_PAST,
        *opened(*ALL, prev_kv=True),
        delete(*ALL),
        receive("w"),
    ],
}

CASES: dict[str, Steps] = {
    f"{group}: {name}": steps
    for group, cases in (("ids", IDS), ("cancel", CANCEL), ("stream", STREAM), ("fragment", FRAGMENT))
    for name, steps in cases.items()
}
