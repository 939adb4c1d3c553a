# SPDX-License-Identifier: Apache-2.0
"""The host of one replica: what a member is beside its core, with nothing but a schedule around it.

It does what ``server.turn`` and its neighbours do, in the same order: gathers input, takes one turn for all of one
moment, sends messages at once, makes the rest durable, and answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from tricord.base.errors import EntriesLost, TricordError
from tricord.base.log import Entry, HardState
from tricord.base.membership import Change, Configuration
from tricord.mvcc.watch_hub import WatchHub
from tricord.raft import RaftConfig
from tricord.raft.messages import InstallSnapshot, Message
from tricord.raft.state import LEADER, State
from tricord.replica import Replica, ReplicaConfig, TurnInput, TurnOutput
from tricord.server.lease_keeping import LeaseKeeping
from tricord.sim.fine.clock import TICK, MemberClock
from tricord.sim.fine.disk import DiskTwin
from tricord.sim.fine.host_leases import HostWorld, keeping_of
from tricord.sim.fine.persisting import Persisting
from tricord.sim.fine.snapshots import SnapshotData, Snapshots
from tricord.sim.invariants.seen import Seen
from tricord.statemachine.machine import Applied, StateMachine
from tricord.storage.memory_backend import MemoryBackend
from tricord.storage.overlay import Overlay

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster

SWEEP_CHANGES = 64
STALLED_SECONDS = 0.005
"""After a pause, what peers sent meanwhile is read within this time: clients may come first."""
WATCH_BYTES = 20_000
"""What watchers that do not look have queued; then they are told from the tables."""


class Asker(Protocol):
    """Who waits for the end of a ticket."""

    def applied(self, host: Host, applied: Applied) -> None:
        """The command took effect, or was refused."""

    def readable(self, host: Host) -> None:
        """The read may be served now."""

    def dropped(self, host: Host, error: TricordError) -> None:
        """It will not take effect, or nobody can say."""

    def gone(self, host: Host) -> None:
        """The process died."""

    def ended(self, host: Host) -> None:
        """A change or a transfer is complete."""


class Host:
    """One member, through all its lives."""

    def __init__(self, cluster: Cluster, identity: int, configuration: Configuration, raft: dict[str, Any]) -> None:
        self.cluster = cluster
        self._schedule = cluster.schedule
        self.identity = identity
        self.name = f"n{identity}"
        self.disk = DiskTwin(configuration)
        self.clock = MemberClock(cluster.stream(f"clock {identity}"))
        self._raft = raft
        self._disk_random = cluster.stream(f"disk {identity}")
        self._starts = cluster.stream(f"starts {identity}")
        self.life = 0
        """Counts starts; what belongs to an earlier one is ignored."""
        self.up = False
        self.paused = False
        self.is_dirty = False
        self.founding = configuration
        self.wiped = False
        """Its disk is gone for good."""
        self.refused = ""
        """Why it does not start any more."""
        self._missed_ticks = 0
        self._tickets = 0
        self._leads = False
        self.input = TurnInput()
        self._spare = TurnInput()
        self.waiting: dict[int, Asker] = {}
        self.own_tickets: dict[int, HostWorld] = {}
        """Of the keeping of leases."""
        self.durable_index = 0
        self.replica: Replica[Applied]
        self.state: State
        """Its core's."""
        self.machine: StateMachine
        self.backend: MemoryBackend
        self.overlay: Overlay
        self.seen: Seen
        self.persisting: Persisting
        self.leases: LeaseKeeping
        self.hub: WatchHub
        self._put_off: list[Callable[[], None]] = []
        self.snapshots: Snapshots

    # --- lives --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A process begins with what the disk holds; with a disk that is damaged it refuses to."""
        if self.up or self.refused or self.wiped:
            return
        cluster, image = self.cluster, self.disk.held
        if self.disk.damage:
            self.refused = self.disk.damage
            cluster.say(f"{self.name} finds its disk damaged ({self.refused}) and does not start")
            cluster.faults.took_hold(self.refused)
            return
        self.life += 1
        self.up, self.paused = True, False
        self.input = TurnInput()
        self.waiting = {}
        self.own_tickets = {}
        self.backend = self.disk.backend()
        self.overlay = Overlay(self.backend)
        self.machine = StateMachine(self.overlay)
        self.durable_index = self.machine.applied_index
        kept = cluster.kept_entries
        self.replica = Replica(
            RaftConfig(self.identity, seed=self._starts.getrandbits(60), **self._raft),
            configuration=image.configuration,
            hard_state=image.hard_state,
            base=image.base,
            entries=image.log,
            machine=self.machine,
            limits=ReplicaConfig(kept_entries=kept, kept_bytes=kept * 64 + 1, lagging_bytes=kept * 256 + 1),
        )
        self.state = self.replica.state
        self.seen = Seen.of(image)
        self.leases = keeping_of(self)
        self.hub = WatchHub(self.machine.keyspace(), _nothing, queue_bytes=WATCH_BYTES, all_queues_bytes=WATCH_BYTES)
        self._put_off = []
        self.snapshots = Snapshots(self)
        self.replica.pinned_index = self.snapshots.pinned_index
        self.persisting = Persisting(
            cluster.schedule, self.disk, self._disk_random, cluster.sync_seconds, self._persisted, self._failed
        )
        cluster.watcher.started(self)
        cluster.say(f"{self.name} starts at entry {self.machine.applied_index} of {image.last_index}")
        now = cluster.schedule.now
        cluster.schedule.at(now + int(self._starts.random() * TICK), self._tick, self.life)
        cluster.schedule.after(cluster.drain_seconds * (1 + self._starts.random()), self._keep_house, self.life)
        self.wake()

    def die(self, share: float | None = None) -> None:
        """The process ends at once; of the write under way a part may be on the disk (None: drawn)."""
        if not self.up:
            return
        draw = self._disk_random.random()
        torn = self.persisting.tear(self.disk.held, draw if share is None else share)
        self.up = self.paused = False
        self.life += 1
        self.persisting.stop()
        waiting, self.waiting = self.waiting, {}
        self.cluster.say(f"{self.name} dies" + (f" in the middle of a write ({torn} parts are there)" if torn else ""))
        self.cluster.watcher.stopped(self)
        for asker in waiting.values():
            asker.gone(self)

    def pause(self) -> None:
        """The process does nothing until ``resume``."""
        self.paused = self.up
        self._missed_ticks = 0
        if self.up:
            self.cluster.say(f"{self.name} is paused")

    def resume(self) -> None:
        """It goes on; it was told of no tick meanwhile."""
        if self.paused:
            self.paused = False
            self.cluster.say(f"{self.name} goes on")
            self.input.paused_ticks += max(self._missed_ticks - 1, 0)
            self.input.ticks = max(self.input.ticks, min(self._missed_ticks, 1))
            self.wake()
            for action in self._put_off:
                self.cluster.schedule.at(self.cluster.schedule.now, action)
            self._put_off = []

    def put_off(self, action: Callable[[], None]) -> None:
        """Do it when the process goes on."""
        self._put_off.append(action)

    # --- what happens to it -------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Take a turn when everything of this moment is here."""
        if not self.is_dirty:
            self.is_dirty = True
            self._schedule.ends.append(self.take_turn)

    def receive(self, frame: list[Message]) -> None:
        """What a peer sent is here."""
        if not self.up:
            return
        if self.paused:
            self.put_off(
                partial(
                    self.cluster.schedule.after,
                    STALLED_SECONDS * self._starts.random(),
                    self._receive_late,
                    self.life,
                    frame,
                )
            )
            return
        messages = self.input.messages
        for one in frame:
            if type(one) is not InstallSnapshot or self.snapshots.may_take(one):
                messages.append(one)
        if not self.is_dirty:  # as ``wake`` does: most turns begin here
            self.is_dirty = True
            self._schedule.ends.append(self.take_turn)

    def _receive_late(self, life: int, frame: list[Message]) -> None:
        if life == self.life:
            self.receive(frame)

    def receive_snapshot(self, data: SnapshotData) -> None:
        """A whole snapshot is here."""
        if self.up:
            self.snapshots.arrived(data)
            self.wake()

    def reserve(self, world: HostWorld) -> int:
        """A ticket of the keeping of leases."""
        self._tickets += 1
        self.own_tickets[self._tickets] = world
        return self._tickets

    def propose(self, asker: Asker, command: bytes) -> int:
        """Ask for a command; its ticket."""
        ticket = self._ticket(asker)
        self.input.proposals.append((ticket, command))
        return ticket

    def read(self, asker: Asker) -> int:
        """Ask for a linearizable read; its ticket."""
        ticket = self._ticket(asker)
        self.input.reads.append(ticket)
        return ticket

    def change(self, asker: Asker, changes: list[Change], *, joint: bool) -> int:
        """Ask for another configuration; the ticket."""
        ticket = self._ticket(asker)
        self.input.changes.append((ticket, changes, joint))
        return ticket

    def transfer(self, asker: Asker, target: int) -> int:
        """Ask to hand the lead over; the ticket."""
        ticket = self._ticket(asker)
        self.input.transfers.append((ticket, target))
        return ticket

    def give_up(self, ticket: int) -> bool:
        """Nobody waits for the ticket any more. True: it did nothing and never will."""
        self.waiting.pop(ticket, None)
        proposals = self.input.proposals
        for place, (queued, _) in enumerate(proposals):
            if queued == ticket:
                del proposals[place]
                return True
        return bool(self.replica.withdraw({ticket}))

    def unreachable(self, member: int) -> None:
        """The link to the member broke."""
        if self.up and member not in self.input.unreachable:
            self.input.unreachable.append(member)
            self.wake()

    def _ticket(self, asker: Asker) -> int:
        self._tickets += 1
        self.waiting[self._tickets] = asker
        self.wake()
        return self._tickets

    def _tick(self, life: int) -> None:
        if life != self.life:
            return
        schedule, clock = self._schedule, self.clock
        now = schedule.now
        if clock.still_until > now:
            schedule.at(clock.still_until, self._tick, life)
            return
        schedule.at(clock.next_tick(now), self._tick, life)
        if self.paused:
            self._missed_ticks += clock.take_ticks()
            return
        self.input.ticks = clock.take_ticks()
        self.wake()

    def _persisted(self, hard_state: HardState | None, last: Entry | None) -> None:
        taken = self.input
        if last is not None:
            taken.persisted_to, taken.persisted_term = last.index, last.term
        if hard_state is not None:
            taken.persisted_hard_state = hard_state
        self.wake()

    def _failed(self) -> None:
        self.cluster.faults.disk_failed(self)

    def _keep_house(self, life: int) -> None:
        """Now and then: the backend takes what was applied, compactions free space, and the log is cut behind it."""
        if life != self.life:
            return
        self.cluster.schedule.after(self.cluster.drain_seconds, self._keep_house, life)
        if self.paused or self.snapshots.installing is not None:
            return
        if self.machine.has_to_sweep:
            self.machine.sweep(SWEEP_CHANGES)
        self.drain()
        first = self.durable_index - self.cluster.kept_entries
        pinned = self.snapshots.pinned_index()
        if pinned is not None:
            first = min(first, pinned + 1)
        if first > self.disk.held.base[0] + 64:
            self.disk.held.cut_before(first)

    def drain(self) -> None:
        """The backend takes what was applied."""
        if self.overlay.active_bytes and not self.disk.full:
            self.backend.commit(self.overlay.take())
            self.overlay.drained()
            self.durable_index = self.machine.applied_index

    # --- the turn -----------------------------------------------------------------------------------------------

    def take_turn(self) -> None:
        """One turn with all input at hand."""
        self.is_dirty = False
        if not self.up or self.paused:
            return
        taken, self.input = self.input, self._spare
        cluster = self.cluster
        try:
            given = self.replica.turn(taken)
        except EntriesLost as error:
            cluster.operator.lost_entries(self, error)
            return
        state = self.state
        cluster.trace.turn(self._schedule.now, self.identity, taken, given, state, self.machine)
        cluster.watcher.turned(self, taken, given)
        if given.messages:
            cluster.network.send(self.identity, given.messages)
        if given.install is not None:
            self.snapshots.install(given.install)
        if given.entries or given.hard_state is not None:
            self.persisting.add(given.hard_state, given.entries)
        applied, leads = given.applied, state.role is LEADER
        if applied or leads != self._leads or (leads and self.leases.term != state.persistent.current_term):
            self._leads = leads
            changes, self.machine.lease_changes = self.machine.lease_changes, []
            self.leases.turned(changes)
        if self.waiting or self.own_tickets:
            self._answer(given)
        if applied and self.hub.queues:
            self.hub.publish((one.revision, one.events) for one in applied)
        if given.snapshots_wanted:
            self.snapshots.bring(given.snapshots_wanted)
        self._spare = taken.emptied()

    def _answer(self, given: TurnOutput[Applied]) -> None:
        waiting, own = self.waiting, self.own_tickets
        for ticket, applied in given.replies:
            if (asker := waiting.pop(ticket, None)) is not None:
                asker.applied(self, applied)
            elif (world := own.pop(ticket, None)) is not None:
                world.applied(ticket, applied)
        for ticket, error in given.dropped:
            if (asker := waiting.pop(ticket, None)) is not None:
                asker.dropped(self, error)
            elif (world := own.pop(ticket, None)) is not None:
                world.dropped(ticket)
        for ticket in given.reads:
            if (asker := waiting.pop(ticket, None)) is not None:
                asker.readable(self)
            elif (world := own.pop(ticket, None)) is not None:
                world.readable(ticket)
        for ticket, _ in [*given.changed, *given.transferred]:
            if (asker := waiting.pop(ticket, None)) is not None:
                asker.ended(self)


def _nothing() -> None:
    """Watchers look by themselves."""
