# SPDX-License-Identifier: Apache-2.0
"""Edges that are connected to this member: who they are, what they may replicate, and their streams.

An edge gets its number from the catalogue when it attaches for the first time, and needs a majority for that alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tricord.base.context import Context
from tricord.base.edges import (
    EDGE_PROTOCOL,
    EdgeHello,
    EdgeSet,
    EdgeTold,
    EdgeWelcome,
    Joining,
    Said,
    pieces,
)
from tricord.base.environment import Environment
from tricord.base.errors import (
    EdgeInUse,
    EdgeOfAnotherCluster,
    InvalidRequest,
    KeyspaceExists,
    KeyspaceNotFound,
    ReplicaCatchingUp,
    ReplicaRetired,
    Stopping,
    TricordError,
    Unavailable,
    Unimplemented,
)
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceList, KeyspaceRecord, Model, in_words
from tricord.base.levels import Stamp
from tricord.base.operations import Request, Result
from tricord.base.replica_sets import EdgeReplica, MemberReplica, ReplicaAttach, ReplicaAttachResult, ReplicaSet
from tricord.server.engine import EdgeEnd, EdgeTell
from tricord.server.replicas.exchange import Exchange
from tricord.statemachine.machine import StateMachine
from tricord.storage.identity import Identity

LOOK_SECONDS = 0.02
"""How often is looked whether this member holds a keyspace that was made just now."""
ATTACH_SECONDS = 5.0

Ask = Callable[[Request, Context], Awaitable[tuple[Result, Stamp]]]


class Edges:
    """All streams of edges to this member."""

    def __init__(
        self,
        environment: Environment,
        identity: Identity,
        exchange: Exchange,
        machine: StateMachine,
        ask: Ask,
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._identity = identity
        self._exchange = exchange
        self._machine = machine
        self._ask = ask
        self._sessions: dict[EdgeSession, None] = {}
        self._is_stopped = False

    async def open(self, hello: EdgeHello, tell: EdgeTell, end: EdgeEnd) -> EdgeSession:
        """Attach the edge and welcome it; ``end`` is told when its stream has to end.

        Raises EdgeOfAnotherCluster, KeyspaceNotFound, KeyspaceExists (another model), InvalidRequest, TooManyEdges,
        EdgeInUse; Unavailable where another member, or a later time, may do better.
        """
        deadline = self._clock.monotonic() + ATTACH_SECONDS
        self._check(hello)
        record = await self._record(hello, deadline)
        self._check_alone(hello, record)
        number = await self._number(hello, record, deadline)
        while (replica := self.own_replica(record.id)) == 0 or self._exchange.number(record.id, hello.identity) == 0:
            if self._clock.monotonic() > deadline:
                raise ReplicaCatchingUp(f"this member does not hold {record.name!r} yet")
            await asyncio.sleep(LOOK_SECONDS)
        if self._is_stopped:
            raise Stopping
        self._check_alone(hello, record)
        session = EdgeSession(self, record, hello, number, replica, tell, end)
        self._sessions[session] = None
        session.begin()
        return session

    def stop(self) -> None:
        """End all streams, take no more: this member stops."""
        self._is_stopped = True
        for session in list(self._sessions):
            session.end(Stopping())

    def closed(self, session: EdgeSession) -> None:
        """A stream is over."""
        self._sessions.pop(session, None)

    # --- what sessions ask ----------------------------------------------------------------------------------

    @property
    def exchange(self) -> Exchange:
        """The ways."""
        return self._exchange

    def own_replica(self, keyspace: int) -> int:
        """This member's number; 0: none."""
        return self.replicas(keyspace).number_of(MemberReplica(self._identity.member))

    def replicas(self, keyspace: int) -> ReplicaSet:
        """As the catalogue has them. Raises KeyspaceNotFound."""
        return self._machine.catalogue.replicas(keyspace)

    def welcome(self, record: KeyspaceRecord, number: int, replica: int) -> EdgeWelcome:
        """What an edge is told first."""
        identity = self._identity
        replicas = edge_set(self.replicas(record.id))
        return EdgeWelcome(identity.cluster, identity.history, identity.member, record, number, replica, replicas)

    # --- inner ----------------------------------------------------------------------------------------------

    def _check(self, hello: EdgeHello) -> None:
        if hello.protocol != EDGE_PROTOCOL:
            raise Unimplemented(f"the edge speaks protocol {hello.protocol}, this member {EDGE_PROTOCOL}")
        if hello.model is Model.STRONG:
            raise InvalidRequest("edges hold causal and eventual keyspaces; strong ones are for clients")
        known, own = (hello.cluster, hello.history), (self._identity.cluster, self._identity.history)
        if hello.cluster and known != own:
            raise EdgeOfAnotherCluster(
                f"the edge knows cluster {known[0]:x} with history {known[1]:x}; this is {own[0]:x} with {own[1]:x}"
            )

    def _check_alone(self, hello: EdgeHello, record: KeyspaceRecord) -> None:
        """Two processes that write as one replica would count as one what are two writes, and take one's for the
        other's: the second is not heard while the first is connected here."""
        if any(session.is_other_run(hello, record) for session in self._sessions):
            raise EdgeInUse(f"another process is connected as this edge of {record.name!r}: is its directory a copy?")

    async def _record(self, hello: EdgeHello, deadline: float) -> KeyspaceRecord:
        found = self._find(hello.keyspace)
        if found is None or (hello.id and found.id != hello.id):
            # This member may not have heard yet of what is in the log.
            await self._ask(KeyspaceList(), Context(deadline=deadline))
            found = self._find(hello.keyspace)
        if hello.id and (found is None or found.id != hello.id):
            raise KeyspaceNotFound(f"the keyspace {hello.keyspace!r} that the edge holds was dropped")
        if found is None:
            try:
                await self._ask(KeyspaceCreate(hello.keyspace, hello.model, hello.type), Context(deadline=deadline))
            except KeyspaceExists:
                pass  # somebody else made it meanwhile
            found = self._find(hello.keyspace)
        if found is None:
            raise KeyspaceNotFound(f"no keyspace is called {hello.keyspace!r}")
        if found.model is not hello.model or hello.type not in (None, found.type):
            is_here, is_there = in_words(found.model, found.type), in_words(hello.model, hello.type)
            raise KeyspaceExists(f"keyspace {hello.keyspace!r} is {is_here}, and {is_there} at the edge")
        return found

    def _find(self, name: str) -> KeyspaceRecord | None:
        return self._machine.catalogue.by_name.get(name)

    async def _number(self, hello: EdgeHello, record: KeyspaceRecord, deadline: float) -> int:
        holder = EdgeReplica(hello.identity)
        number = self.replicas(record.id).number_of(holder)
        attach = ReplicaAttach(record.id, holder, hello.former)
        if number and number != hello.former:
            self._tasks.spawn(self._show(attach), "an edge that lives")
            return number
        if not number:
            self.replicas(record.id).check_room()  # else each attempt of one too many would be an entry of the log
        result, _ = await self._ask(attach, Context(deadline=deadline))
        assert isinstance(result, ReplicaAttachResult)
        return result.number

    async def _show(self, attach: ReplicaAttach) -> None:
        """Let the others know that the edge lives, if they can be told: see ``retiring``."""
        try:
            await self._ask(attach, Context(deadline=self._clock.monotonic() + ATTACH_SECONDS))
        except TricordError:
            pass


class EdgeSession:
    """One edge's stream for one keyspace: ``base.edges.EdgeStream`` to the door, ``EdgeWay`` to the exchange."""

    def __init__(
        self,
        edges: Edges,
        record: KeyspaceRecord,
        hello: EdgeHello,
        number: int,
        replica: int,
        tell: EdgeTell,
        end: EdgeEnd,
    ) -> None:
        self.has_room = True
        self._edges = edges
        self._record = record
        self._identity = hello.identity
        self._run = hello.run
        self._number = number
        self._replica = replica
        self._tell_edge = tell
        self._end_stream = end
        self._epoch = 0
        self._joining = Joining()
        self._is_over = False

    def is_other_run(self, hello: EdgeHello, record: KeyspaceRecord) -> bool:
        """Whether another process of the same edge says hello, for the same keyspace."""
        return (
            hello.identity == self._identity
            and record.id == self._record.id
            and bool(hello.run and self._run)
            and hello.run != self._run
        )

    def begin(self) -> None:
        """Welcome it, and let what is said to it come here."""
        welcome = self._edges.welcome(self._record, self._number, self._replica)
        self._epoch = welcome.replicas.epoch
        self._tell(welcome)
        self._edges.exchange.join(self._record.id, self._number, self)

    # --- to the exchange ------------------------------------------------------------------------------------

    def send(self, sender: int, data: bytes) -> bool:
        if self._is_over or sender != self._replica:
            return False
        for piece in pieces(data):
            self._tell(piece)
        return True

    def changed(self) -> None:
        """The replica set is another one."""
        try:
            replicas = self._edges.replicas(self._record.id)
        except KeyspaceNotFound as error:
            self.end(error)
            return
        if replicas.active.get(self._number) != EdgeReplica(self._identity):
            self.end(ReplicaRetired(f"replica {self._number} was retired: come back under a new number"))
        elif self._edges.own_replica(self._record.id) != self._replica:
            self.end(Unavailable("this member's replica has another number now: connect again"))
        elif replicas.epoch != self._epoch:
            self._epoch = replicas.epoch
            self._tell(edge_set(replicas))

    def dropped(self) -> None:
        """The keyspace is no more."""
        self.end(KeyspaceNotFound(f"the keyspace {self._record.name!r} that the edge holds was dropped"))

    # --- to the door ----------------------------------------------------------------------------------------

    def said(self, piece: Said) -> None:
        whole = self._joining.add(piece)
        if whole is not None:
            self._edges.exchange.edge_said(self._record.id, self._identity, self._number, whole)

    def room(self) -> None:
        if not self._is_over and not self.has_room:
            self.has_room = True
            self._edges.exchange.reached(self._record.id, self._number)

    def close(self) -> None:
        self._is_over = True
        self._edges.closed(self)
        self._edges.exchange.leave(self._record.id, self._number, self)

    # --- inner ----------------------------------------------------------------------------------------------

    def _tell(self, told: EdgeTold) -> None:
        if not self._tell_edge(told):
            self.has_room = False

    def end(self, error: TricordError) -> None:
        """The edge is told why, and comes back or not."""
        if not self._is_over:
            self.close()
            self._end_stream(error)


def edge_set(replicas: ReplicaSet) -> EdgeSet:
    """As edges are told of it."""
    members = [number for number, holder in replicas.active.items() if isinstance(holder, MemberReplica)]
    return EdgeSet(replicas.epoch, sorted(members), sorted(replicas.edges), replicas.next_number)
