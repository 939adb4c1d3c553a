# SPDX-License-Identifier: Apache-2.0
"""Runs one eventual keyspace at one replica: one turn of its core for each turn of the loop, with all that gathered.

Answers leave when what they say is durable. Reads and watchers are shown what is durable, and never wait for it. A
replica opens when it has had the state of another one, once; one that was retired when its former writes stand again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tricord.base.changes import takes_away
from tricord.base.dots import PROVISIONAL, VersionVector
from tricord.base.environment import Environment
from tricord.base.errors import (
    MalformedEncoding,
    ReplicaCatchingUp,
    ReplicaRetired,
    Stopping,
    TricordError,
    Unimplemented,
)
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.typed import Update, key_in_words
from tricord.crdt.cell import Cell
from tricord.crdt.changed import Changed
from tricord.eventual.codec import sender_of
from tricord.eventual.config import EventualConfig
from tricord.eventual.replica import EventualReplica
from tricord.eventual.returning import formers_in
from tricord.eventual.store import cell_in, cells_in
from tricord.eventual.turn import Input, Output, UnreadAlarm
from tricord.server.replicas.alarms import Alarms
from tricord.server.replicas.committing import Committer
from tricord.server.replicas.eventual_deliveries import Deliveries
from tricord.server.replicas.eventual_records import CELLS, HostRecords
from tricord.server.replicas.eventual_requests import EventualRequests
from tricord.server.replicas.inbox import Inbox
from tricord.server.replicas.keyspace_replica import (
    CellsReply,
    Ready,
    ReplicaStatus,
    Surroundings,
    UpdateReply,
)
from tricord.server.replicas.waking import Waking
from tricord.server.replicas.ways import Ways
from tricord.storage.replica_storage import ReplicaStorage

DELAY_SECONDS = 0.05
"""Of a message between replicas, as the bound of convergence that is shown counts with."""


class EventualHost:
    """A ``KeyspaceReplica``. ``belong`` comes before ``start``. ``formers``: former numbers of this replica and their
    open tables, the oldest first; ``adopted`` is told when they are of no use any more."""

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
        formers: Sequence[tuple[int, ReplicaStorage]] = (),
        adopted: Callable[[], None] = lambda: None,
    ) -> None:
        """Reads the tables through: may run on any thread. Raises CorruptData, MalformedEncoding."""
        self.record = record
        self.replica = replica
        self.changed: Callable[[list[Changed]], None] = lambda changed: None
        self.resynced: Callable[[], None] = lambda: None
        self._environment = environment
        self._overlay = storage.overlay
        self._surroundings = surroundings
        self._formers = formers
        self._adopted = adopted
        self._is_returning = bool(formers)
        self._records = HostRecords(storage.overlay)
        for _, former in formers:
            self._records.go_on_from(HostRecords(former.overlay).sequence)
        self.sequence = self._records.sequence
        """Of what is durable."""
        self._committer = Committer(environment, storage, committed=self._committed, fail=fail, quota_bytes=quota_bytes)
        self._config = EventualConfig(cluster=cluster, keyspace=record.id, replica=replica, incarnation=0)
        self._ways = Ways(replica, surroundings)
        self._requests = EventualRequests(replica)
        self._is_running = False
        self._ended: TricordError | None = None
        self._given = Input(0.0, 0)
        self._inbox = Inbox()
        self._is_scheduled = False
        self._deliveries = Deliveries(self._records)
        self._waking = Waking(environment.tasks, self._schedule)
        self._alarm = Alarms(environment.clock, lambda *told: surroundings.alarm(record.id, *told)).tell
        self._core = None if self._records.superseded else self._open()

    # --- start and end --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take part, once this start's own number is durable."""
        if self._records.superseded:
            self._retire()
        if self._ended is None:
            self._committer.when_durable(self._committer.wrote(), self._run)

    @property
    def is_awaited(self) -> bool:
        """Whether a write is not answered yet."""
        return bool(self._requests)

    async def close(self, error: TricordError | None = None) -> None:
        """Commit what there is and let go of the tables. With an error (the keyspace was dropped) nothing more is
        committed, and who waits is told that. Raises OSError."""
        self._end(error or Stopping())
        if error is not None:
            self._committer.abandon(error)
        await self._committer.close(error)

    def abandon(self, error: TricordError | None = None) -> None:
        """Write and say nothing more, as if the process died. The storage stays open."""
        self._end(error or Stopping())
        self._committer.abandon(error)

    def _open(self) -> EventualReplica:
        """Reading all digests takes 2 us for each key."""
        config, environment = self._config, self._environment
        incarnation = self._records.begin(
            self.replica, environment.clock.wall_ns() // 1_000_000_000, environment.random.bits(16)
        )
        self._config = EventualConfig(
            cluster=config.cluster,
            keyspace=config.keyspace,
            replica=config.replica,
            incarnation=incarnation,
            joined=self._records.joined or config.replica == PROVISIONAL,
        )
        unheard = {number: HostRecords(storage.overlay).unheard for number, storage in self._formers}
        formers = formers_in([(number, storage.overlay) for number, storage in self._formers], CELLS, unheard)
        return EventualReplica(self._config, self._overlay, CELLS, formers)

    def _run(self, error: TricordError | None) -> None:
        if error is None and self._ended is None:
            self._is_running = True
            self._schedule()

    def _end(self, error: TricordError) -> None:
        """Nothing is heard, sent or told from now on."""
        self._ended = self._ended or error
        self._is_running = False
        self._waking.cancel()
        self._requests.end(error)

    def _retire(self) -> None:
        if self._ended is None:
            self._end(ReplicaRetired(f"replica {self.replica} of {self.record.name}"))
            self._surroundings.new_number(self.record.id)

    # --- clients --------------------------------------------------------------------------------------------

    @property
    def _is_open(self) -> bool:
        return self._is_running and self._records.joined and not self._is_returning

    def check_open(self) -> None:
        """Raises ReplicaCatchingUp, ReplicaRetired, or why it ended."""
        if self._ended is not None:
            raise self._ended
        if not self._is_open:
            raise ReplicaCatchingUp(f"replica {self.replica} of {self.record.name}")

    def update(self, request: Update, deadline: float, reply: UpdateReply) -> None:
        """Make a write of one key."""
        try:
            self.check_open()
            if self._committer.disk_full or not all(takes_away(one.change) for one in request.changes):
                self._committer.check_room()
            self._given.writes.append(self._requests.write(request, deadline, reply))
        except TricordError as error:
            reply(error)
            return
        self._schedule()

    def settle(self) -> None:
        """Nothing: reads show what is durable, and no update is promised to meet just that."""

    def cells(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, Cell]]:
        """What is durable."""
        return cells_in(self._overlay.committed, CELLS, start, end)

    def cell(self, key: bytes) -> Cell:
        """What is durable of one key."""
        return cell_in(self._overlay.committed, CELLS, key)

    def read(self, keys: list[bytes], replicas: int, deadline: float, reply: CellsReply) -> None:
        """What so many replicas have, merged."""
        try:
            self.check_open()
        except TricordError as error:
            reply(error)
            return
        if replicas == 1:
            reply([self.cell(key) for key in keys])
        else:
            self._given.reads.append(self._requests.read(keys, replicas, deadline, reply))
            self._schedule()

    @property
    def is_durable(self) -> bool:
        """Always: nothing else is shown."""
        return True

    def when_durable(self, ready: Ready) -> None:
        """At once."""
        ready(None)

    def vector(self) -> VersionVector:
        """Raises Unimplemented: there is none."""
        raise self._no_vector()

    def covers(self, vector: VersionVector) -> bool:
        """Nobody can tell, but of an empty one."""
        return not len(vector)

    def wait_for(self, vector: VersionVector, deadline: float, ready: Ready) -> None:
        """Answers at once, with Unimplemented where there is anything to wait for."""
        ready(None if self.covers(vector) else self._no_vector())

    def status(self) -> ReplicaStatus:
        """Of now."""
        core, config = self._core, self._config
        return ReplicaStatus(
            replica=self.replica,
            incarnation=config.incarnation,
            sequence=self.sequence,
            is_open=self._is_open,
            unsent=core.unsent if core is not None else 0,
            keys=core.keys if core is not None else 0,
            bytes=self._committer.used_bytes,
            agreement_seconds=core.agreement_ages() if core is not None else {},
            digest=core.digest if core is not None else 0,
            convergence_seconds=config.convergence_seconds(self._ways.others, DELAY_SECONDS),
            refused=core.refused if core is not None else {},
        )

    def _no_vector(self) -> Unimplemented:
        return Unimplemented(f"{self.record.name} is eventual: what is at a replica has no vector")

    # --- other replicas -------------------------------------------------------------------------------------

    def belong(self, epoch: int, members: list[int], edges: list[int], retired: list[int]) -> None:
        """The replica set, as the catalogue says it is now. Without a number this one is alone."""
        if self.replica == PROVISIONAL or not self._ways.belong(epoch, members, edges):
            return
        if self.replica not in (*members, *edges):
            self._retire()
        self._schedule()

    def received(self, sender: int, data: bytes) -> None:
        """Take a message to one of the next turns. While the disk is held up it is lost, and comes again."""
        if not self._is_running or self._committer.is_held_up or self._core is None:
            return
        try:
            said = sender_of(data)
        except MalformedEncoding:
            said = sender  # the core says what is wrong with it
        if said == sender:
            if self._inbox.put(data):
                self._schedule()
            else:
                self._core.refuse("no_room")
        else:
            self._core.refuse("other_sender")
            self._alarm("a message cannot be read", f"from replica {sender}: it says that it is of replica {said}")

    def reached(self, replica: int) -> None:
        """Speak to it at once."""
        self._ways.look(self._environment.clock.monotonic())
        self._schedule()

    # --- turns ----------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._is_running and not self._is_scheduled:
            self._is_scheduled = True
            self._environment.tasks.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._is_scheduled = False
        core, clock = self._core, self._environment.clock
        if not self._is_running or core is None:
            return
        given, self._given = self._given, Input(0.0, 0)
        given.received = self._inbox.take()
        given.now, given.wall = clock.monotonic(), clock.wall_ns() // 1_000_000
        given.persisted = self._deliveries.persisted
        self._ways.look_again(given.now)
        belonging = self._ways.take_changed()
        if belonging is not None:
            given.active, given.members, given.peers = belonging
        output = core.turn(given)
        self._keep(core, given, output)
        for receiver, data in output.messages:
            self._surroundings.send(self.record.id, receiver, data)
        self._requests.answer(output, lambda ready: self._committer.when_durable(self._committer.written, ready))
        if output.ahead:
            self._warn_of_clock(output.ahead)
        if output.unread is not None:
            self._warn_of_unread(output.unread)
        if core.superseded:
            self._give_up()
        if self._inbox or (core.waits_for_disk and self._deliveries.are_durable):
            # What is answered leaves with a turn that knows this one to be durable.
            self._schedule()
        self._waking.wake_at(given.now, output.wake_at)

    def _keep(self, core: EventualReplica, given: Input, output: Output) -> None:
        """Number what changed, and have it made durable."""
        joins = not self._records.joined and core.has_joined
        if joins:
            self._records.join()
        sequences = self._deliveries.number(output)
        if given.writes:
            self._requests.number(given.writes, sequences, self._records.sequence)
        if output.effects or joins:
            urgent = output.urgent or output.adopted or joins
            self._deliveries.keep(self._committer.wrote(urgent=urgent), output, sequences)

    def _committed(self, mark: int) -> None:
        told, adopted = self._deliveries.committed(mark)
        if adopted:
            self._is_returning = False
            self._adopted()
        if told and self._ended is None:
            self.sequence = told[-1].sequence
            self.changed(told)
        if self._core is not None and self._core.waits_for_disk:
            self._schedule()

    def _give_up(self) -> None:
        """Others know a later start of this replica: what it says is not heard. It comes back under a new number."""
        if not self._records.superseded:
            self._records.supersede()
            text = f"another start of replica {self.replica} is known as a later one: was the clock wrong?"
            self._surroundings.alarm(self.record.id, "replica superseded", text)
            self._committer.when_durable(self._committer.wrote(), lambda error: None if error else self._retire())

    def _warn_of_clock(self, ahead: int) -> None:
        self._alarm(
            "clock ahead", f"a replica of {self.record.name} stamps writes {ahead / 1000:.0f} s ahead of this clock"
        )

    def _warn_of_unread(self, unread: UnreadAlarm) -> None:
        if unread.key is None:
            self._alarm("a message cannot be read", str(unread.error))
        else:
            text = f"replica {unread.sender} has under {key_in_words(unread.key)}: {unread.error}; {unread.error.hint}"
            self._alarm("writes cannot be taken in", text)
