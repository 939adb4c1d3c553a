# SPDX-License-Identifier: Apache-2.0
"""One keyspace at this member: gets it a number, opens its replica, makes it anew under another number, drops it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tricord.base.environment import Environment
from tricord.base.errors import (
    DiskFault,
    DiskFull,
    KeyspaceNotFound,
    ReplicaCatchingUp,
    Stopping,
    StorageError,
    TricordError,
)
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.message import message
from tricord.base.replica_sets import EdgeReplica, MemberReplica, ReplicaSet
from tricord.server.replicas.exchange import Exchange
from tricord.server.replicas.keyspace_replica import Ready, ReplicaHost
from tricord.server.replicas.opening import OPENING_LANE, open_host
from tricord.server.telling import Tells
from tricord.storage.replica_storage import found_no_room, remove_replica_storage

AGAIN_SECONDS = 1.0
"""What did not work is tried again after this."""


class Attach(Protocol):
    """Asks the catalogue for a number."""

    async def __call__(self, keyspace: int, former: int) -> None:
        """This member's number is to be another one than ``former``, 0: any. Raises TricordError."""


@message
class Terms:
    """What is the same for all keyspaces of a member."""

    member: int
    cluster: int
    data_directory: str
    quota_bytes: int
    map_size: int
    attach: Attach
    fail: Callable[[BaseException], None]


class Keeping:
    """The host's ``Surroundings``. ``look`` is called whenever the catalogue has changed."""

    def __init__(
        self,
        environment: Environment,
        terms: Terms,
        record: KeyspaceRecord,
        numbers: list[int],
        exchange: Exchange,
        tells: Tells,
        opened: Callable[[ReplicaHost], None],
    ) -> None:
        """``numbers`` are those of its directories that are there."""
        self.record = record
        self.host: ReplicaHost | None = None
        self.number = 0
        """Of the host, or of what it had last."""
        self.failure: TricordError | None = None
        """Why it cannot be opened."""
        self._environment = environment
        self._terms = terms
        self._numbers = set(numbers)
        self._exchange = exchange
        self._tells = tells
        self._opened = opened
        self._set = ReplicaSet()
        self._waiting: list[Ready] = []
        self._task: asyncio.Task[None] | None = None
        self._has_changed = asyncio.Event()
        self._former = 0
        self._said = ""
        self._is_over = False

    # --- what is asked of it ------------------------------------------------------------------------------

    def find(self) -> ReplicaHost:
        """The host. Raises ReplicaCatchingUp while there is none, StorageError where there will be none."""
        if self.failure is not None:
            raise self.failure
        if self.host is None:
            raise ReplicaCatchingUp("the replica is being opened")
        return self.host

    def when_found(self, ready: Ready) -> None:
        """Run ``ready`` once ``find`` gives the host, or something else than ReplicaCatchingUp."""
        if self.host is not None or self.failure is not None:
            ready(self.failure)
        elif self._is_over:
            ready(Stopping())
        else:
            self._waiting.append(ready)

    def look(self, replicas: ReplicaSet) -> None:
        """The replica set is this now."""
        if replicas is self._set and self._task is not None:
            return
        self._set = replicas
        self._exchange.belong(
            self.record.id,
            {
                number: holder.member if isinstance(holder, MemberReplica) else holder.identity
                for number, holder in replicas.active.items()
            },
        )
        if self.host is not None:
            self._belong(self.host)
        self._has_changed.set()
        if self._task is None:
            self._task = self._environment.tasks.spawn(self._keep(), f"keyspace {self.record.name}")

    async def drop(self) -> None:
        """The keyspace is gone: who waits is told, and its directories go."""
        error = KeyspaceNotFound(f"keyspace {self.record.name!r} was dropped")
        await self._end(error)
        self._exchange.forget(self.record.id)
        terms, numbers = self._terms, sorted(self._numbers)

        def remove() -> None:
            for number in numbers:
                remove_replica_storage(self._environment.disk, terms.data_directory, self.record.id, number)

        await self._environment.tasks.in_lane(OPENING_LANE, remove)

    async def stop(self) -> None:
        """Commit what there is. Raises OSError."""
        await self._end(None)

    def abandon(self) -> None:
        """Do nothing more, as if the process died."""
        self._is_over = True
        if self._task is not None:
            self._task.cancel()
        if self.host is not None:
            self.host.abandon()

    # --- surroundings of the host -------------------------------------------------------------------------

    def send(self, keyspace: int, replica: int, data: bytes) -> bool:
        """See ``Surroundings``."""
        return self._exchange.send(self.record.id, self.number, replica, data)

    def can_reach(self, replica: int) -> bool:
        """See ``Surroundings``."""
        return self._exchange.can_reach(self.record.id, replica)

    def alarm(self, keyspace: int, event: str, text: str) -> None:
        """See ``Surroundings``."""
        self._tells.warning(event, keyspace=self.record.name, replica=self.number, why=text)

    def new_number(self, keyspace: int) -> None:
        """See ``Surroundings``."""
        self._former = self.number
        self._has_changed.set()

    # --- inner --------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while not self._is_over:
            self._has_changed.clear()
            try:
                done = await self._settle()
            except (OSError, DiskFull, DiskFault) as error:
                if not found_no_room(error):
                    self._terms.fail(error)
                    return
                self._say_later(str(error))
                done = False
            except StorageError as error:
                self._tells.warning("a replica cannot be opened", keyspace=self.record.name, why=str(error))
                self.failure = error
                self._tell_waiting(error)
                return
            except TricordError as error:
                self._say_later(str(error))
                done = False
            timer = None if done else self._environment.tasks.call_later(AGAIN_SECONDS, self._has_changed.set)
            await self._has_changed.wait()
            if timer is not None:
                timer.cancel()

    def _say_later(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self._tells.info("a replica is opened later", keyspace=self.record.name, why=why)

    async def _settle(self) -> bool:
        """Make what is here as the catalogue says. Whether it is; if not, it is to be called again soon."""
        number = self._set.number_of(MemberReplica(self._terms.member))
        if not number or number == self._former:
            # The catalogue changes by that, and then it goes on.
            await self._terms.attach(self.record.id, self._former)
            return False
        if self.host is not None and number == self.number:
            return True
        if number < max(self._numbers, default=0):
            return False  # this member is behind in the log: it had a later number already
        await self._open(number)
        return True

    async def _open(self, number: int) -> None:
        terms = self._terms
        host, self.host = self.host, None
        if host is not None:
            self._tells.info(
                "a replica gets a new number", keyspace=self.record.name, former=self.number, number=number
            )
            await host.close(ReplicaCatchingUp("the replica is made anew under another number"))
        host = await open_host(
            self._environment,
            terms.data_directory,
            self.record.id,
            self.record,
            number,
            self,
            cluster=terms.cluster,
            quota_bytes=terms.quota_bytes,
            map_size=terms.map_size,
            fail=terms.fail,
        )
        self._numbers.add(number)
        if self._is_over:
            await host.close()
            return
        self.host, self.number = host, number
        self._opened(host)
        self._belong(host)
        host.start()
        self._tell_waiting(None)

    def _belong(self, host: ReplicaHost) -> None:
        members: list[int] = []
        edges: list[int] = []
        for number, holder in self._set.active.items():
            (edges if isinstance(holder, EdgeReplica) else members).append(number)
        host.belong(self._set.epoch, members, edges, self._set.retired)

    async def _end(self, error: TricordError | None) -> None:
        self._is_over = True
        task, self._task = self._task, None
        if task is not None:
            # What it has begun on the disk is ended first.
            self._has_changed.set()
            await asyncio.wait([task])
        host, self.host = self.host, None
        self._tell_waiting(error or Stopping())
        if host is not None:
            await host.close(error)

    def _tell_waiting(self, error: TricordError | None) -> None:
        waiting, self._waiting = self._waiting, []
        for ready in waiting:
            ready(error)
