# SPDX-License-Identifier: Apache-2.0
"""Histories of a store that is causally consistent, and not more: for the checkers of causal and session guarantees.

Writes go to the end of one log. A session sees a beginning of the log, which only grows and is up to ``lag`` writes
behind the end, and its own writes; a read returns the last one of its key. So sessions disagree for a while about what
is new, but nobody sees a write before those that led to it (CCv holds).
"""

from __future__ import annotations

import resource
import sys
import time
from bisect import bisect_left
from random import Random

from tricord.check import causal, sessions
from tricord.check.finding import Finding, Limits
from tricord.check.history import History, Operation

CHECKS = {"causal": causal.check, "sessions": sessions.check}


def causal_history(
    operations: int, clients: int = 50, keys: int = 1_000, lag: int = 500, reads: float = 0.5, seed: int = 1
) -> History:
    """Each write has its own value. The same arguments give the same history."""
    random = Random(seed)
    places: list[list[int]] = [[] for _ in range(keys)]  # by key: where in the log it was written
    own: list[dict[int, int]] = [{} for _ in range(clients)]  # by key: where the session wrote it last
    seen = [0] * clients
    end = 0
    found = []
    for number in range(operations):
        client, key = random.randrange(clients), random.randrange(keys)
        call, done = number * 1000, number * 1000 + 500
        if random.random() >= reads:
            places[key].append(end)
            own[client][key] = end
            found.append(Operation(client, "put", f"k{key}", f"v{end}", None, call, done))
            end += 1
            continue
        seen[client] = max(seen[client], end - random.randrange(lag + 1))
        at = bisect_left(places[key], seen[client])
        last = max(places[key][at - 1] if at else -1, own[client].get(key, -1))
        value = f"v{last}" if last >= 0 else None
        found.append(Operation(client, "get", f"k{key}", None, value, call, done))
    return History(found)


def swapped(history: History) -> History:
    """With a planted bug: late in the history a session reads what it had read of a key before the last time."""
    last: dict[tuple[int | str, str | None], list[str]] = {}
    for one in history.operations:
        if one.op == "get" and one.output is not None:
            values = last.setdefault((one.client, one.key), [])
            if len(values) > 1 and one.index > len(history) * 9 // 10 and values[-1] != values[-2]:
                one.output = values[-2]
                return history
            values.append(one.output)
    return history


def row(model: str, history: History) -> tuple[Finding, float]:
    """What the model finds, and processor seconds."""
    start = time.process_time()
    finding = CHECKS[model](history, Limits())
    return finding, time.process_time() - start


def main() -> None:
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{'model':<10}{'history':<10}{'keys':>8}{'operations':>12}  {'verdict':<10}{'seconds':>8}{'peak MiB':>10}")
    for keys in (1, 100, 10_000):
        for name in ("correct", "planted"):
            for model in CHECKS:
                history = causal_history(operations, keys=keys)
                finding, seconds = row(model, swapped(history) if name == "planted" else history)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
                print(
                    f"{model:<10}{name:<10}{keys:>8}{operations:>12,}"
                    f"  {finding.verdict.value:<10}{seconds:>8.1f}{peak:>10,}"
                )


if __name__ == "__main__":
    main()
