# SPDX-License-Identifier: Apache-2.0
"""One run of the causal net: trouble while clients work, then none: then all must come to hold the same."""

from __future__ import annotations

from tricord.base.reachable import counted_by
from tricord.check.finding import Limits, Verdict
from tricord.check.history import OK, History, Operation
from tricord.check.models import check_of
from tricord.crdt.shown import show
from tricord.sim.causal.clients import COUNTER, SET, Client, Records
from tricord.sim.causal.world import Company
from tricord.sim.fine.schedule import SECOND
from tricord.sim.outcome import Outcome, Violation
from tricord.sim.plan import Plan

HEALING_SECONDS = 60.0
QUIET_SECONDS = 0.5


def run(plan: Plan) -> Outcome:
    """Do everything that the seed says, and tell what came of it."""
    outcome = Outcome(plan)
    company, records = Company(plan), Records()
    with counted_by(lambda point: outcome.reached.update((point,))):
        for host in company.hosts:
            host.start()
        for number in range(plan.clients):
            Client(number, company, records).begin()
        company.after(0.3, company.trouble)
        _run_until(company, int(plan.seconds * SECOND))
        company.say("the trouble is over")
        company.end_trouble()
        _heal(company, outcome)
    outcome.history = History(sorted(records.operations, key=lambda one: one.call_ns))
    _judge(company, records, outcome)
    outcome.trace_hash = company.trace.digest()
    outcome.fired, outcome.lines, outcome.turns = company.fired, company.lines, company.trace.turns
    outcome.simulated_seconds = company.seconds()
    outcome.operations = len(records.operations)
    return outcome


def _run_until(company: Company, end: int) -> None:
    company.schedule.run(end)


def _heal(company: Company, outcome: Outcome) -> None:
    start = company.schedule.now
    while company.schedule.now < start + int(HEALING_SECONDS * SECOND):
        _run_until(company, company.schedule.now + int(QUIET_SECONDS * SECOND))
        if _is_quiet(company):
            return
    states = "; ".join(
        f"{host.number} {'takes over a state' if host.replica.fetching else f'has {host.replica.past}'}, "
        f"{len(host.replica.pending)} wait"
        for host in company.hosts
    )
    outcome.violations.append(
        Violation("progress", company.seconds(), f"replicas do not come to have the same: {states}")
    )


def _is_quiet(company: Company) -> bool:
    """Whether all have the same writes; then they must hold the same."""
    replicas = [host.replica for host in company.hosts]
    return all(replica.is_open and not replica.is_retired for replica in replicas) and all(
        replica.past.includes(other.past) for replica in replicas for other in replicas
    )


def _judge(company: Company, records: Records, outcome: Outcome) -> None:
    at = company.seconds()
    if not outcome.violations and len({host.digest() for host in company.hosts}) > 1:
        digests = ", ".join(f"{host.number}: {host.digest():016x}" for host in company.hosts)
        outcome.violations.append(Violation("convergence", at, f"replicas with the same writes differ: {digests}"))
    if records.torn:
        outcome.violations.append(Violation("atomicity", at, records.torn[0]))
    if not outcome.violations:
        _judge_additions(company, records, outcome)
    assert outcome.history is not None
    for model, level in (("causal", "ccv"), ("sessions", "")):
        finding = check_of(model)(outcome.history, Limits(level=level))
        if finding.verdict is not Verdict.HOLDS:
            words = "\n".join([finding.reason, *finding.steps])
            outcome.violations.append(Violation(model, at, words))


def _judge_additions(company: Company, records: Records, outcome: Outcome) -> None:
    """Each acknowledged addition counts once, unless the acknowledging disk lost what it had; none counts twice."""
    replica = company.hosts[0].replica
    total, elements = show(replica.get(COUNTER), 0), show(replica.get(SET), 0)
    count = total.value if total is not None else 0
    found = elements.value if elements is not None else []
    assert isinstance(count, int) and isinstance(found, list)
    if count != len(found):
        words = f"the counter says {count}, of {len(found)} additions that are in the set"
        outcome.violations.append(Violation("additions", company.seconds(), words))
    kept = set(found)
    for number, (host, lost) in records.added.items():
        if b"%06d" % number not in kept and company.lost.count(host) == lost:
            words = f"addition {number}, acknowledged by a disk that lives, is gone"
            outcome.violations.append(Violation("durability", company.seconds(), words))
            return


def registers(history: History) -> History:
    """The part of a history that is about single registers: causal consistency allows what linearizability does not."""
    return History(
        Operation(one.client, one.op, one.key, one.input, one.output, one.call_ns, one.return_ns, one.status)
        for one in history.operations
        if one.op != "txn" and (one.op == "put" or one.status == OK)
    )
