# SPDX-License-Identifier: Apache-2.0
"""A Raft node on asyncio: what a program that embeds the library calls. ``docs/raft_node.md`` tells the guarantees.

Every call ends: with its result, or with a typed error within its timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tricord.base.environment import Environment
from tricord.base.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidRequest,
    MembershipRefused,
    NoLeader,
    NotFound,
    OutcomeUnknown,
    RequestTooLarge,
    Stopping,
    TricordError,
)
from tricord.base.log import Entry
from tricord.base.membership import AddLearner, AddVoter, Change, Configuration, Demote, Promote, Remove, UpdateInfo
from tricord.base.message import message
from tricord.base.trace import Tracer
from tricord.raft import Role
from tricord.raft_node.bootstrap import initial_configuration, write_configuration
from tricord.raft_node.config import NodeConfig, cluster_number, member_number
from tricord.raft_node.disk_stores import open_disk_stores
from tricord.raft_node.host import Host
from tricord.raft_node.members import Member, configuration_of, member_info, members_of, name_of
from tricord.raft_node.memory_stores import memory_stores
from tricord.raft_node.observers import Observation, Observers, SnapshotDamaged
from tricord.raft_node.outcomes import Committed, Outcome
from tricord.raft_node.recovery import Recovered, make_replica, recover
from tricord.raft_node.state_machine import StateMachine
from tricord.raft_node.stores import Stores
from tricord.raft_node.tcp_transport import TcpTransport
from tricord.raft_node.transport import LocalNode, NoTransport, Transport
from tricord.runtime import close_environment, open_environment


@message
class NodeStats:
    """What a node knows of itself."""

    role: Role
    term: int
    leader: str
    """The name of who leads as far as this node knows; empty: nobody."""
    last_index: int
    commit_index: int
    applied_index: int
    snapshot_index: int
    waiting: int
    """Calls that wait for their end."""
    waiting_bytes: int
    """Bytes of this node's commands on their way."""


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
        """Keep everything in ``directory``, or in ``stores``; with neither, in memory.

        Without a ``transport``, plain TCP at the address that ``config.voters`` gives this node, if it gives one.
        """
        self._config = config
        self._machine = machine
        self._directory = directory
        self._stores = stores
        self._transport = transport
        self._environment = environment
        self._owns_environment = environment is None
        self._tracer = tracer
        self._observers = Observers()
        self._number = member_number(config.cluster, config.local_id)
        self._begun = False
        self._ended = False
        self._host: Host | None = None

    # --- life ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Recover from the stores and begin. A node that is alone leads when this returns.

        Raises what the stores raise (StorageError, OSError), ConfigurationError, OSError of the transport.
        """
        assert not self._begun and not self._ended, "a node is started once"
        self._begun = True
        environment = self._environment = self._environment or open_environment()
        try:
            host = await self._recover(environment)
            await host.start()
        except BaseException:
            self._ended = True
            await self._give_up(environment)
            raise
        self._host = host
        if host.replica.configuration.voters == (self._number,):
            await host.ready.wait()
            if host.stopped_by is not None:
                failure = host.stopped_by
                await self.shutdown()
                raise failure

    async def shutdown(self) -> None:
        """Stop in order. What waits gets OutcomeUnknown or Stopping. A second call does nothing.

        A leader tries to hand the lead over first, for an election timeout at most: so nobody misses it.
        """
        host = self._host
        if host is None or self._ended:
            self._ended = True
            return
        self._ended = True
        if not host.stopped:
            await self._hand_over(host)
        if not host.stopped:
            host.halt()
        await host.close()
        assert self._environment is not None and self._stores is not None
        try:
            stores, clean = self._stores, host.stopped_by is None
            await self._environment.tasks.in_lane("wal", lambda: stores.log.close(clean=clean))
        finally:
            self._release()

    async def __aenter__(self) -> Node:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()

    # --- commands --------------------------------------------------------------------------------------------

    async def apply(self, data: bytes | bytearray | memoryview, timeout: float | None = None) -> Any:
        """Append the command; the state machine's answer when it is committed and applied here, whoever leads.

        ``timeout`` is in seconds. Raises NoLeader, TooManyRequests, Stopping (nothing was done), OutcomeUnknown (it may
        have been, or be yet), InvalidRequest.
        """
        outcome = await self.submit(data, timeout)
        if isinstance(outcome, Committed):
            return outcome.result
        raise outcome.error

    def submit(self, data: bytes | bytearray | memoryview, timeout: float | None = None) -> asyncio.Future[Outcome]:
        """As ``apply``, without a coroutine: the future gets an Outcome and no exception. Many may be on their way.

        Raises Stopping, InvalidRequest (RequestTooLarge), and DeadlineExceeded for a timeout that is over already.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InvalidRequest(f"a command is bytes, not {type(data).__name__}")
        if len(data) > self._config.command_bytes_max:
            raise RequestTooLarge(f"a command has {len(data)} bytes, above command_bytes_max")
        return self._running().propose(bytes(data), self._seconds(timeout))

    async def barrier(self, timeout: float | None = None) -> int:
        """Return when everything that was committed before the call is applied here, proven by a majority; the index
        that is applied. A read of the state machine after it is linearizable, on any node.

        Raises NoLeader, Stopping, DeadlineExceeded.
        """
        late = DeadlineExceeded("no majority confirmed in time who leads")
        index: int = await self._ask(lambda turn, ticket: turn.reads.append(ticket), timeout, late)
        return index

    async def verify_leader(self, timeout: float | None = None) -> None:
        """Return when a majority confirmed, after the call, that this node leads. Raises NoLeader when it does not;
        Stopping, DeadlineExceeded."""
        replica = self._running().replica
        term = replica.term
        if not replica.is_leader:
            raise NoLeader("this node does not lead")
        await self.barrier(timeout)
        if not replica.is_leader or replica.term != term:
            raise NoLeader("this node lost the lead")

    # --- members ---------------------------------------------------------------------------------------------

    async def bootstrap(self, voters: Mapping[str, str] | Sequence[str]) -> None:
        """Begin a cluster of these, which hold nothing yet: on each of them, with the same names and addresses.

        For a node whose settings say ``join``, before anything reached it. Raises ConfigurationError.
        """
        before = self._running()
        names = dict(voters) if isinstance(voters, Mapping) else dict.fromkeys(voters, "")
        replica = before.replica
        if replica.last_index or replica.configuration.members():
            raise ConfigurationError("this node belongs to a cluster already")
        if self._config.local_id not in names:
            raise ConfigurationError(f"voters must contain local_id ({self._config.local_id!r})")
        configuration = configuration_of(self._config.cluster, names)
        before.halt()
        await before.close()
        assert self._environment is not None and self._stores is not None
        await self._environment.tasks.in_lane("wal", write_configuration, self._stores, configuration)
        host = self._host = self._make_host(self._environment, self._stores, recover(self._stores, self._machine))
        await host.start()

    async def add_voter(
        self, name: str, address: str = "", *, joint: bool = True, timeout: float | None = None
    ) -> list[Member]:
        """A new member that votes, or a learner that is to vote; the members afterwards.

        On the leader, as all changes. They go through a joint configuration (section 4.3 of the dissertation), or with
        ``joint=False`` one step at a time (section 4.1). Raises MembershipRefused, NoLeader, Stopping (nothing was
        done), OutcomeUnknown.
        """
        number = member_number(self._config.cluster, name)
        return await self.change([AddVoter(number, member_info(name, address))], joint=joint, timeout=timeout)

    async def add_learner(
        self, name: str, address: str = "", *, joint: bool = True, timeout: float | None = None
    ) -> list[Member]:
        """A new member without a vote. See ``add_voter``."""
        number = member_number(self._config.cluster, name)
        return await self.change([AddLearner(number, member_info(name, address))], joint=joint, timeout=timeout)

    async def promote(self, name: str, *, joint: bool = True, timeout: float | None = None) -> list[Member]:
        """A learner that has caught up votes from now on. See ``add_voter``."""
        return await self.change([Promote(self._member(name))], joint=joint, timeout=timeout)

    async def demote(self, name: str, *, joint: bool = True, timeout: float | None = None) -> list[Member]:
        """A voter becomes a learner. See ``add_voter``."""
        return await self.change([Demote(self._member(name))], joint=joint, timeout=timeout)

    async def remove(self, name: str, *, joint: bool = True, timeout: float | None = None) -> list[Member]:
        """A member leaves. See ``add_voter``."""
        return await self.change([Remove(self._member(name))], joint=joint, timeout=timeout)

    async def move(self, name: str, address: str, *, timeout: float | None = None) -> list[Member]:
        """A member has another address. See ``add_voter``."""
        return await self.change([UpdateInfo(self._member(name), member_info(name, address))], timeout=timeout)

    async def change(self, changes: list[Change], *, joint: bool = True, timeout: float | None = None) -> list[Member]:
        """Several changes as one; ids as ``member_number`` gives them. See ``add_voter``."""
        if not changes:
            raise InvalidRequest("a change of the members is empty")
        late = OutcomeUnknown("the change was not committed in time; it may be yet")
        put = (changes, joint)
        configuration: Configuration = await self._ask(
            lambda turn, ticket: turn.changes.append((ticket, *put)), timeout, late
        )
        return members_of(configuration)

    async def transfer_leadership(self, target: str = "", *, timeout: float | None = None) -> str:
        """Hand the lead over, to ``target`` or to who is best; who leads now.

        Raises NoLeader when this node does not lead, MembershipRefused, OutcomeUnknown, Stopping.
        """
        number = self._member(target) if target else 0
        late = OutcomeUnknown("the lead was not handed over in time; it may be yet")
        leader: int = await self._ask(lambda turn, ticket: turn.transfers.append((ticket, number)), timeout, late)
        return name_of(self._running().replica.configuration, leader)

    @property
    def members(self) -> list[Member]:
        """Who belongs, by name, as this node knows it; empty before it heard of a cluster."""
        return members_of(self._started().replica.configuration)

    # --- what this node holds --------------------------------------------------------------------------------

    async def snapshot(self) -> int:
        """Take a snapshot of the state as it is and cut the log behind it; its index.

        Raises StorageError, Stopping.
        """
        return await self._running().snapshots.take()

    def last_index(self) -> int:
        """The index of the last durable entry of this node's log (0: none)."""
        self._started()
        assert self._stores is not None
        return self._stores.log.last_index

    def get_log(self, index: int) -> Entry:
        """The entry at the index. Raises NotFound: never written, or gone behind a snapshot."""
        self._started()
        assert self._stores is not None
        log = self._stores.log
        entry = log.get(index)
        if entry is None:
            raise NotFound(f"the log holds the entries {log.first_index} to {log.last_index}, not {index}")
        return entry

    @property
    def state(self) -> Role:
        """Whether this node follows, campaigns or leads. One that has stopped follows nobody, and leads nobody."""
        host = self._started()
        return Role.FOLLOWER if host.stopped else host.replica.role

    @property
    def failure(self) -> BaseException | None:
        """What ended this node by itself: its disk, its state machine, a broken invariant. None: nothing did."""
        return self._started().stopped_by

    @property
    def leader(self) -> str:
        """The name of who leads as far as this node knows; empty: nobody."""
        host = self._started()
        return "" if host.stopped else name_of(host.replica.configuration, host.replica.leader)

    @property
    def stats(self) -> NodeStats:
        """Figures as they are now."""
        host = self._started()
        replica = host.replica
        return NodeStats(
            role=self.state,
            term=replica.term,
            leader=self.leader,
            last_index=self.last_index(),
            commit_index=replica.commit_index,
            applied_index=replica.applied_index,
            snapshot_index=host.snapshots.index,
            waiting=host.waiting,
            waiting_bytes=replica.waiting_bytes,
        )

    def observe(self, function: Callable[[Observation], object]) -> Callable[[], None]:
        """Call ``function`` on the loop with whatever ``observers`` names, until what is returned is called."""
        return self._observers.add(function)

    async def _hand_over(self, host: Host) -> None:
        if not host.replica.is_leader or len(host.replica.configuration.voters) == 1:
            return
        try:
            await self.transfer_leadership(timeout=self._config.tick_seconds * self._config.election_ticks)
        except TricordError:
            pass  # nobody takes it: the others find out by themselves

    # --- within ----------------------------------------------------------------------------------------------

    async def _recover(self, environment: Environment) -> Host:
        config = self._config
        stores = self._stores = self._stores or await self._open_stores(environment)
        recovered = recover(stores, self._machine)
        if not recovered.configured and not config.join:
            configuration = initial_configuration(config)
            await environment.tasks.in_lane("wal", write_configuration, stores, configuration)
            recovered.applied.restored(0, 0, configuration)
        return self._make_host(environment, stores, recovered)

    def _make_host(self, environment: Environment, stores: Stores, recovered: Recovered) -> Host:
        config = self._config
        for one in recovered.damaged:
            self._observers.tell(SnapshotDamaged(one.index, str(one.error)))
        local = LocalNode(
            environment,
            cluster_number(config.cluster),
            self._number,
            config.local_id,
            config.addresses.get(config.local_id, ""),
            tuple(config.addresses.values()),
            config.tick_seconds * config.heartbeat_ticks,
            config.tick_seconds * config.election_ticks,
        )
        if self._transport is None:
            others = set(recovered.applied.configuration.members()) - {self._number}
            if not local.address and (others or config.join):
                raise ConfigurationError("a node that is not alone needs a transport, or addresses in voters")
            self._transport = TcpTransport() if local.address else NoTransport()
        replica = make_replica(config, environment.random.bits(64), recovered, self._tracer)
        return Host(local, config, stores, self._transport, replica, recovered.applied, self._observers)

    async def _open_stores(self, environment: Environment) -> Stores:
        config, directory = self._config, self._directory
        if directory is None:
            return memory_stores(config.snapshots_kept)

        def open_stores() -> Stores:
            return open_disk_stores(
                environment.disk,
                environment.random,
                directory,
                config.local_id,
                cluster=config.cluster,
                snapshots_kept=config.snapshots_kept,
            )

        return await environment.tasks.in_lane("wal", open_stores)

    async def _give_up(self, environment: Environment) -> None:
        if self._transport is not None:
            await self._transport.close()
        if self._stores is not None:
            self._stores.log.close(clean=False)
        self._release()

    def _release(self) -> None:
        if self._stores is not None:
            self._stores.close()
        if self._owns_environment and self._environment is not None:
            close_environment(self._environment)

    def _started(self) -> Host:
        if self._host is None:
            raise Stopping("the node was not started")
        return self._host

    def _running(self) -> Host:
        host = self._started()
        if host.stopped:
            cause = f": {host.stopped_by}" if host.stopped_by is not None else ""
            raise Stopping(f"the node was stopped{cause}")
        return host

    def _seconds(self, timeout: float | None) -> float:
        seconds = self._config.timeout_seconds if timeout is None else timeout
        if seconds <= 0:
            raise DeadlineExceeded("the timeout was over before anything was asked")
        return seconds

    async def _ask(self, put: Callable[[Any, int], object], timeout: float | None, late: TricordError) -> Any:
        seconds = self._seconds(timeout)
        host = self._running()
        result = await host.ask(put, seconds)
        if result is None:
            raise late
        if isinstance(result, TricordError):
            raise result
        return result

    def _member(self, name: str) -> int:
        number = member_number(self._config.cluster, name)
        if number not in self._running().replica.configuration.members():
            raise MembershipRefused(f"no member is named {name!r}", reason="unknown_member")
        return number
