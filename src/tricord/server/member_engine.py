# SPDX-License-Identifier: Apache-2.0
"""The engine of this member: checks a request, sends it through the replica, answers it.

Reads are answered from the state at hand where their level allows it (``local_reads``); the others wait for their
ReadIndex; writes become commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from tricord.auth.authorise import authorise
from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.context import Context
from tricord.base.downgrading import DowngradeChange
from tricord.base.edges import EdgeHello, EdgeStream
from tricord.base.environment import Environment
from tricord.base.errors import (
    CorruptCluster,
    DeadlineExceeded,
    KeyspaceNotFound,
    NoSpace,
    NotForLearners,
    NotOfThisModel,
    OutcomeUnknown,
    RequestTooLarge,
    Stopping,
    TooManyRequests,
    TricordError,
)
from tricord.base.hashes import ContentHash
from tricord.base.keyspaces import (
    DEFAULT_KEYSPACE,
    KeyspaceCreate,
    KeyspaceDrop,
    KeyspaceList,
    KeyspaceListResult,
    KeyspaceRecord,
    Model,
)
from tricord.base.leases import (
    LeaseGrant,
    LeaseKeepAlive,
    LeaseList,
    LeaseListResult,
    LeaseTimeToLive,
)
from tricord.base.levels import Bounded, Level, ReadLevel, Stamp
from tricord.base.membership import Configuration
from tricord.base.metrics import Metrics
from tricord.base.operations import Compact, CompactResult, DeleteRange, Put, Range, Request, Result, Txn, is_read
from tricord.base.replica_sets import KeyspaceDescribe, KeyspaceDescribeResult, ReplicaAttach, ReplicaRetire
from tricord.base.typed import TypedStream
from tricord.base.watching import WatchStream
from tricord.mvcc.ranges import TooWide
from tricord.server.engine import EdgeEnd, EdgeTell, Encoded, Outcome, Reply
from tricord.server.engine_host import Host
from tricord.server.hashing import Hashing
from tricord.server.lease_keeping import Lead, LeaseKeeping
from tricord.server.leases import Leases
from tricord.server.local_reads import Freshness, LocalReads
from tricord.server.membership import Cluster, Membership
from tricord.server.replicas.requests import ReplicaRequests
from tricord.server.tickets import Tickets, Waiting
from tricord.server.turn import TurnLoop
from tricord.server.watching import Watching
from tricord.server.wide_reads import WIDE_KEYS, WideReads
from tricord.statemachine.alarms import grows, refusal_of
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import Applied, StateMachine
from tricord.statemachine.validation import Limits, validate
from tricord.storage.overlay import Overlay

_ASKS: frozenset[type[Request]] = frozenset(
    {LeaseKeepAlive, LeaseTimeToLive, LeaseList, KeyspaceList, KeyspaceDescribe}
)
"""Neither logged nor answered from the tables alone."""
_OF_THE_CLUSTER: frozenset[type[Request]] = frozenset(
    {
        KeyspaceCreate,
        KeyspaceDrop,
        KeyspaceList,
        KeyspaceDescribe,
        ReplicaAttach,
        ReplicaRetire,
        AlarmChange,
        DowngradeChange,
    }
)
"""Belong to no keyspace."""

_LINEARIZABLE, _SEQUENTIAL, _ANY = Level.LINEARIZABLE, Level.SEQUENTIAL, Level.ANY
_STRONG = Model.STRONG

REQUEST_SECONDS_MAX = 7.0
"""How long a request without a deadline of its own may wait."""


OpenEdge: TypeAlias = Callable[[EdgeHello, EdgeTell, EdgeEnd], Coroutine[Any, Any, EdgeStream]]


class MemberEngine:
    """What doors of this member call."""

    def __init__(
        self,
        environment: Environment,
        machine: StateMachine,
        overlay: Overlay,
        turns: TurnLoop,
        limits: Limits,
        *,
        cluster: int,
        member: int,
        history: int,
        waiting_max: int,
        request_bytes_max: int,
        metrics: Metrics,
        host: Host,
        peers: Cluster,
        lead: Lead,
        freshness: Freshness,
        lease_ttl_min: int,
        watching: Watching,
        lease_checkpoint_seconds: float,
    ) -> None:
        self._clock = environment.clock
        self._machine = machine
        self._turns = turns
        self._limits = limits
        self._tickets = Tickets()
        self._cluster = cluster
        self._member = member
        self._history = history
        self._waiting_max = waiting_max
        self._request_bytes_max = request_bytes_max
        self._metrics = metrics
        self._last_stamp = Stamp(cluster, member, 0, 0)
        self._host = host
        self._peers = peers
        self._watching = watching
        self.wide_reads = WideReads(environment.tasks, machine, overlay, self._answer, host.report)
        keeping = LeaseKeeping(environment, machine, turns, lead, self._tickets.reserve, lease_checkpoint_seconds)
        self.leases = Leases(environment, machine, turns, keeping, metrics, self._tickets, self._answer_now)
        self._local = LocalReads(
            environment.clock,
            freshness,
            machine,
            turns,
            self._tickets,
            self._serve_here,
            cluster=cluster,
            history=history,
        )
        self.replicas = ReplicaRequests(
            environment,
            metrics,
            cluster=cluster,
            member=member,
            history=history,
            term=lambda: turns.term,
            report=host.report,
            waiting_max=waiting_max,
            request_bytes_max=request_bytes_max,
            progress_seconds=watching.progress_seconds,
        )
        """Requests about causal and eventual keyspaces; whoever opens their replicas sets its ``find``."""
        turns.after_turn = self._turned
        self._random = environment.random
        self._lease_ttl_min = lease_ttl_min
        self.hashing = Hashing(environment.tasks, machine, overlay)
        self.stopping = False
        self.open_snapshot = host.open_snapshot
        self.open_edge: OpenEdge = _no_edges
        self.defragment = host.defragment
        self.status = host.status
        self.health = host.health
        self.membership = membership = Membership(member, peers, self.ask, self._tickets.reserve)
        self.members = membership.members
        self.list_members = membership.list_members
        self.add_member = membership.add_member
        self.remove_member = membership.remove_member
        self.promote_member = membership.promote_member
        self.update_member = membership.update_member
        self.replace_member = membership.replace_member
        self.move_leader = membership.move_leader
        turns.audience = self

    def call(self, request: Request, context: Context, reply: Reply, body: bytes | None = None) -> None:
        try:
            self._call(request, context, reply, body)
        except TricordError as error:
            reply(error, self.stamp())

    async def ask(self, request: Request, context: Context) -> tuple[Result, Stamp]:
        future: asyncio.Future[tuple[Result, Stamp]] = asyncio.get_running_loop().create_future()

        def reply(outcome: Outcome, stamp: Stamp) -> None:
            if future.done():
                return
            if isinstance(outcome, TricordError):
                future.set_exception(outcome)
            else:
                assert not isinstance(outcome, Encoded), "only for a context with an encoder"
                future.set_result((outcome, stamp))

        self.call(request, context, reply)
        try:
            return await future
        except asyncio.CancelledError:
            context.cancelled = True
            raise

    def open_watch(self, context: Context, wake: Callable[[], None]) -> WatchStream:
        if self.stopping:
            raise Stopping
        record = self._machine.catalogue.find(context.keyspace)
        if record.model is not _STRONG:
            return self.replicas.open_watch(record, context, wake)
        if self._peers.is_learner:
            raise NotForLearners
        if self._is_found_out():
            raise CorruptCluster
        return self._watching.open(record.id, context, wake)

    def open_typed_watch(self, context: Context, wake: Callable[[], None]) -> TypedStream:
        if self.stopping:
            raise Stopping
        record = self._machine.catalogue.find(context.keyspace)
        if record.model is not _STRONG:
            return self.replicas.open_typed_watch(record, context, wake)
        raise NotOfThisModel("typed watches are of causal and eventual keyspaces: watch this one as etcd's clients do")

    def keyspace(self, name: str) -> KeyspaceRecord | None:
        return self._machine.catalogue.by_name.get(name)

    def stamp(self, keyspace: str = DEFAULT_KEYSPACE) -> Stamp:
        machine = self._machine
        record = machine.catalogue.by_name.get(keyspace)
        if record is not None and record.model is not _STRONG:
            return self.replicas.stamp(record)
        revision = machine.revision(record.id) if record is not None and machine.has_keyspace(record.id) else 0
        return self._stamp_at(revision, _LINEARIZABLE, 0.0)

    @property
    def waiting(self) -> int:
        """Requests between call and reply."""
        return len(self._tickets) + self.replicas.waiting

    def _call(self, request: Request, context: Context, reply: Reply, body: bytes | None) -> None:
        if self.stopping:
            raise Stopping
        kind = type(request)
        record = self._machine.catalogue.by_name.get(context.keyspace)
        if record is None and kind not in _OF_THE_CLUSTER:
            self._look_up(request, context, reply, body)
            return
        keyspace = 0 if record is None else record.id
        if record is not None and record.model is not _STRONG and kind not in _OF_THE_CLUSTER:
            self.replicas.call(record, request, context, reply)
            return
        validate(request, self._limits)
        authorise(context, request)
        if kind is Range:
            reads = True
            self._metrics.ranges += 1
        elif kind is Put:
            reads = False
            self._metrics.puts += 1
        else:
            reads = kind in _ASKS or is_read(request)
            if kind is Txn:
                self._metrics.txns += 1
            elif kind is DeleteRange:
                self._metrics.deletes += 1
        level = context.level
        floor = self._local.floor(context.token) if context.token else 0
        if level is _ANY and isinstance(request, KeyspaceList | KeyspaceDescribe):
            reply(self._look(request), self.stamp())
            return
        weak = reads and level is not _LINEARIZABLE and kind not in _ASKS
        if weak and self._read_here(request, context, reply, keyspace, floor):
            return
        automatic = type(request) is AlarmChange and request.automatic
        if self._peers.is_learner and not automatic and not (weak and level is _SEQUENTIAL):
            raise NotForLearners
        if len(self._tickets) >= self._waiting_max:
            raise TooManyRequests(f"too many requests: {self._waiting_max} are waiting already")
        deadline = context.deadline
        if deadline is None:
            deadline = self._clock.monotonic() + REQUEST_SECONDS_MAX
        if weak:
            deadline = self._local.patience(deadline, self._clock.monotonic())
        waiting = Waiting(request, context, reply, keyspace, deadline, not reads)
        if kind is LeaseKeepAlive or kind is LeaseTimeToLive:
            self.leases.begin(self._tickets.add(waiting))
            return
        if weak and level is _SEQUENTIAL:
            self._local.wait(self._tickets.add(waiting), floor)
            return
        if reads:
            ticket = self._tickets.add(waiting)
            if weak and type(level) is Bounded:
                self._local.ask(ticket, level)
            else:
                self._turns.read(ticket)
            return
        if type(request) is LeaseGrant:
            request, body = self._granting(request), None
        if kind is not AlarmChange and kind is not DowngradeChange:
            self._refuse_for_space(request)
        # Before anybody was elected the term is 0, which would say that a client decided.
        term = max(self._turns.term, 1) if automatic else 0
        command = encode_command(request, body, keyspace=keyspace, identity=context.identity, deciding_term=term)
        if len(command) > self._request_bytes_max:
            raise RequestTooLarge
        self._turns.propose(self._tickets.add(waiting), command)

    def _read_here(self, request: Request, context: Context, reply: Reply, keyspace: int, floor: int) -> bool:
        """Answer from the state at hand, if the level and the token allow that; else say False."""
        allowed, age = self._allows_here(context.level, floor)
        if allowed:
            self._read(Waiting(request, context, reply, keyspace, 0.0, False), context.level, age)
        return allowed

    def _allows_here(self, level: ReadLevel, floor: int) -> tuple[bool, float | None]:
        """Whether the state at hand is good enough for a level below linearizable, and how old it is then (None: that
        is not known). ``floor``: the index that the caller's token has seen."""
        if level is _ANY:
            return True, None
        if floor > self._machine.applied_index:
            return False, None
        if level is _SEQUENTIAL:
            return True, None
        if type(level) is not Bounded:
            raise NotOfThisModel("the keyspace is strong: read it as linearizable, sequential, bounded or any")
        # A learner asks nobody, so it does not know how old its state is.
        age = self._local.age(level)
        return age is not None, age

    def read_now(self, request: Request, context: Context) -> tuple[Result, Stamp] | None:
        """The answer of a read that waits for nothing, as ``call`` would give it at once; None: ``call`` for it.

        Cost: about 3 us for a key. Raises TricordError.
        """
        level, machine = context.level, self._machine
        record = machine.catalogue.by_name.get(context.keyspace)
        if record is None or self.stopping:
            return None
        if record.model is not _STRONG:
            return self.replicas.read_now(record, request, context)
        if level is _LINEARIZABLE or type(request) is not Range or machine.alarms:
            return None
        if not request.key or request.sort_order or request.sort_target:  # nothing else can be wrong with a range
            validate(request, self._limits)
        authorise(context, request)
        allowed, age = self._allows_here(level, self._local.floor(context.token) if context.token else 0)
        if not allowed:
            return None
        try:
            result = machine.read(request, record.id, WIDE_KEYS)
        except TooWide:
            return None
        self._metrics.ranges += 1
        return result, self._stamp_at(machine.revision(record.id), level, age)

    def _serve_here(self, waiting: Waiting) -> None:
        """What a token has seen, is here now."""
        level = waiting.context.level
        self._read(waiting, level, 0.0 if type(level) is Bounded and not level.revisions else None)

    def _turned(self) -> None:
        self.leases.turned()
        self._local.turned()

    def _look_up(self, request: Request, context: Context, reply: Reply, body: bytes | None) -> None:
        """Call again once this member knows of every keyspace that was made before the call: one may be new."""
        if context.level is _ANY:
            self._machine.catalogue.find(context.keyspace)  # raises

        def known(outcome: Outcome, stamp: Stamp) -> None:
            if not isinstance(outcome, TricordError):
                if context.keyspace in self._machine.catalogue.by_name:
                    self.call(request, context, reply, body)
                    return
                outcome = KeyspaceNotFound(f"no keyspace is called {context.keyspace[:80]!r}")
            reply(outcome, stamp)

        self._call(KeyspaceList(), Context(deadline=context.deadline), known, None)

    def _granting(self, request: LeaseGrant) -> LeaseGrant:
        """The grant as it is logged: with an id, and long enough to be renewed over a change of leaders."""
        identity = request.id
        while not identity:
            identity = self._random.bits(63)
        return LeaseGrant(max(request.ttl, self._lease_ttl_min), identity)

    def _answer_now(self, waiting: Waiting, result: Result) -> None:
        """With the state as it is."""
        self._answer(waiting, result, self._stamp_at(self._revision(waiting), _LINEARIZABLE, 0.0))

    def _revision(self, waiting: Waiting) -> int:
        """Of the request's keyspace; 0 once that was dropped."""
        machine = self._machine
        return machine.revision(waiting.keyspace) if machine.has_keyspace(waiting.keyspace) else 0

    def _is_found_out(self) -> bool:
        """Whether this member was found to differ from the others: what it would say is not the cluster's data."""
        return self._machine.alarms.get((self._member, AlarmKind.CORRUPT), False)

    def _refuse_for_space(self, request: Request) -> None:
        """Raise where an alarm forbids the write, or where this member has no room for it: before it is logged."""
        if self._machine.alarms and (refused := refusal_of(self._machine.alarms, request)) is not None:
            raise refused
        if (self._turns.log_full or grows(request)) and (reason := self._host.refuses_growth()):
            raise NoSpace(f"database space exceeded: {reason}")

    def _answer(self, waiting: Waiting, outcome: Outcome, stamp: Stamp) -> None:
        """A door that fails to pass on an answer is a bug of that door, and no reason to stop the member."""
        try:
            waiting.reply(outcome, stamp)
        except Exception as error:
            self._host.report(error, "reply")

    def applied(self, ticket: int, applied: Applied) -> None:
        waiting = self._tickets.take(ticket)
        if waiting is None:
            self.leases.over(ticket, failed=isinstance(applied.outcome, TricordError))
            return
        outcome = applied.outcome
        assert outcome is not None
        stamp = Stamp(
            self._cluster,
            self._member,
            self._turns.term,
            applied.revision,
            _LINEARIZABLE,
            0.0,
            self._history,
            self._machine.applied_index,
        )
        if type(outcome) is CompactResult:
            request = waiting.request
            assert isinstance(request, Compact)
            if request.physical:
                self._host.compacted(waiting.keyspace, request.revision, lambda: self._answer(waiting, outcome, stamp))
                return
            self._host.compacted(waiting.keyspace, request.revision, None)
        self._answer(waiting, outcome, stamp)

    def dropped(self, ticket: int, error: TricordError) -> None:
        waiting = self._tickets.take(ticket)
        if waiting is None:
            if not self._local.is_refresh(ticket) and not self.leases.over(ticket, failed=True):
                self.membership.dropped(ticket, error)
            return
        if waiting.is_write:
            self._metrics.proposals_failed += 1
        else:
            self._metrics.reads_failed += 1
        self._answer(waiting, error, self.stamp())

    def changed(self, ticket: int, configuration: Configuration) -> None:
        self.membership.ended(ticket)

    def transferred(self, ticket: int, leader: int) -> None:
        self.membership.ended(ticket)

    def readable(self, ticket: int) -> None:
        waiting = self._tickets.take(ticket)
        if waiting is None:
            if not self._local.is_refresh(ticket):
                self.leases.round_answered(ticket)
        elif waiting.context.cancelled:
            return
        elif type(waiting.request) in _ASKS:
            self._ask(ticket, waiting)
        elif type(waiting.context.level) is Bounded:
            self._read_bounded(ticket, waiting, waiting.context.level)
        else:
            self._read(waiting, _LINEARIZABLE, 0.0)

    def _read_bounded(self, ticket: int, waiting: Waiting, bound: Bounded) -> None:
        """Its read index is here, or near enough; what its token has seen may not be."""
        token = waiting.context.token
        floor = self._local.floor(token) if token else 0
        if floor > self._machine.applied_index:
            self._tickets.waiting[ticket] = waiting
            self._local.wait(ticket, floor)
            return
        self._read(waiting, bound, self._local.age_now() if bound.revisions else 0.0)

    def _ask(self, ticket: int, waiting: Waiting) -> None:
        if isinstance(waiting.request, KeyspaceList | KeyspaceDescribe):
            self._answer(waiting, self._look(waiting.request), self.stamp())
        elif type(waiting.request) is LeaseList:
            self._answer_now(waiting, LeaseListResult(self._machine.lease_ids()))
        else:
            self.leases.serve(ticket, waiting)

    def _look(self, request: KeyspaceList | KeyspaceDescribe) -> Outcome:
        """What the catalogue says, as it is here."""
        catalogue = self._machine.catalogue
        if type(request) is KeyspaceList:
            return KeyspaceListResult(catalogue.records)
        assert type(request) is KeyspaceDescribe
        try:
            record, replicas = catalogue.describe(request.name)
        except KeyspaceNotFound as error:
            return error
        return KeyspaceDescribeResult(record, replicas, self.replicas.describe(record))

    def _read(self, waiting: Waiting, level: ReadLevel, age: float | None) -> None:
        request = waiting.request
        if self._machine.alarms and self._is_found_out():
            self._answer(waiting, CorruptCluster(), self.stamp())
            return
        assert isinstance(request, Range | Txn)
        outcome: Outcome
        try:
            try:
                outcome = self._machine.read(request, waiting.keyspace, WIDE_KEYS)
            except TooWide:
                assert isinstance(request, Range)
                self.wide_reads.add(waiting, request, lambda revision: self._stamp_at(revision, level, age))
                return
        except TricordError as error:
            outcome = error
        self._answer(waiting, outcome, self._stamp_at(self._revision(waiting), level, age))

    async def hash_keys(self, revision: int) -> tuple[ContentHash, Stamp]:
        return await self.hashing.of_keys(revision), self.stamp()

    async def hash_all(self) -> tuple[int, Stamp]:
        return await self.hashing.of_all(), self.stamp()

    def expire(self) -> None:
        """Answer what waited past its deadline. Called at times; a write that got into a log may still take effect."""
        self._give_up(self._clock.monotonic(), DeadlineExceeded())
        self.leases.look()
        self._local.look()
        self.replicas.expire()

    async def finish_reading(self) -> None:
        """Wait for what reads the store on another thread, and answer what waits to."""
        for waiting in await self.wide_reads.stop():
            self._answer(waiting, Stopping(), self.stamp())
        await self.hashing.stop()

    def stop(self) -> None:
        """Take no new request and answer those that wait."""
        self.stopping = True
        self._watching.stop()
        self.replicas.stop()
        self.membership.stop()
        self.leases.stop()
        self._give_up(float("inf"), Stopping())

    def _give_up(self, now: float, error: TricordError) -> None:
        """Answer what waits since before then; with the error where it is certain that nothing was done."""
        overdue = self._tickets.take_overdue(now)
        if not overdue:
            return
        withdrawn = self._turns.withdraw({ticket for ticket, waiting in overdue if waiting.is_write})
        for ticket, waiting in overdue:
            if type(error) is DeadlineExceeded and not waiting.is_write:
                self._answer(waiting, self._local.refusal(waiting), self.stamp())
                continue
            is_known = not waiting.is_write or ticket in withdrawn
            self._answer(waiting, error if is_known else OutcomeUnknown(), self.stamp())

    def _stamp_at(self, revision: int, level: ReadLevel, age: float | None) -> Stamp:
        # All reads of a turn say the same.
        last, term, index = self._last_stamp, self._turns.term, self._machine.applied_index
        if (
            last.index == index
            and last.revision == revision
            and last.level is level
            and last.term == term
            and last.age == age
        ):
            return last
        self._last_stamp = Stamp(self._cluster, self._member, term, revision, level, age, self._history, index)
        return self._last_stamp


async def _no_edges(hello: EdgeHello, tell: EdgeTell, end: EdgeEnd) -> EdgeStream:
    raise Stopping
