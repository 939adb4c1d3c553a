# SPDX-License-Identifier: Apache-2.0
"""The turn of the loop: what gathered goes into the replica at once, and what it decides is carried out.

One turn gives the disk one job, each peer its messages and all callers their results. A turn does not wait: disk,
peers and snapshots answer in later turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from tricord.base.environment import Timer
from tricord.base.errors import NoLeader, OutcomeUnknown, Stopping, TooManyRequests, TricordError
from tricord.base.log import Entry, HardState
from tricord.base.membership import Configuration
from tricord.raft import Role
from tricord.raft.messages import InstallSnapshot, Message
from tricord.raft_node.config import NodeConfig
from tricord.raft_node.disk_lane import DiskLane
from tricord.raft_node.members import members_of, name_and_address, name_of
from tricord.raft_node.observers import (
    LeaderChanged,
    MembersChanged,
    NodeFailed,
    Observers,
    PeerUnreachable,
    RoleChanged,
    SnapshotReceived,
)
from tricord.raft_node.outcomes import Committed, Rejected, Unknown
from tricord.raft_node.snapshot_receiver import ArrivingSnapshot, SnapshotReceiver
from tricord.raft_node.snapshot_senders import SnapshotSenders, install_message
from tricord.raft_node.snapshots import Snapshots
from tricord.raft_node.state_machine import AppliedLog
from tricord.raft_node.stores import SnapshotInfo, Stores
from tricord.raft_node.transport import LocalNode, Transport
from tricord.raft_node.waiting_calls import WaitingCalls
from tricord.replica import Replica, TurnInput, TurnOutput
from tricord.wire.peer.snapshot import SnapshotOffer

_logger = logging.getLogger("tricord.raft_node")

GATHER_SECONDS = 0.002
"""How long a turn waits at most for the disk, to take what it says along."""

_DID_NOTHING = (NoLeader, TooManyRequests, Stopping)


class Host:
    """Runs one replica. ``stopped_by`` is the error that ended it, if one did."""

    def __init__(
        self,
        local: LocalNode,
        config: NodeConfig,
        stores: Stores,
        transport: Transport,
        replica: Replica[tuple[int, Any]],
        applied: AppliedLog,
        observers: Observers,
    ) -> None:
        self.replica = replica
        self.stopped = False
        self.stopped_by: BaseException | None = None
        self.ready = asyncio.Event()
        """Set once this node leads and has applied what is committed, or has stopped."""
        self._local = local
        self._tasks = local.environment.tasks
        self._clock = local.environment.clock
        self._tick_seconds = config.tick_seconds
        self._ticked_at = self._clock.monotonic()
        self._stores = stores
        self._transport = transport
        self._applied = applied
        self._observers = observers
        self._input = TurnInput()
        self._scheduled = False
        self._gather_timer: Timer | None = None
        self._tickets = 0
        self._proposals = WaitingCalls(local.environment, self._proposals_late)
        self._requests = WaitingCalls(local.environment, self._requests_late)
        self._tick_timer: Timer | None = None
        self._seen: tuple[Role, int, int] = (Role.FOLLOWER, 0, 0)
        self._known: Configuration | None = None
        self._disk = DiskLane(local.environment, stores, self._persisted, self.fail)
        self.snapshots = Snapshots(local.environment, stores, config, applied, observers, self.fail)
        self._senders = SnapshotSenders(
            local.environment, stores, self.snapshots, transport, observers, self._snapshot_ended
        )
        self._receiver = SnapshotReceiver(stores.snapshots)
        replica.pinned_index = lambda: self._senders.pinned_index

    async def start(self) -> None:
        """Open the way to the peers, and take the first turn. Raises what the transport does."""
        await self._transport.start(self._local, self)
        self._ticked_at = self._clock.monotonic()
        self._tick_timer = self._tasks.call_later(self._tick_seconds, self._tick)
        self._follow(self.replica.configuration)
        self._turn()

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return len(self._proposals) + len(self._requests)

    # --- what callers ask ------------------------------------------------------------------------------------

    def propose(self, data: bytes, seconds: float) -> asyncio.Future[Any]:
        """Its future gets an Outcome."""
        self._tickets += 1
        self._input.proposals.append((self._tickets, data))
        self._wake()
        return self._proposals.add(self._tickets, seconds)

    def ask(self, put: Callable[[TurnInput, int], object], seconds: float) -> asyncio.Future[Any]:
        """``put(input, ticket)`` adds the request; its future gets the result, or a TricordError as a value."""
        self._tickets += 1
        put(self._input, self._tickets)
        self._wake()
        return self._requests.add(self._tickets, seconds)

    # --- what peers say --------------------------------------------------------------------------------------

    @property
    def configuration(self) -> Configuration:
        return self.replica.configuration

    def received(self, messages: list[Message]) -> None:
        if not self.stopped:
            self._input.messages.extend(messages)
            self._wake()

    def unreachable(self, member: int) -> None:
        if self.stopped:
            return
        self._observers.tell(PeerUnreachable(name_of(self.replica.configuration, member)))
        self._input.unreachable.append(member)
        self._wake()

    def gone(self, member: int) -> None:
        if member == self.replica.leader:
            self._input.leader_gone = member
            self._wake()

    def offered(self, sender: int, offer: SnapshotOffer) -> ArrivingSnapshot | None:
        return None if self.stopped else self._receiver.offered(offer, self._applied.applied_index)

    # --- the end ---------------------------------------------------------------------------------------------

    def fail(self, error: BaseException) -> None:
        """The disk, the machine or an invariant broke: decide and answer nothing any more."""
        if self.stopped_by is None:
            self.stopped_by = error
        if not self.stopped:
            _logger.error("node %s stops: %s: %s", self._local.name, type(error).__name__, error)
            self.halt()
            self._tasks.spawn(self._transport.close(), "close the transport")
            self._observers.tell(NodeFailed(error))

    def halt(self) -> None:
        """Decide no more; tell all who wait."""
        self.stopped = True
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        queued, self._input = self._input, TurnInput()
        cause = f": {self.stopped_by}" if self.stopped_by is not None else ""
        text = f"the node stopped{cause}"
        for ticket, error in self.replica.stop().dropped:
            self._drop(ticket, type(error)(text))
        asked: list[Iterable[int]] = [
            [ticket for ticket, _ in queued.proposals],
            queued.reads,
            [ticket for ticket, _, _ in queued.changes],
            [ticket for ticket, _ in queued.transfers],
        ]
        for tickets in asked:
            for ticket in tickets:
                self._drop(ticket, Stopping(text))
        self._proposals.close()
        self._requests.close()
        self.ready.set()

    async def close(self) -> None:
        """After ``halt``: end what is under way."""
        await self._transport.close()
        await self._senders.close()
        await self._disk.close()
        await self.snapshots.close()

    # --- turns -----------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Take a turn soon: at once, or together with what the disk is about to say (decision 0012)."""
        if self._scheduled or self.stopped:
            return
        self._scheduled = True
        if self._disk.is_writing:
            self._gather_timer = self._tasks.call_later(GATHER_SECONDS, self._scheduled_turn)
        else:
            self._tasks.call_soon(self._scheduled_turn)

    def _scheduled_turn(self) -> None:
        if self._scheduled and not self.stopped:
            self._turn()

    def _tick(self) -> None:
        if self.stopped:
            return
        self._tick_timer = self._tasks.call_later(self._tick_seconds, self._tick)
        now = self._clock.monotonic()
        # After a stall the missed ticks are one: time that this process slept through is nobody's silence.
        self._input.ticks = 1
        self._input.paused_ticks += max(0, int((now - self._ticked_at) / self._tick_seconds) - 1)
        self._ticked_at = now
        self._turn()

    def _persisted(self, hard_state: HardState | None, last: Entry | None) -> None:
        if hard_state is not None:
            self._input.persisted_hard_state = hard_state
        if last is not None:
            self._input.persisted_to = last.index
            self._input.persisted_term = last.term
        if not self.stopped:
            self._turn()

    def _turn(self) -> None:
        """Decide once about everything that gathered, and carry it out."""
        self._scheduled = False
        if self._gather_timer is not None:
            self._gather_timer.cancel()
            self._gather_timer = None
        turn_input, self._input = self._input, TurnInput()
        try:
            if turn_input.messages:
                turn_input.messages = self._with_snapshots(turn_input.messages)
            output = self.replica.turn(turn_input)
        except Exception as error:
            self.fail(error)
            return
        if output.messages:
            self._transport.send(output.messages)
        if output.hard_state is not None:
            self._disk.persist(output.hard_state, [])
        if output.install is not None:
            self._install(output.install)
        if output.entries:
            self._disk.persist(None, output.entries)
        self._resolve(output)
        for member in output.snapshots_wanted:
            self._senders.begin(member, self.replica.last_index - self.replica.kept_entries)
        if output.configuration is not None:
            self._follow(output.configuration)
        if output.applied:
            self.snapshots.applied()
        self._look()

    def _resolve(self, output: TurnOutput[tuple[int, Any]]) -> None:
        end = self._proposals.end
        for ticket, (index, result) in output.replies:
            end(ticket, Committed(index, result))
        for ticket, refusal in output.dropped:
            self._drop(ticket, refusal)
        for ticket in output.reads:
            self._requests.end(ticket, self.replica.applied_index)
        for ticket, configuration in output.changed:
            self._requests.end(ticket, configuration)
        for ticket, leader in output.transferred:
            self._requests.end(ticket, leader)

    def _drop(self, ticket: int, error: TricordError) -> None:
        # A ticket is of one kind only; the other one does not know it.
        self._proposals.end(ticket, Rejected(error) if isinstance(error, _DID_NOTHING) else Unknown(error))
        self._requests.end(ticket, error)

    def _look(self) -> None:
        """Tell the observers what became different; a node that leads and knows all is ready."""
        replica = self.replica
        seen = (replica.role, replica.leader, replica.term)
        if seen != self._seen:
            role, leader, _ = self._seen
            self._seen = seen
            if role is not replica.role:
                self._observers.tell(RoleChanged(replica.role, replica.term))
            if leader != replica.leader:
                name = name_of(replica.configuration, replica.leader)
                self._observers.tell(LeaderChanged(name, replica.term))
        if not self.ready.is_set() and replica.caught_up:
            self.ready.set()

    def _follow(self, configuration: Configuration) -> None:
        """Tell transport and observers who belongs now."""
        addresses = {
            number: name_and_address(configuration, number)[1]
            for number in configuration.members()
            if number != self._local.member
        }
        self._transport.set_members(addresses)
        if configuration != self._known:
            self._known = configuration
            self._observers.tell(MembersChanged(members_of(configuration)))

    # --- deadlines -------------------------------------------------------------------------------------------

    def _proposals_late(self, tickets: list[int]) -> None:
        late = set(tickets)
        kept = [proposal for proposal in self._input.proposals if proposal[0] not in late]
        unsent = {ticket for ticket, _ in self._input.proposals} & late
        self._input.proposals = kept
        unsent.update(self.replica.withdraw(late - unsent))
        for ticket in tickets:
            if ticket in unsent:
                self._proposals.end(ticket, Rejected(NoLeader("no leader took the command in time; nothing was done")))
            else:
                text = "no answer within the timeout: the command may have been carried out, or be yet"
                self._proposals.end(ticket, Unknown(OutcomeUnknown(text)))

    def _requests_late(self, tickets: list[int]) -> None:
        for ticket in tickets:
            self._requests.end(ticket, None)

    # --- snapshots -------------------------------------------------------------------------------------------

    def _with_snapshots(self, messages: list[Message]) -> list[Message]:
        """Without those InstallSnapshot messages whose snapshot is not here."""
        receiver = self._receiver
        return [one for one in messages if not isinstance(one, InstallSnapshot) or receiver.take(one)]

    def _install(self, message: InstallSnapshot) -> None:
        sink = self._receiver.sink(message)
        index, term = message.last_included_index, message.last_included_term

        async def work() -> None:
            await self._tasks.in_lane("backend", sink.commit)
            await self._tasks.in_lane("wal", self._stores.log.reset, index, term)
            stored = await self._tasks.in_lane("read", self._stores.snapshots.open, index)
            with stored.stream:
                if self.stopped:
                    return
                self._applied.machine.restore(stored.stream)
            self._applied.restored(index, term, message.configuration)
            self.snapshots.installed(index)
            self._input.installed = (index, term)
            self._observers.tell(SnapshotReceived(index, name_of(message.configuration, message.sender)))
            self._wake()

        self._disk.between(work)

    def _snapshot_ended(self, member: int, info: SnapshotInfo | None) -> None:
        if self.stopped:
            return
        if info is not None and self.replica.is_leader:
            self._transport.send([install_message(info, self._local.member, member, self.replica.term)])
        self._input.snapshots_sent.append((member, info.index if info is not None else 0, info is not None))
        self._wake()
