# SPDX-License-Identifier: Apache-2.0
"""A replica of a causal keyspace in a process: ``CausalHost`` does around the core what docs/causal.md asks of a host.

The core's log is rows of its tables, so "logged" there is "durable" here: in the redo log before those tables
(docs/decisions/0025-a-redo-log-before-the-tables-of-replicas.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tricord.base.changes import size_of, takes_away
from tricord.base.dots import INCARNATION_MAX, VersionVector
from tricord.base.environment import Environment, Timer
from tricord.base.errors import (
    KeyNotProvided,
    NotOfThisModel,
    ReplicaCatchingUp,
    ReplicaRetired,
    TokenAhead,
    TooManyRequests,
    TricordError,
)
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.typed import KeyChange, Update, key_in_words
from tricord.causal.closing import ROWS_AT_ONCE
from tricord.causal.numbering import give_number
from tricord.causal.past import Past, may_start_after, next_incarnation
from tricord.causal.replica import CausalReplica, Change, Delivered
from tricord.crdt.cell import Cell, Delta
from tricord.crdt.cell import Write as Circumstances
from tricord.crdt.changed import Changed
from tricord.crdt.changes import mutate, plain_put
from tricord.crdt.read_context import decode_read_context
from tricord.server.replicas.alarms import Alarms
from tricord.server.replicas.causal_deliveries import Deliveries
from tricord.server.replicas.causal_fetching import Fetching
from tricord.server.replicas.causal_talking import Talking
from tricord.server.replicas.causal_writing import Writing
from tricord.server.replicas.keyspace_replica import (
    CellsReply,
    Ready,
    ReplicaStatus,
    Surroundings,
    UpdateReply,
)
from tricord.storage.replica_storage import ReplicaStorage

KEYSPACE = 0
"""Each replica has tables of its own, so what stands there need not say of which keyspace it is."""
LOOK_SECONDS = 0.1
IDLE_LOOK_SECONDS = 1.0
CUT_SECONDS = 0.5
JOIN_SECONDS = 5.0
"""One that is new is closed until it has what the first other one has that it hears of, or for so long."""
NUMBER_SECONDS = 5.0
"""A retired replica asks so often for a new number."""
WAITING_MAX = 10_000
"""Writes that wait for the disk, and sessions that wait for writes."""


class CausalHost:
    """See ``KeyspaceReplica``. Made with open storage, then ``belong``, ``start``; ``close`` or ``abandon`` it."""

    def __init__(
        self,
        environment: Environment,
        record: KeyspaceRecord,
        replica: int,
        storage: ReplicaStorage,
        surroundings: Surroundings,
        *,
        cluster: int,
        quota_bytes: int,
        fail: Callable[[BaseException], None],
    ) -> None:
        """Reads the tables through: may run on any thread. ``cluster`` is not needed, as links are of one cluster.

        Raises CorruptData."""
        self.record = record
        self.cluster = cluster
        self._environment = environment
        self._surroundings = surroundings
        numbered = replica != 0 and give_number(storage.overlay, KEYSPACE, replica)
        self.core = core = CausalReplica(storage.overlay, KEYSPACE, replica)
        self._deliveries = Deliveries(
            environment, core, storage, gather=self._gather, quota_bytes=quota_bytes, fail=fail
        )
        self._writing = Writing(environment, self._deliveries)
        self._deliveries.grew = self._grew
        self._alarm = Alarms(environment.clock, lambda *told: surroundings.alarm(record.id, *told)).tell
        send, can_reach = self._send, surroundings.can_reach
        self._fetching = Fetching(environment, self._deliveries, send=send, can_reach=can_reach, alarm=self._alarm)
        self._talking = Talking(
            environment, self._deliveries, self._fetching, send=send, can_reach=can_reach, alarm=self._alarm
        )
        self._waiting = 0
        self._timer: Timer | None = None
        self._is_joining = (
            replica != 0 and not core.sequence and not core.fetching and not numbered and not core.highest_incarnation
        )
        self._join_until = 0.0
        self._join_for: Past | None = None
        self._cut_at = self._number_at = 0.0
        self._known_sequence = 0
        self._is_closed = False
        self.sequence = core.sequence

    # --- life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write, under an incarnation of its own, and to speak to others."""
        self._join_until = self._environment.clock.monotonic() + JOIN_SECONDS
        if may_start_after(self.core.highest_incarnation):
            self._begin_incarnation(self.core.highest_incarnation)
        else:
            self.core.outdated = INCARNATION_MAX
        if self.core.fetching or self.core.former():
            self._fetching.begin()
        self._timer = self._environment.tasks.call_later(0.0, self._look)

    @property
    def is_awaited(self) -> bool:
        """Whether a write is not answered yet."""
        return bool(self._writing)

    async def close(self, error: TricordError | None = None) -> None:
        """Answer what waits with ``error`` (None: this process stops), commit what there is, let the storage go.
        Raises OSError."""
        self._end()
        try:
            await self._deliveries.close(error)
        finally:
            self._writing.end(error)

    def abandon(self, error: TricordError | None = None) -> None:
        """Write and say nothing more. What is under way may still become durable."""
        self._end()
        self._deliveries.abandon(error)
        self._writing.end(error)

    def _end(self) -> None:
        self._is_closed = True
        self._talking.close()
        if self._timer is not None:
            self._timer.cancel()

    def _begin_incarnation(self, highest: int) -> None:
        self.core.start(next_incarnation(highest, self._environment.random.bits(28)))
        self._deliveries.took(Delivered(), unspoken=True)

    @property
    def changed(self) -> Callable[[list[Changed]], None]:
        """See ``KeyspaceReplica``."""
        return self._deliveries.changed

    @changed.setter
    def changed(self, told: Callable[[list[Changed]], None]) -> None:
        self._deliveries.changed = told

    @property
    def resynced(self) -> Callable[[], None]:
        """See ``KeyspaceReplica``."""
        return self._deliveries.resynced

    @resynced.setter
    def resynced(self, told: Callable[[], None]) -> None:
        self._deliveries.resynced = told

    # --- what is asked of it ------------------------------------------------------------------------------

    def update(self, request: Update, deadline: float, reply: UpdateReply) -> None:
        """See ``KeyspaceReplica``: all its changes at once. The next group carries it out, with what others ask."""
        try:
            changes = self._as_changes(request)
        except TricordError as error:
            reply(error)
            return
        size = sum(len(change.key) + size_of(change.change) for change in request.changes)
        self._writing.ask(changes, size, deadline, reply)

    def settle(self) -> None:
        """See ``KeyspaceReplica``."""
        self._deliveries.committer.gather_now()

    def _gather(self) -> None:
        refused = self._writing.gather()
        self.sequence = self.core.sequence
        for reply, why in refused:
            reply(why)

    def _as_changes(self, request: Update) -> list[Change]:
        self.check_open()
        check_update(request)
        refusal = self._deliveries.committer.refusal()
        if refusal is not None and not self._may_write_although(request):
            raise refusal
        if len(self._writing) >= WAITING_MAX:
            raise TooManyRequests(f"{len(self._writing)} writes wait for the disk")
        one_of_many = len(request.changes) > 1
        return [self._as_change(change, one_of_many) for change in request.changes]

    def _as_change(self, change: KeyChange, one_of_many: bool) -> Change:
        asked = change.change

        def carried_out(cell: Cell, circumstances: Circumstances) -> Delta:
            try:
                return mutate(cell, circumstances, asked)
            except TricordError as error:
                if one_of_many:
                    raise type(error)(f"{key_in_words(change.key)}: {error}") from None
                raise

        if change.seen:
            return Change(change.key, carried_out, decode_read_context(change.seen, self.core.replica))
        return Change(change.key, carried_out, plain=plain_put(asked))

    def _may_write_although(self, request: Update) -> bool:
        """Over the quota things are taken away still; a disk without room takes nothing."""
        committer = self._deliveries.committer
        return not committer.is_held_up and all(takes_away(one.change) for one in request.changes)

    def cells(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, Cell]]:
        """See ``KeyspaceReplica``."""
        return self.core.range(start, end)

    def cell(self, key: bytes) -> Cell:
        """See ``KeyspaceReplica``."""
        return self.core.get(key)

    def read(self, keys: list[bytes], replicas: int, deadline: float, reply: CellsReply) -> None:
        """See ``KeyspaceReplica``."""
        if replicas > 1:
            reply(NotOfThisModel("a causal keyspace reads from one replica: a session's token makes it wait for more"))
            return
        try:
            self.check_open()
        except TricordError as error:
            reply(error)
            return
        cells = [self.core.get(key) for key in keys]
        self.when_durable(lambda error: reply(cells if error is None else error))

    @property
    def is_durable(self) -> bool:
        """See ``KeyspaceReplica``."""
        return self._deliveries.is_durable

    def when_durable(self, ready: Ready) -> None:
        """See ``KeyspaceReplica``."""
        self._deliveries.committer.when_durable(self._deliveries.shown, ready)

    def vector(self) -> VersionVector:
        """See ``KeyspaceReplica``: of what is durable here."""
        return self.core.durable_token()

    def covers(self, vector: VersionVector) -> bool:
        """See ``KeyspaceReplica``."""
        return self.core.covers(vector)

    def wait_for(self, vector: VersionVector, deadline: float, ready: Ready) -> None:
        """See ``KeyspaceReplica``."""
        if self._is_closed or self._waiting >= WAITING_MAX:
            ready(TooManyRequests("too many sessions wait for what they have seen"))
            return
        timer: Timer | None = None
        is_done = False

        def come(error: TricordError | None) -> None:
            nonlocal is_done
            if not is_done:
                is_done = True
                self._waiting -= 1
                if timer is not None:
                    timer.cancel()
                ready(error)

        def late() -> None:
            self._deliveries.forget(ticket)
            come(TokenAhead("what the session has seen did not come here in time"))

        self._waiting += 1
        ticket = self._deliveries.wait(vector, come)
        if not is_done and deadline != float("inf"):
            delay = max(0.0, deadline - self._environment.clock.monotonic())
            timer = self._environment.tasks.call_later(delay, late)

    def check_open(self) -> None:
        """See ``KeyspaceReplica``."""
        if self.core.fetching:
            raise ReplicaCatchingUp
        if self._is_joining:
            raise ReplicaCatchingUp("the replica is new and waits for another one's word")
        if self._is_closed:
            raise ReplicaRetired("the replica is not in use any more")

    def status(self) -> ReplicaStatus:
        """See ``KeyspaceReplica``."""
        core, now = self.core, self._environment.clock.monotonic()
        heard = self._talking.heard_at
        return ReplicaStatus(
            replica=core.replica,
            incarnation=core.origin.incarnation,
            sequence=core.sequence,
            is_open=not core.fetching and not self._is_joining,
            unsent=core.unsent,
            keys=core.keys,
            bytes=self._deliveries.committer.used_bytes,
            agreement_seconds={peer: now - heard[peer] for peer in core.peers.peers if peer in heard},
            digest=core.digest,
            refused=dict(self._talking.refused),
        )

    # --- others -------------------------------------------------------------------------------------------

    def belong(self, epoch: int, members: list[int], edges: list[int], retired: list[int]) -> None:
        """See ``KeyspaceReplica``."""
        core = self.core
        if epoch <= core.peers.epoch:
            return
        known = frozenset(core.peers.peers)
        core.change_set(epoch, [*members, *edges], retired)
        self._talking.belong(edges)
        if self._timer is not None:
            self._talking.tell([peer for peer in core.peers.peers if peer not in known])

    def received(self, sender: int, data: bytes) -> None:
        """See ``KeyspaceReplica``."""
        if self._is_closed or self._timer is None:
            return
        self._talking.received(sender, data)
        self.sequence = self.core.sequence
        if self._is_joining:
            self._look_whether_joined()

    def reached(self, replica: int) -> None:
        """See ``KeyspaceReplica``."""
        if not self._is_closed and self._timer is not None:
            self._talking.reached(replica)

    def _send(self, replica: int, data: bytes) -> bool:
        return self._surroundings.send(self.record.id, replica, data)

    # --- inner --------------------------------------------------------------------------------------------

    def _grew(self) -> None:
        self._writing.grew()
        self._talking.committed(grew=self.core.persisted_to > self._known_sequence)
        self._known_sequence = self.core.persisted_to

    def _look(self) -> None:
        """Every so often."""
        now = self._environment.clock.monotonic()
        core = self.core
        if self._is_joining:
            self._look_whether_joined()
        if core.is_retired or core.outdated >= INCARNATION_MAX:
            # In the second case others heard of it before this one did.
            self._ask_for_number(now)
        elif core.outdated:
            self._alarm("a disk is an older copy of itself", "the replica takes over a state")
            core.outdated_by(core.highest_incarnation)
            if core.outdated < INCARNATION_MAX:
                self._begin_incarnation(core.outdated)
                self._fetching.begin()
        self._fetching.look()
        if now >= self._cut_at and not self._deliveries.committer.is_held_up:
            is_behind = self._cut() == ROWS_AT_ONCE
            self._cut_at = now if is_behind else now + CUT_SECONDS
        self._talking.look()
        self._writing.look(now)
        is_idle = now > self._talking.busy_until and not core.fetching and not self._is_joining
        self._timer = self._environment.tasks.call_later(IDLE_LOOK_SECONDS if is_idle else LOOK_SECONDS, self._look)

    def _cut(self) -> int:
        before = self.core.base
        rows = self.core.cut()
        if self.core.base is not before:
            self._deliveries.took(Delivered(), urgent=False)
        return rows

    def _ask_for_number(self, now: float) -> None:
        if now >= self._number_at:
            self._number_at = now + NUMBER_SECONDS
            self._alarm("a replica was retired", "it comes back under a new number")
            self._surroundings.new_number(self.record.id)

    def _look_whether_joined(self) -> None:
        peers = self.core.peers.peers
        if self._join_for is None:
            heard = [peer.have.past for peer in peers.values() if peer.have is not None]
            self._join_for = heard[0] if heard else None
        arrived = self._join_for is not None and self.core.past.includes(self._join_for)
        if arrived or not peers or self._environment.clock.monotonic() >= self._join_until:
            self._is_joining = False


def check_update(request: Update) -> None:
    """Raise InvalidRequest, NotOfThisModel for what a causal keyspace does not do, or what is no update."""
    if request.acks > 1:
        raise NotOfThisModel(
            "a write of a causal keyspace is acknowledged by one replica; eventual ones can wait for more"
        )
    for change in request.changes:
        if not change.key:
            raise KeyNotProvided("a key is empty")
        if change.ttl:
            raise NotOfThisModel("values of a causal keyspace have no time to live; those of eventual ones can")


def prepare_return(storage: ReplicaStorage, former: int) -> None:
    """Before the tables of a retired replica get a new number: a state has to be taken over first, also if this process
    ends now. Blocks: on any thread, while no host uses the storage. Raises OSError, DiskFull, DiskFault."""
    replica = CausalReplica(storage.overlay, KEYSPACE, former)
    if not may_start_after(replica.highest_incarnation):
        replica.highest_incarnation = 0  # the new number has taken none yet
    replica.begin_fetch()
    storage.commit()
