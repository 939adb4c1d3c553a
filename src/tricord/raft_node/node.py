# SPDX-License-Identifier: Apache-2.0
"""A Raft node on asyncio: carries out what the replica decides, on the stores, state machine and transport given.

Every call ends: with its result, or with a typed error within its timeout.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tricord.base.environment import Environment, Timer
from tricord.base.errors import DeadlineExceeded, InvalidRequest, NotFound, OutcomeUnknown, Stopping, TricordError
from tricord.base.log import Entry, HardState
from tricord.base.membership import Configuration
from tricord.base.message import message
from tricord.base.trace import Tracer
from tricord.raft import RaftConfig, Role
from tricord.raft.messages import Message
from tricord.raft_node.config import NodeConfig, member_number
from tricord.raft_node.disk_lane import DiskLane
from tricord.raft_node.disk_stores import open_disk_stores
from tricord.raft_node.memory_stores import memory_stores
from tricord.raft_node.recovery import recover
from tricord.raft_node.snapshots import Snapshots
from tricord.raft_node.state_machine import StateMachine
from tricord.raft_node.stores import Stores
from tricord.raft_node.transport import NoTransport, Transport
from tricord.replica import Replica, ReplicaConfig, TurnInput
from tricord.runtime import close_environment, open_environment


@message
class NodeStats:
    """What a node knows of itself."""

    role: Role
    term: int
    leader: int
    last_index: int
    commit_index: int
    applied_index: int
    snapshot_index: int
    waiting: int
    """Calls of ``apply`` and ``barrier`` that wait."""


class Node:
    """One node. Use it from one loop: ``start``, then the rest, then ``shutdown``; or as an async context manager."""

    def __init__(
        self,
        config: NodeConfig,
        machine: StateMachine,
        directory: str | None = None,
        *,
        stores: Stores | None = None,
        transport: Transport | None = None,
        environment: Environment | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """Keep everything in ``directory``, or in ``stores``; with neither, in memory."""
        self._config = config
        self._machine = machine
        self._directory = directory
        self._stores = stores
        self._transport = transport or NoTransport()
        self._environment = environment
        self._owns_environment = environment is None
        self._tracer = tracer
        self._replica: Replica[Any] | None = None
        self._failure: BaseException | None = None
        self._stopped = False
        self._closed = False
        self._scheduled = False
        self._input = TurnInput()
        self._tickets = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._ready: asyncio.Event = asyncio.Event()
        self._tick_timer: Timer | None = None

    async def start(self) -> None:
        """Recover from the stores and begin. A node that is alone leads when this returns.

        Raises what the stores raise (StorageError, OSError), ConfigurationError.
        """
        assert self._replica is None and not self._stopped, "a node is started once"
        environment = self._environment = self._environment or open_environment()
        try:
            stores = self._stores = self._stores or await self._open_stores(environment)
            recovered = recover(stores, self._machine)
        except BaseException:
            self._stopped = True
            if self._stores is not None:
                self._stores.log.close(clean=False)
            self._release()
            raise
        self._log = stores.log
        self._applied = recovered.applied
        own = member_number(self._config.local_id)
        voters = sorted({member_number(name) for name in self._config.voters} | {own})
        self._replica = Replica(
            RaftConfig(own, seed=environment.random.bits(64)),
            configuration=Configuration(tuple(voters)),
            hard_state=recovered.hard_state,
            base=(self._applied.applied_index, self._applied.applied_term),
            entries=recovered.entries,
            machine=self._applied,
            limits=ReplicaConfig(uncommitted_bytes_max=self._config.uncommitted_bytes_max),
            tracer=self._tracer,
        )
        self._disk = DiskLane(environment, stores, self._persisted, self._fail)
        self._snapshots = Snapshots(
            environment, stores, self._config, self._applied, recovered.snapshot_index, self._fail
        )
        self._transport.open(self._received)
        self._tick_timer = environment.tasks.call_later(self._config.tick_seconds, self._tick)
        self._turn()
        if len(voters) == 1:
            await self._ready.wait()
            if self._failure is not None:
                failure = self._failure
                await self.shutdown()
                raise failure

    async def apply(self, data: bytes | bytearray | memoryview, timeout: float | None = None) -> Any:
        """Append the command; its answer when it is committed and applied here. ``timeout`` is in seconds.

        Raises NoLeader, TooManyRequests, Stopping (nothing was done), OutcomeUnknown (it may have been, or be yet),
        InvalidRequest.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InvalidRequest(f"a command is bytes, not {type(data).__name__}")
        return await self._wait(self._propose(data), timeout, OutcomeUnknown)

    async def barrier(self, timeout: float | None = None) -> None:
        """Return when everything that was committed before the call is applied here, proven by a majority.

        Raises NoLeader, Stopping, DeadlineExceeded.
        """
        self._check_running()
        ticket = self._ticket()
        self._input.reads.append(ticket)
        self._wake()
        await self._wait(ticket, timeout, DeadlineExceeded)

    def last_index(self) -> int:
        """The index of the last durable entry of this node's log (0: none)."""
        self._check_started()
        return self._log.last_index

    def get_log(self, index: int) -> Entry:
        """The entry at the index. Raises NotFound: never written, or gone behind a snapshot."""
        self._check_started()
        entry = self._log.get(index)
        if entry is None:
            raise NotFound(f"the log holds the entries {self._log.first_index} to {self._log.last_index}, not {index}")
        return entry

    @property
    def state(self) -> Role:
        """Whether this node follows, campaigns or leads."""
        return self._check_started().role

    @property
    def stats(self) -> NodeStats:
        """Figures as they are now."""
        replica = self._check_started()
        return NodeStats(
            role=replica.role,
            term=replica.term,
            leader=replica.leader,
            last_index=self._log.last_index,
            commit_index=replica.commit_index,
            applied_index=replica.applied_index,
            snapshot_index=self._snapshots.index,
            waiting=len(self._waiting),
        )

    async def shutdown(self) -> None:
        """Stop in order. What waits gets OutcomeUnknown or Stopping. A second call does nothing."""
        if self._replica is None or self._closed:
            self._stopped = True
            return
        self._closed = True
        if not self._stopped:
            self._halt()
        await self._disk.close()
        await self._snapshots.close()
        assert self._environment is not None and self._stores is not None
        try:
            stores, clean = self._stores, self._failure is None
            await self._environment.tasks.in_lane("wal", lambda: stores.log.close(clean=clean))
        finally:
            self._release()

    async def __aenter__(self) -> Node:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()

    async def _open_stores(self, environment: Environment) -> Stores:
        directory = self._directory
        if directory is None:
            return memory_stores()
        return await environment.tasks.in_lane(
            "wal", open_disk_stores, environment.disk, environment.random, directory, self._config.local_id
        )

    def _release(self) -> None:
        if self._stores is not None:
            self._stores.close()
        if self._owns_environment and self._environment is not None:
            close_environment(self._environment)

    def _check_started(self) -> Replica[Any]:
        if self._replica is None:
            raise Stopping("the node was not started")
        return self._replica

    def _check_running(self) -> None:
        self._check_started()
        if self._stopped:
            cause = f": {self._failure}" if self._failure is not None else ""
            raise Stopping(f"the node was stopped{cause}")

    def _ticket(self) -> int:
        self._tickets += 1
        self._waiting[self._tickets] = asyncio.get_running_loop().create_future()
        return self._tickets

    def _propose(self, data: bytes | bytearray | memoryview) -> int:
        self._check_running()
        ticket = self._ticket()
        self._input.proposals.append((ticket, bytes(data)))
        self._wake()
        return ticket

    async def _wait(self, ticket: int, timeout: float | None, late: type[TricordError]) -> Any:
        seconds = self._config.timeout_seconds if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._waiting[ticket]
        except TimeoutError:
            raise late(f"no answer within {seconds} s") from None
        finally:
            self._waiting.pop(ticket, None)

    def _wake(self) -> None:
        if not self._scheduled and not self._stopped:
            self._scheduled = True
            assert self._environment is not None
            self._environment.tasks.call_soon(self._scheduled_turn)

    def _scheduled_turn(self) -> None:
        self._scheduled = False
        if not self._stopped:
            self._turn()

    def _tick(self) -> None:
        if self._stopped:
            return
        assert self._environment is not None
        self._tick_timer = self._environment.tasks.call_later(self._config.tick_seconds, self._tick)
        # After a stall the missed ticks are one: time that this process slept through is nobody's silence.
        self._input.ticks = 1
        self._wake()

    def _received(self, messages: list[Message]) -> None:
        self._input.messages.extend(messages)
        self._wake()

    def _persisted(self, hard_state: HardState | None, last: Entry | None) -> None:
        if hard_state is not None:
            self._input.persisted_hard_state = hard_state
        if last is not None:
            self._input.persisted_to = last.index
            self._input.persisted_term = last.term
        if not self._stopped:
            self._turn()

    def _turn(self) -> None:
        """Decide once about everything that gathered, and carry it out."""
        turn_input, self._input = self._input, TurnInput()
        assert self._replica is not None
        try:
            output = self._replica.turn(turn_input)
        except Exception as error:
            self._fail(error)
            return
        if output.messages:
            self._transport.send(output.messages)
        if output.hard_state is not None or output.entries:
            self._disk.persist(output.hard_state, output.entries)
        for ticket, result in output.replies:
            self._answer(ticket, result)
        for ticket, refusal in output.dropped:
            self._refuse(ticket, refusal)
        for ticket in output.reads:
            self._answer(ticket, None)
        if output.applied:
            self._snapshots.applied()
        if not self._ready.is_set() and self._replica.caught_up:
            self._ready.set()

    def _answer(self, ticket: int, result: Any) -> None:
        future = self._waiting.get(ticket)
        if future is not None and not future.done():
            future.set_result(result)

    def _refuse(self, ticket: int, error: TricordError) -> None:
        future = self._waiting.get(ticket)
        if future is not None and not future.done():
            future.set_exception(error)

    def _fail(self, error: BaseException) -> None:
        """The disk, the machine or an invariant broke: decide and answer nothing any more."""
        if self._failure is None:
            self._failure = error
        if not self._stopped:
            self._halt()

    def _halt(self) -> None:
        self._stopped = True
        assert self._replica is not None
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        self._transport.close()
        for ticket, _ in self._input.proposals:
            self._refuse(ticket, Stopping())
        cause = f": {self._failure}" if self._failure is not None else ""
        for ticket, error in self._replica.stop().dropped:
            self._refuse(ticket, type(error)(f"the node stopped{cause}"))
        self._ready.set()
