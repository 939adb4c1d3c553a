# SPDX-License-Identifier: Apache-2.0
"""One keyspace at an edge: its replica, which runs whether or not anybody can be reached, and its stream to a member.

The first contact gives it a number, and so does the first one after it was retired; the replica is then made anew over
what it has, and brings its unsent writes along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tricord.base.edges import EDGE_PROTOCOL, EdgeHello, EdgeKeyspaceStatus, EdgeSet, EdgeWelcome
from tricord.base.environment import Environment
from tricord.base.errors import (
    DiskFault,
    DiskFull,
    EdgeInUse,
    EdgeOfAnotherCluster,
    KeyspaceExists,
    KeyspaceNotFound,
    ReplicaCatchingUp,
    ReplicaRetired,
    TooManyEdges,
    TricordError,
)
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.message import message
from tricord.client.connector import Connector
from tricord.embedded.edge_link import EdgeLink, open_link
from tricord.embedded.edge_state import EdgeState, KeptKeyspace
from tricord.server.replicas.keyspace_replica import ReplicaHost
from tricord.server.replicas.opening import OPENING_LANE, open_host
from tricord.storage.replica_storage import found_no_room, remove_replica_storage, replica_directories

PAUSE_SECONDS = 0.1
"""Before the second attempt to connect; it doubles with each failure."""
PAUSE_SECONDS_MAX = 5.0
IN_USE_FAILURES = 3
"""While another process is connected the pauses grow no longer than after so many."""
REFUSED_SECONDS = 30.0
"""After a refusal that will not pass by itself."""
DIAL_SECONDS = 30.0
ANSWER_SECONDS = 5.0
"""So long a replica that is made anew waits for the answers to its writes; a full disk may keep them longer."""
LOOK_SECONDS = 0.002
"""How often is looked for that."""
_LASTING = (KeyspaceNotFound, KeyspaceExists, EdgeOfAnotherCluster)
"""What the next call raises."""
_REFUSED = (*_LASTING, TooManyEdges)
"""What every member would say."""
_STAYS = (*_REFUSED, EdgeInUse)
"""After these the same member is asked again: another one may not know of the other process."""


@message
class EdgeTerms:
    """What is the same for all keyspaces of an edge."""

    environment: Environment
    run: int
    """64 random bits of this opening of the directory."""
    directory: str
    quota_bytes: int
    map_bytes: int
    connector: Connector
    state: EdgeState
    save: Callable[[], Awaitable[None]]
    """Makes the state durable. Raises OSError."""
    opened: Callable[[int, ReplicaHost], None]
    """Told of each host before it starts, and which id the keyspace had before."""
    warn: Callable[[str], None]


class EdgeKeyspace:
    """The host's ``Surroundings``."""

    def __init__(self, terms: EdgeTerms, kept: KeptKeyspace) -> None:
        self.kept = kept
        self.host: ReplicaHost | None = None
        self.failure: TricordError | None = KeyspaceNotFound(kept.dropped) if kept.dropped else None
        """Why nothing can be done here; raised at each call."""
        self._terms = terms
        self._environment = terms.environment
        self._clock = terms.environment.clock
        self._id = kept.record.id
        self._link: EdgeLink | None = None
        self._former = 0
        self._problem = ""
        self._contact_at: float | None = None
        self._running: asyncio.Task[None] | None = None
        self._welcoming: set[asyncio.Task[None]] = set()
        self._opened_as = (0, 0)
        """The id and number that the host was made with."""
        self._is_over = False

    @property
    def record(self) -> KeyspaceRecord:
        """As far as it is known."""
        return self.kept.record

    def find(self) -> ReplicaHost:
        """The replica. Raises what keeps it from being used."""
        if self.failure is not None:
            raise self.failure
        if self.host is None:
            raise ReplicaCatchingUp("the replica is being opened")
        return self.host

    async def start(self) -> None:
        """Open the replica, and begin to look for a member. Raises StorageError, OSError."""
        if self.failure is None:
            await self._open()
            self._running = self._environment.tasks.spawn(self._run(), f"edge of {self.kept.name}")

    async def stop(self, error: TricordError | None = None) -> None:
        """Say nothing more, and make all durable; ``error``: the keyspace is given up. Raises OSError."""
        self._is_over = True
        if self._link is not None:
            self._link.close()
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            done, _ = await asyncio.wait([running, *self._welcoming])
            for task in done:
                if not task.cancelled():
                    task.exception()  # asked for: nobody else does
        host, self.host = self.host, None
        if host is not None:
            await host.close(error)

    async def remove(self) -> None:
        """Give up all that it holds. Raises OSError."""
        await self.stop(KeyspaceNotFound(f"keyspace {self.kept.name!r} was given up at this edge"))
        disk, terms = self._environment.disk, self._terms

        def remove() -> None:
            for found in replica_directories(disk, terms.directory):
                if found.keyspace == self.kept.place:
                    remove_replica_storage(disk, terms.directory, found.keyspace, found.replica)

        await self._environment.tasks.in_lane(OPENING_LANE, remove)

    def status(self) -> EdgeKeyspaceStatus:
        """Of now."""
        heard = None if self._contact_at is None else self._clock.monotonic() - self._contact_at
        unsent = 0 if self.host is None else self.host.status().unsent
        connected = self._link is not None
        problem = str(self.failure or "") or ("" if connected else self._problem)
        return EdgeKeyspaceStatus(
            self.kept.name, Model(self.kept.model), self.kept.number, connected, unsent, heard, problem
        )

    # --- surroundings of the host ---------------------------------------------------------------------------

    def send(self, keyspace: int, replica: int, data: bytes) -> bool:
        """See ``Surroundings``."""
        link = self._link
        return link is not None and link.replica == replica and link.send(data)

    def can_reach(self, replica: int) -> bool:
        """See ``Surroundings``."""
        link = self._link
        return link is not None and link.replica == replica and link.has_room

    def alarm(self, keyspace: int, event: str, text: str) -> None:
        """See ``Surroundings``."""
        self._terms.warn(f"keyspace {self.kept.name}: {event}: {text}")

    def new_number(self, keyspace: int) -> None:
        """See ``Surroundings``."""
        self._former = self.kept.number
        if self._link is not None:
            self._link.close()

    # --- the stream -----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        while not self._is_over:
            began, pause = self._clock.monotonic(), 0.0
            try:
                await self._contact()
            except ReplicaRetired as error:
                self._problem = str(error)
            except (OSError, DiskFull, DiskFault) as error:
                if not found_no_room(error):
                    await self._fail(error)
                    return
                self._problem = f"the disk is full: {error}"
            except TricordError as error:
                self._problem = str(error)
                if isinstance(error, _LASTING):
                    await self._give_up(error)
                if isinstance(error, _REFUSED):
                    pause = REFUSED_SECONDS
                elif isinstance(error, EdgeInUse):
                    failures = min(failures, IN_USE_FAILURES)
            if self._clock.monotonic() - began > PAUSE_SECONDS_MAX:
                failures = 0
            pause = max(pause, min(PAUSE_SECONDS * 2 ** min(failures, 10), PAUSE_SECONDS_MAX))
            failures += 1
            await asyncio.sleep(pause * self._environment.random.uniform(0.5, 1.0))

    async def _contact(self) -> None:
        """From one connection to its end. Raises TricordError, OSError, DiskFault (the disk failed)."""
        connector = self._terms.connector
        channel = await connector.channel(self._clock.monotonic() + DIAL_SECONDS)
        try:
            link, welcome = await open_link(self._environment, channel, self._hello())
        except TricordError as error:
            if not isinstance(error, _STAYS):
                connector.leave(channel)
            raise
        try:
            # What is begun on the disk is ended, whoever is told to stop.
            welcoming = self._environment.tasks.spawn(self._welcomed(welcome), "an edge's welcome")
            self._welcoming.add(welcoming)
            welcoming.add_done_callback(self._welcoming.discard)
            await asyncio.shield(welcoming)
            self._link = link
            self._hear(self.find(), welcome.replica)
            while True:
                told = await link.next()
                self._contact_at = self._clock.monotonic()
                host = self.find()
                if isinstance(told, EdgeSet):
                    self.kept.know(told)
                    self._belong(host)
                    await self._terms.save()
                elif not isinstance(told, EdgeWelcome):
                    host.received(welcome.replica, told.data)
        except TricordError:
            if not self._is_over:
                connector.leave(channel)
            raise
        finally:
            self._link = None
            link.close()

    def _hear(self, host: ReplicaHost, replica: int) -> None:
        self._contact_at = self._clock.monotonic()
        self._problem = ""
        self.failure = None
        host.reached(replica)

    def _hello(self) -> EdgeHello:
        kept, state = self.kept, self._terms.state
        return EdgeHello(
            kept.name,
            Model(kept.model),
            bytes.fromhex(state.identity),
            self._former,
            state.cluster,
            state.history,
            kept.id,
            EDGE_PROTOCOL,
            kept.record.type,
            self._terms.run,
        )

    async def _welcomed(self, welcome: EdgeWelcome) -> None:
        """Become what the member says that this is: durably, before anything is said under the number."""
        kept, state = self.kept, self._terms.state
        if state.cluster and (state.cluster, state.history) != (welcome.cluster, welcome.history):
            raise EdgeOfAnotherCluster("the member that answered is of another cluster than the edge")
        state.cluster, state.history = welcome.cluster, welcome.history
        kept.id, kept.number, kept.type = welcome.record.id, welcome.number, welcome.record.type or 0
        kept.know(welcome.replicas)
        self._former = 0
        await self._terms.save()
        if self.host is None or self._opened_as != (kept.id, kept.number):
            await self._open()
        elif self.host is not None:
            self._belong(self.host)

    async def _open(self) -> None:
        terms, kept = self._terms, self.kept
        host, self.host = self.host, None
        if host is not None:
            await self._answered(host)
            await host.close(ReplicaCatchingUp("the replica is made anew under its number"))
        host = await open_host(
            self._environment,
            terms.directory,
            kept.place,
            kept.record,
            kept.number,
            self,
            cluster=terms.state.cluster,
            quota_bytes=terms.quota_bytes,
            map_size=terms.map_bytes,
            fail=self._broken,
        )
        if self._is_over:
            await host.close()
            return
        self.host, self._opened_as = host, (kept.id, kept.number)
        before, self._id = self._id, kept.record.id
        terms.opened(before, host)
        self._belong(host)
        host.start()

    async def _answered(self, host: ReplicaHost) -> None:
        """Writes that are under way become durable before it ends. Later ones wait for the next."""
        deadline = self._clock.monotonic() + ANSWER_SECONDS
        while host.is_awaited and not self._is_over:
            if self._clock.monotonic() > deadline:
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _belong(self, host: ReplicaHost) -> None:
        kept = self.kept
        if kept.epoch:
            host.belong(kept.epoch, list(kept.members), list(kept.edges), kept.replicas.retired)

    async def _give_up(self, error: TricordError) -> None:
        """A member says that this can never go on as it is."""
        self.failure = error
        if isinstance(error, KeyspaceNotFound) and self.kept.id:
            self.kept.dropped = str(error)
            await self._terms.save()

    def _broken(self, error: BaseException) -> None:
        if not self._is_over:
            self._environment.tasks.spawn(self._fail(error), "an edge's disk")

    async def _fail(self, error: BaseException) -> None:
        """The disk failed: nothing more is done here."""
        fault = error if isinstance(error, TricordError) else DiskFault(f"the disk failed: {error}")
        self.failure = fault
        host, self.host = self.host, None
        if host is not None:
            host.abandon(fault)
        if self._link is not None:
            self._link.close()
