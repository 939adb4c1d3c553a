# SPDX-License-Identifier: Apache-2.0
"""Opens the replica of a keyspace that has its directory here, or is to get one, whatever number it had before."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.dots import PROVISIONAL
from tricord.base.environment import Disk, Environment
from tricord.base.errors import MalformedEncoding, NewerFormat
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.server.replicas.causal_host import CausalHost, prepare_return
from tricord.server.replicas.eventual_host import EventualHost
from tricord.server.replicas.keyspace_replica import ReplicaHost, Surroundings
from tricord.storage.replica_storage import (
    ReplicaStorage,
    open_replica_storage,
    remove_replica_storage,
    renumber_replica_storage,
    replica_directories,
)

OPENING_LANE = "replicas-opening"
"""Verifying a file may take seconds: commits of others do not wait for it."""


async def open_host(
    environment: Environment,
    data_directory: str,
    place: int,
    record: KeyspaceRecord,
    number: int,
    surroundings: Surroundings,
    *,
    cluster: int,
    quota_bytes: int,
    map_size: int,
    fail: Callable[[BaseException], None],
) -> ReplicaHost:
    """A host that is still to be told who belongs, and started. ``place`` names the keyspace's directories here;
    ``number`` is the replica's now, 0: none yet. What stands here under another number comes along.

    Raises CorruptData, NewerFormat, OSError.
    """
    opening = _Opening(environment, data_directory, place, map_size)

    def causal() -> CausalHost:
        storage = opening.causal_storage(number)
        try:
            return CausalHost(
                environment,
                record,
                number,
                storage,
                surroundings,
                cluster=cluster,
                quota_bytes=quota_bytes,
                fail=fail,
            )
        except BaseException:
            storage.close()
            raise

    def eventual() -> EventualHost:
        storage, formers = opening.eventual_storages(number)
        try:
            return EventualHost(
                environment,
                record,
                number,
                storage,
                surroundings,
                cluster=cluster,
                quota_bytes=quota_bytes,
                fail=fail,
                formers=formers,
                adopted=lambda: opening.remove(formers),
            )
        except BaseException:
            for each in (storage, *(former for _, former in formers)):
                each.close()
            raise

    def opened() -> ReplicaHost:
        try:
            return causal() if record.model is Model.CAUSAL else eventual()
        except MalformedEncoding as error:
            # It is what was written: the checksums of damaged tables would have said so.
            raise NewerFormat(f"the tables of keyspace {record.name!r} cannot be read: {error}") from error

    return await environment.tasks.in_lane(OPENING_LANE, opened)


class _Opening:
    """The directories of one keyspace. What blocks runs on the lane."""

    def __init__(self, environment: Environment, data_directory: str, place: int, map_size: int) -> None:
        self._environment = environment
        self._data_directory = data_directory
        self._place = place
        self._map_size = map_size

    def causal_storage(self, number: int) -> ReplicaStorage:
        """There is one directory. A retired replica's gets the new number, and its host takes a state over first."""
        disk = self._environment.disk
        others = [found for found in self._numbers(disk) if found != number]
        for former in others:
            if former != PROVISIONAL:
                storage = self._open(former)
                try:
                    prepare_return(storage, former)
                finally:
                    storage.close()
            renumber_replica_storage(disk, self._data_directory, self._place, former, number)
        return self._open(number)

    def eventual_storages(self, number: int) -> tuple[ReplicaStorage, list[tuple[int, ReplicaStorage]]]:
        """Its own, and those of former numbers that it still has to take writes out of."""
        disk = self._environment.disk
        found = self._numbers(disk)
        if PROVISIONAL in found and number not in found:
            renumber_replica_storage(disk, self._data_directory, self._place, PROVISIONAL, number)
        opened: list[tuple[int, ReplicaStorage]] = []
        try:
            for former in self._numbers(disk):
                if former != number:
                    opened.append((former, self._open(former)))
            return self._open(number), opened
        except BaseException:
            for _, storage in opened:
                storage.close()
            raise

    def remove(self, formers: list[tuple[int, ReplicaStorage]]) -> None:
        """What they had is in the new one, durably. What cannot be removed now is found, and removed, the next time."""

        def in_lane() -> None:
            for former, storage in formers:
                storage.close()
                remove_replica_storage(self._environment.disk, self._data_directory, self._place, former)

        self._environment.tasks.in_lane_then(OPENING_LANE, in_lane, (), lambda _, error: None)

    def _numbers(self, disk: Disk) -> list[int]:
        return [
            found.replica for found in replica_directories(disk, self._data_directory) if found.keyspace == self._place
        ]

    def _open(self, number: int) -> ReplicaStorage:
        return open_replica_storage(
            self._environment.disk, self._data_directory, self._place, number, map_size=self._map_size
        )
