# SPDX-License-Identifier: Apache-2.0
"""One cluster of the fine net: members, network, clients, faults and checks around one schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from random import Random
from traceback import extract_tb
from typing import Any

from tricord.base.errors import ApplyFailed
from tricord.base.membership import Configuration
from tricord.check.finding import Verdict
from tricord.check.history import Operation
from tricord.raft.state import LEADER
from tricord.sim.atlas import Atlas
from tricord.sim.fine.clients import Clients
from tricord.sim.fine.faults import Faults
from tricord.sim.fine.host import Host
from tricord.sim.fine.images import Images
from tricord.sim.fine.leases import Leases
from tricord.sim.fine.network import Network
from tricord.sim.fine.observers import Observers
from tricord.sim.fine.operator import Operator
from tricord.sim.fine.schedule import SECOND, Schedule
from tricord.sim.fine.trace import Trace
from tricord.sim.fine.watcher import Watcher
from tricord.sim.invariants.broken import Broken
from tricord.sim.outcome import Outcome, Violation
from tricord.sim.plan import Plan
from tricord.sim.watchdog import CHECKER, RunTooLong
from tricord.sim.whole import judge

KEPT_ENTRIES = 500
LATENCY_MS = 1.0
SYNC_MS = 1.0
SNAPSHOT_SECONDS = 0.05


class Cluster:
    """Everything of one run. ``outcome`` is what is known so far."""

    def __init__(self, plan: Plan) -> None:
        options = plan.options
        self.plan = plan
        self.outcome = Outcome(plan)
        self.schedule = Schedule()
        self.trace = Trace()
        self.began = 0
        """When there first was a leader."""
        self.history: list[Operation] = []
        self.hosts: dict[int, Host] = {}
        self.kept_entries = int(options.get("snapshot_entries", KEPT_ENTRIES))
        self.forwards = bool(options.get("forward", 1))
        self.sync_seconds = options.get("sync_ms", SYNC_MS) / 1000
        self.drain_seconds = options.get("drain_ms", 500.0) / 1000
        self._snapshots = self.stream("snapshots")
        self.watcher = Watcher(self)
        self.atlas = Atlas(f"n{number}" for number in range(1, plan.members + 1))
        self.faults = Faults(self)
        self.network = Network(
            self.schedule,
            self.stream("network"),
            self.hosts,
            self.faults.took_hold,
            options.get("latency_ms", LATENCY_MS) / 1000,
        )
        self.operator = Operator(self)
        self.leases = Leases(self)
        self.images = Images(self)
        self.observers = Observers(self)
        self.clients = Clients(self)
        self._raft = _raft_options(options)
        self._members = 0
        founders = Configuration(tuple(range(1, plan.members + 1)))
        for _ in range(plan.members):
            self.new_host(founders)

    def stream(self, purpose: str) -> Random:
        """Randomness for one purpose alone: what draws more or less elsewhere does not shift it."""
        return Random(f"{self.plan.seed} {purpose}")

    def new_host(self, configuration: Configuration) -> Host:
        """One more member, with an empty disk, that is not started yet."""
        self._members += 1
        host = self.hosts[self._members] = Host(self, self._members, configuration, self._raft)
        return host

    def forget(self, host: Host) -> None:
        """It left for good."""
        host.die()
        self.hosts.pop(host.identity, None)

    # --- the course of time -------------------------------------------------------------------------------------

    def run(self, until: int) -> bool:
        """Let time pass up to then. False when a promise was broken before."""
        with self.judged():
            self.schedule.run(until)
        return not self.outcome.violations

    @contextmanager
    def judged(self) -> Iterator[None]:
        """What breaks within is a violation of this run."""
        try:
            yield
        except Broken as broken:
            self._broken(broken.checker, broken.words)
        except (AssertionError, ApplyFailed) as error:
            self._broken("invariant", _where(error))
        except RunTooLong as late:
            self._broken(CHECKER, str(late))

    def run_until(self, holds: Callable[[], bool], seconds: float, step: float = 0.05) -> bool:
        """Let time pass until ``holds()``, looked at now and then, at most so long. Whether it does."""
        end = self.schedule.now + int(seconds * SECOND)
        while not holds():
            if self.schedule.now >= end or not self.run(self.schedule.now + int(step * SECOND)):
                return False
        return True

    @property
    def seconds(self) -> float:
        """Simulated seconds since there first was a leader."""
        return (self.schedule.now - self.began) / SECOND

    # --- what everybody asks ------------------------------------------------------------------------------------

    def leader(self) -> Host | None:
        """Who leads in the highest term, of those that work."""
        best: Host | None = None
        for host in self.hosts.values():
            leads = host.up and not host.paused and host.replica.role is LEADER
            if leads and (best is None or host.replica.term > best.replica.term):
                best = host
        return best

    def snapshot_seconds(self) -> float:
        """How long a snapshot takes to be sent, or to be put in place."""
        return SNAPSHOT_SECONDS * (0.2 + 2 * self._snapshots.random())

    def say(self, words: str) -> None:
        """A line of the story."""
        self.trace.note(words)
        self.outcome.lines.append(f"{self.seconds:9.3f} {words}")

    def record(self, operation: Operation) -> None:
        """A client's operation is over."""
        self.outcome.operations += 1
        self.history.append(operation)
        self.trace.note(f"{operation.client} {operation.op} {operation.status} {operation.revision}")

    def reached(self, point: str) -> None:
        """The product passed one of its rare points."""
        self.outcome.reached[point] += 1

    def finish(self) -> None:
        """All went well: what clients saw is judged once more as a whole."""
        finding = judge(self.history, self.watcher.store.events, self.watcher.store.first_revision)
        if finding.verdict is Verdict.VIOLATED:
            self._broken("linearizability", finding.reason)

    def broken(self, checker: str, words: str) -> None:
        """A promise was not kept: the run ends."""
        raise Broken(checker, words)

    def _broken(self, checker: str, words: str) -> None:
        self.say(f"VIOLATION of {checker}: {words}")
        self.outcome.violations.append(Violation(checker, self.seconds, words))


def _where(error: BaseException) -> str:
    """What broke, and in which line."""
    cause = error.__cause__ or error
    frame = extract_tb(cause.__traceback__)[-1]
    words = f"{type(error).__name__}: {error}" if str(error) else f"{type(error).__name__}"
    return f"{words} ({PurePath(frame.filename).name}, {frame.name}: {frame.line})"


def _raft_options(options: dict[str, float]) -> dict[str, Any]:
    lease_reads = bool(options.get("lease_reads", 0))
    return {
        "election_ticks": int(options.get("election_ticks", 10)),
        "pre_vote": bool(options.get("pre_vote", 1)),
        "check_quorum": lease_reads or bool(options.get("check_quorum", 1)),
        "lease_reads": lease_reads,
        "lease_drift_ticks": int(options.get("lease_drift_ticks", 1)),
        "forward": bool(options.get("forward", 1)),
        "quiesce_ticks": int(options.get("quiesce_ticks", 0)),
        "message_entries_max": int(options.get("message_entries", 1024)),
    }
