# SPDX-License-Identifier: Apache-2.0
"""All causal and eventual keyspaces of a member: follows the catalogue, and finds the replica of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from tricord.base.environment import Environment
from tricord.base.errors import ReplicaCatchingUp, TricordError
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.server.replicas.exchange import Exchange
from tricord.server.replicas.keeping import Keeping, Terms
from tricord.server.replicas.keyspace_replica import Ready, ReplicaHost, ReplicaStatus
from tricord.server.replicas.opening import OPENING_LANE
from tricord.server.telling import Tells
from tricord.statemachine.catalogue import Catalogue
from tricord.storage.replica_storage import remove_replica_storage, replica_directories


class Machine(Protocol):
    """The state machine, as far as this needs one."""

    catalogue: Catalogue


class Replicas:
    """``look`` is called whenever the catalogue may have changed; it costs a comparison where it has not."""

    def __init__(
        self,
        environment: Environment,
        terms: Terms,
        machine: Machine,
        exchange: Exchange,
        tells: Tells,
    ) -> None:
        self.opened: Callable[[ReplicaHost], None] = lambda host: None
        """Told of each host before it starts, also of one that was made anew under another number."""
        self.dropped: Callable[[int], None] = lambda keyspace: None
        """Told of the id of a keyspace that is gone."""
        self._environment = environment
        self._terms = terms
        self._machine = machine
        self._exchange = exchange
        self._tells = tells
        self._kept: dict[int, Keeping] = {}
        self._numbers: dict[int, list[int]] | None = None
        """Of the directories that were found, and belong to nobody yet; None: they were not listed yet."""
        self._listing: asyncio.Task[None] | None = None
        self._changes_seen = -1
        self._is_started = False
        self._dropping: set[asyncio.Task[None]] = set()
        exchange.received = self._received
        exchange.reached = self._reached

    def start(self) -> None:
        """Open what there is."""
        self._is_started = True
        self.look()

    async def stop(self) -> None:
        """Make what there is durable, and close. Raises OSError."""
        self._is_started = False
        if self._listing is not None:
            await asyncio.wait([self._listing])
        kept, self._kept = self._kept, {}
        if self._dropping:
            await asyncio.wait(self._dropping)
        ended = await asyncio.gather(*[one.stop() for one in kept.values()], return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    def abandon(self) -> None:
        """Write nothing more, as if the process died."""
        self._is_started = False
        for one in self._kept.values():
            one.abandon()

    def look(self) -> None:
        """Begin, change and end what the catalogue says."""
        catalogue = self._machine.catalogue
        if catalogue.changes == self._changes_seen or not self._is_started:
            return
        records = {record.id: record for record in catalogue.records if record.model is not Model.STRONG}
        if self._numbers is None:
            # A member of strong keyspaces alone does not even look into the directory.
            if records and self._listing is None:
                self._listing = self._environment.tasks.spawn(self._list(), "directories of replicas")
            return
        self._changes_seen = catalogue.changes
        for keyspace in [keyspace for keyspace in self._kept if keyspace not in records]:
            self._drop(keyspace)
        self._remove_leftovers(self._numbers, catalogue, records)
        for record in records.values():
            kept = self._kept.get(record.id)
            if kept is None:
                kept = self._kept[record.id] = Keeping(
                    self._environment,
                    self._terms,
                    record,
                    self._numbers.pop(record.id, []),
                    self._exchange,
                    self._tells,
                    self._opened,
                )
            kept.look(catalogue.replicas(record.id))

    def find(self, record: KeyspaceRecord) -> ReplicaHost:
        """The replica of that keyspace. Raises ReplicaCatchingUp while it is being opened, StorageError where it cannot
        be."""
        self.look()
        kept = self._kept.get(record.id)
        if kept is None:
            raise ReplicaCatchingUp("the replica is being opened")
        return kept.find()

    def when_found(self, record: KeyspaceRecord, ready: Ready) -> None:
        """Run ``ready`` once ``find`` gives it, or with what it raises then."""
        self.look()
        kept = self._kept.get(record.id)
        if kept is None:
            ready(ReplicaCatchingUp("the replica is being opened"))
        else:
            kept.when_found(ready)

    @property
    def hosts(self) -> list[tuple[KeyspaceRecord, ReplicaHost]]:
        """Those that are open, by keyspace id."""
        return [(kept.record, kept.host) for _, kept in sorted(self._kept.items()) if kept.host is not None]

    def statuses(self) -> list[tuple[KeyspaceRecord, ReplicaStatus]]:
        """Of all that are open."""
        return [(record, host.status()) for record, host in self.hosts]

    def failures(self) -> list[tuple[str, TricordError]]:
        """Keyspaces that cannot be opened here, and why."""
        return [(kept.record.name, kept.failure) for _, kept in sorted(self._kept.items()) if kept.failure is not None]

    # --- inner --------------------------------------------------------------------------------------------

    def _opened(self, host: ReplicaHost) -> None:
        self.opened(host)

    def _drop(self, keyspace: int) -> None:
        self.dropped(keyspace)
        kept = self._kept.pop(keyspace)
        self._tells.info("a keyspace was dropped", keyspace=kept.record.name)
        self._in_background(self._drop_kept(kept))

    async def _drop_kept(self, kept: Keeping) -> None:
        try:
            await kept.drop()
        except OSError as error:
            self._tells.warning("what is left of a keyspace goes later", keyspace=kept.record.name, why=str(error))

    async def _list(self) -> None:
        disk, directory = self._environment.disk, self._terms.data_directory
        try:
            found = await self._environment.tasks.in_lane(OPENING_LANE, replica_directories, disk, directory)
        except OSError as error:
            self._terms.fail(error)
            return
        self._numbers = {}
        for one in found:
            self._numbers.setdefault(one.keyspace, []).append(one.replica)
        self.look()

    def _remove_leftovers(
        self, numbers: dict[int, list[int]], catalogue: Catalogue, records: dict[int, KeyspaceRecord]
    ) -> None:
        """Directories of keyspaces that were dropped while this process did not run."""
        gone = [keyspace for keyspace in numbers if keyspace not in records and keyspace < catalogue.next_id]
        places = [(keyspace, number) for keyspace in gone for number in numbers.pop(keyspace)]
        if places:
            self._in_background(self._remove(places))

    async def _remove(self, places: list[tuple[int, int]]) -> None:
        disk, directory = self._environment.disk, self._terms.data_directory

        def remove() -> None:
            for keyspace, number in places:
                remove_replica_storage(disk, directory, keyspace, number)

        try:
            await self._environment.tasks.in_lane(OPENING_LANE, remove)
        except OSError as error:
            self._tells.warning("what is left of dropped keyspaces goes later", why=str(error))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._environment.tasks.spawn(work, "drop keyspace")
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)

    def _received(self, keyspace: int, receiver: int, sender: int, data: bytes) -> None:
        kept = self._kept.get(keyspace)
        if kept is not None and kept.host is not None and kept.number == receiver:
            kept.host.received(sender, data)

    def _reached(self, keyspace: int, replica: int) -> None:
        kept = self._kept.get(keyspace)
        if kept is not None and kept.host is not None:
            kept.host.reached(replica)
