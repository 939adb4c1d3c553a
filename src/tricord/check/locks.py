# SPDX-License-Identifier: Apache-2.0
"""Locks and leases: no two clients hold a lock at once, tokens grow, and no lease ends early (``lock_lines``).

Only what is certain counts. A client holds a lock from the return of its acquire to the call of its release, or until
its lease may have ended: the last answered grant or renewal promises the lease's time from its *call* on. An acquire
whose outcome is unknown holds nothing; a release that failed released nothing. One client may hold a lock twice.

- *exclusion*: the certain times of two clients do not overlap.
- *fencing*: an acquire that was called after another of the same lock had returned has a larger token.
- *leases*: nobody sees a lease gone before its promised time is over, unless somebody may have revoked it.
"""

from __future__ import annotations

from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History
from tricord.check.lock_lines import FOR_EVER, Holding, Lease, holdings_of, leases_of, sorted_by_call
from tricord.check.words import duration_in_words, value_in_words


def check(history: History, limits: Limits) -> Finding:
    """Whether locks excluded and leases lived. Raises BadHistory."""
    del limits  # one pass
    operations = sorted_by_call(history.operations)
    leases = leases_of(operations)
    holdings = holdings_of(operations, leases)
    findings = (_early(lease) for each in leases.values() for lease in each)
    found = next((finding for finding in findings if finding is not None), None)
    for name, held in holdings.items():
        found = found or _overlap(name, held) or _tokens(name, held)
    found = found or Finding(Verdict.HOLDS)
    found.statistics = {
        "locks": len(holdings),
        "holdings": sum(map(len, holdings.values())),
        "leases": sum(map(len, leases.values())),
    }
    return found


def _early(lease: Lease) -> Finding | None:
    for gone in lease.gone:
        seen_ns = gone.return_ns or gone.call_ns
        promises = [(until, answer) for answer, until in lease.answers if seen_ns < until]
        if not promises or lease.revoked_ns <= seen_ns:
            continue
        until, answer = max(promises, key=lambda promise: (promise[0], -promise[1].index))
        name = value_in_words(lease.name)
        early = duration_in_words(until - seen_ns)
        reason = f"the lease {name} ended early: #{gone.index} saw it gone {early} before its time"
        steps = [
            f"#{answer.index} was called at {answer.call_ns} ns and answered: {name} lives until {until} ns at least.",
            f"#{gone.index} had seen at {seen_ns} ns that it is gone; nobody may have revoked it by then.",
        ]
        return Finding(Verdict.VIOLATED, reason, steps, sorted((answer.index, gone.index)), "lease ended early")
    return None


def _overlap(lock: str, holdings: list[Holding]) -> Finding | None:
    """Holdings come in the order of their beginnings."""
    lasting: list[Holding] = []
    for holding in holdings:
        if holding.end_ns <= holding.begin_ns:
            continue
        lasting = [each for each in lasting if each.end_ns > holding.begin_ns]
        other = next((each for each in lasting if each.acquired.client != holding.acquired.client), None)
        if other is not None:
            return _both(lock, other, holding)
        lasting.append(holding)
    return None


def _both(lock: str, first: Holding, second: Holding) -> Finding:
    one, other = first.acquired, second.acquired
    name = value_in_words(lock)
    if first.end_ns == FOR_EVER:
        how_long = "and gives it back nowhere"
    elif first.ended is None:
        how_long = f"and has it until {first.end_ns} ns"
    else:
        how_long = f"and has it until {first.end_ns} ns: #{first.ended}"
    reason = f"clients {one.client} and {other.client} hold the lock {name} at once: #{one.index} and #{other.index}"
    steps = [
        f"Client {one.client} has {name} from {first.begin_ns} ns on (#{one.index}), {how_long}.",
        f"Client {other.client} has it from {second.begin_ns} ns on (#{other.index}).",
    ]
    ended = [each for each in (first.ended, second.ended) if each is not None]
    granted = sorted({one.index, other.index, *ended})
    return Finding(Verdict.VIOLATED, reason, steps, granted, "lock held twice")


def _tokens(lock: str, holdings: list[Holding]) -> Finding | None:
    """Holdings come in the order of their returns."""
    fenced = [holding for holding in holdings if holding.token is not None]
    returned = 0
    largest: Holding | None = None
    by_token: dict[int, Holding] = {}
    for holding in sorted(fenced, key=lambda each: each.acquired.call_ns):
        while fenced[returned].begin_ns < holding.acquired.call_ns:
            before = fenced[returned]
            largest = before if largest is None or (before.token or 0) > (largest.token or 0) else largest
            returned += 1
        token = holding.token or 0
        same = by_token.setdefault(token, holding)
        if same is not holding:
            return _token(lock, same, holding, "the same token")
        if largest is not None and token < (largest.token or 0):
            return _token(lock, largest, holding, "a smaller token")
    return None


def _token(lock: str, before: Holding, after: Holding, what: str) -> Finding:
    one, other = before.acquired, after.acquired
    reason = f"#{other.index} acquired the lock {value_in_words(lock)} with {what} than #{one.index}"
    if what == "the same token":
        reason = f"#{one.index} and #{other.index} acquired the lock {value_in_words(lock)} with {what}"
    steps = [
        f"#{one.index} has the token {before.token}, #{other.index} has {after.token}.",
        f"#{one.index} returned at {one.return_ns} ns, #{other.index} was called at {other.call_ns} ns.",
    ]
    return Finding(Verdict.VIOLATED, reason, steps, sorted((one.index, other.index)), "token did not grow")
