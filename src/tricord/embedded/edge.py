# SPDX-License-Identifier: Apache-2.0
"""An edge: causal and eventual keyspaces held in this process, which replicate with a cluster whenever it is there.

It stands where a member does behind an embedded client: ``engine`` answers, ``stop`` ends it.
"""

from __future__ import annotations

from tricord.base.edges import EdgeStatus
from tricord.base.environment import Environment, File, Timer
from tricord.base.errors import KeyspaceExists, KeyspaceNotFound, NotOfThisModel, ResourceExhausted
from tricord.base.keyspaces import KEYSPACES_MAX, KeyspaceRecord, Model, check_name, in_words
from tricord.base.metrics import Metrics
from tricord.base.values import DataType
from tricord.client.connector import Connector
from tricord.embedded.edge_engine import EdgeEngine
from tricord.embedded.edge_keyspace import EdgeKeyspace, EdgeTerms
from tricord.embedded.edge_state import EdgeState, KeptKeyspace, open_state, write_state
from tricord.server.replicas.keyspace_replica import ReplicaHost
from tricord.server.replicas.opening import OPENING_LANE
from tricord.server.replicas.requests import ReplicaRequests
from tricord.storage.creation import make_durable_directory

EXPIRE_SECONDS = 0.1
WAITING_MAX = 10_000
REQUEST_BYTES_MAX = 1536 << 10
PROGRESS_SECONDS = 600.0


class Edge:
    """Make it by ``open_edge``, then ``start``, use its ``engine``, ``stop``."""

    def __init__(
        self,
        environment: Environment,
        directory: str,
        lock: File,
        state: EdgeState,
        connector: Connector,
        *,
        quota_bytes: int,
        map_bytes: int,
    ) -> None:
        self.warnings: list[str] = []
        """The newest of what people should know."""
        self.requests = ReplicaRequests(
            environment,
            Metrics(),
            find=lambda record: self.keyspace(record.name).find(),
            cluster=state.cluster,
            member=0,
            history=state.history,
            term=lambda: 0,
            report=lambda error, where: self._warn(f"{where}: {error!r}"),
            waiting_max=WAITING_MAX,
            request_bytes_max=REQUEST_BYTES_MAX,
            progress_seconds=PROGRESS_SECONDS,
        )
        self.engine = EdgeEngine(environment, self, self.requests)
        self.state = state
        self._environment = environment
        self._directory = directory
        self._lock = lock
        self._connector = connector
        self._terms = EdgeTerms(
            environment,
            environment.random.bits(64) or 1,
            directory,
            quota_bytes,
            map_bytes,
            connector,
            state,
            self._save,
            self._opened,
            self._warn,
        )
        self._keyspaces: dict[str, EdgeKeyspace] = {}
        self._timer: Timer | None = None
        self._is_stopped = False

    async def start(self) -> None:
        """Open all that is here. Raises StorageError, OSError."""
        self._timer = self._environment.tasks.call_later(EXPIRE_SECONDS, self._every_so_often)
        for kept in self.state.keyspaces:
            self._keyspaces[kept.name] = keyspace = EdgeKeyspace(self._terms, kept)
            await keyspace.start()

    async def stop(self) -> None:
        """Make all durable and let go of the directory. Raises OSError."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self.requests.stop()
        if self._timer is not None:
            self._timer.cancel()
        try:
            for keyspace in self._keyspaces.values():
                await keyspace.stop()
            await self._connector.close()
        finally:
            self._lock.close()

    # --- keyspaces ------------------------------------------------------------------------------------------

    @property
    def records(self) -> list[KeyspaceRecord]:
        """All keyspaces here, by id."""
        return sorted((one.record for one in self._keyspaces.values()), key=lambda record: record.id)

    def keyspace(self, name: str) -> EdgeKeyspace:
        """Raises KeyspaceNotFound."""
        found = self._keyspaces.get(name)
        if found is None:
            raise KeyspaceNotFound(
                f"no keyspace is called {name!r} at this edge: keyspace(name, model=...) makes it, offline too"
            )
        return found

    def find_record(self, name: str) -> KeyspaceRecord:
        """Raises KeyspaceNotFound, and whatever keeps the keyspace from being used."""
        found = self.keyspace(name)
        if found.failure is not None:
            raise found.failure
        return found.record

    async def create(self, name: str, model: Model, kind: DataType | None = None) -> KeyspaceRecord:
        """Hold a keyspace here. Raises KeyspaceExists, InvalidRequest, NotOfThisModel (a strong one), StorageError."""
        check_name(name)
        if model is Model.STRONG:
            raise NotOfThisModel("an edge holds causal and eventual keyspaces; for strong ones use tricord.connect")
        if name in self._keyspaces:
            known = self._keyspaces[name].record
            raise KeyspaceExists(f"keyspace {name!r} exists already: it is {in_words(known.model, known.type)}")
        if len(self._keyspaces) >= KEYSPACES_MAX:
            raise ResourceExhausted(f"an edge holds at most {KEYSPACES_MAX} keyspaces")
        kept = KeptKeyspace(self.state.next_place, name, model.value, type=kind or 0)
        self.state.next_place += 1
        self.state.keyspaces.append(kept)
        self._keyspaces[name] = keyspace = EdgeKeyspace(self._terms, kept)
        await self._save()
        await keyspace.start()
        return keyspace.record

    async def drop(self, name: str) -> KeyspaceRecord:
        """Give up what is here of a keyspace; others keep it. Raises KeyspaceNotFound."""
        keyspace = self.keyspace(name)
        record = keyspace.record
        del self._keyspaces[name]
        self.requests.dropped(record.id)
        await keyspace.remove()
        self.state.keyspaces.remove(keyspace.kept)
        await self._save()
        return record

    def status(self) -> EdgeStatus:
        """Of now."""
        return EdgeStatus(
            bytes.fromhex(self.state.identity),
            self.state.cluster,
            self._connector.endpoint,
            [keyspace.status() for keyspace in self._keyspaces.values()],
        )

    # --- inner ----------------------------------------------------------------------------------------------

    async def _save(self) -> None:
        await self._environment.tasks.in_lane(
            OPENING_LANE, write_state, self._environment.disk, self._directory, self.state
        )

    def _opened(self, before: int, host: ReplicaHost) -> None:
        self.requests.placed(before, host, cluster=self.state.cluster, history=self.state.history)

    def _warn(self, text: str) -> None:
        self.warnings = [*self.warnings[-99:], text]

    def _every_so_often(self) -> None:
        self.requests.expire()
        self._timer = self._environment.tasks.call_later(EXPIRE_SECONDS, self._every_so_often)


def open_edge(
    environment: Environment, directory: str, connector: Connector, *, quota_bytes: int, map_bytes: int
) -> Edge:
    """Take the directory. Blocks on the disk. Raises DataDirectoryInUse, CorruptData, NewerFormat, ConfigurationError,
    OSError."""
    disk = environment.disk
    make_durable_directory(disk, directory)
    lock = disk.lock(f"{directory}/LOCK")
    try:
        state = open_state(disk, directory, environment.random)
    except BaseException:
        lock.close()
        raise
    return Edge(environment, directory, lock, state, connector, quota_bytes=quota_bytes, map_bytes=map_bytes)
