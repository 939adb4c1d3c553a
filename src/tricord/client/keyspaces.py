# SPDX-License-Identifier: Apache-2.0
"""Keyspaces as the client knows them: the catalogue, and clients of one keyspace. etcd has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.base.errors import KeyspaceExists, KeyspaceNotFound
from tricord.base.keyspaces import (
    KeyspaceCreate,
    KeyspaceCreateResult,
    KeyspaceDrop,
    KeyspaceList,
    KeyspaceListResult,
    KeyspaceRecord,
    Model,
    check_name,
    check_type_of,
    in_words,
    model_of,
)
from tricord.base.levels import Level, ReadLevel
from tricord.base.replica_sets import KeyspaceDescribe, KeyspaceDescribeResult, ReplicaRetire
from tricord.base.values import DataType, type_of
from tricord.client.caller import Caller, Opener

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient


class KeyspaceCalls:
    """The part of ``AsyncClient`` that knows keyspaces. Raises Unimplemented on etcd."""

    _timeout: float
    _caller: Caller | None

    async def _open(self) -> Caller:
        raise NotImplementedError

    def keyspace(
        self, name: str, *, model: str | Model | None = None, type: str | DataType | None = None
    ) -> AsyncClient:
        """A client of one keyspace, over this one's connections: close this one last.

        With a ``model`` ("strong", "causal", "eventual") it is made when it is not there yet. A ``type`` ("register",
        "last-writer", "counter", "set", "map") is that of all keys of a causal or eventual one. Raises InvalidRequest
        for a name, model or type that cannot be; and, when it is opened or first used, KeyspaceNotFound where there is
        none, KeyspaceExists where it has another model or type, Unimplemented on etcd.
        """
        check_name(name)
        wanted = None if model is None else model_of(model)
        kind = None if type is None else type_of(type)
        if wanted is not None:
            check_type_of(wanted, kind)
        return self._bound(lambda: self._enter(name, wanted, kind))

    async def create_keyspace(
        self,
        name: str,
        *,
        model: str | Model = Model.STRONG,
        type: str | DataType | None = None,
        timeout: float | None = None,
    ) -> KeyspaceRecord:
        """Make a keyspace; ``type``: of all its keys, as for ``keyspace``. Raises KeyspaceExists, InvalidRequest,
        ResourceExhausted."""
        request = KeyspaceCreate(name, model_of(model), None if type is None else type_of(type))
        return await self._create(await self._open(), request, timeout)

    async def drop_keyspace(self, name: str, *, timeout: float | None = None) -> None:
        """Take a keyspace away, and all that it holds. Raises KeyspaceNotFound."""
        caller = self._caller or await self._open()
        await caller.call(KeyspaceDrop(name), Level.LINEARIZABLE, self._patience(timeout))

    async def keyspaces(
        self, *, at_least: ReadLevel = Level.LINEARIZABLE, timeout: float | None = None
    ) -> list[KeyspaceRecord]:
        """All keyspaces, by id."""
        return await self._list(self._caller or await self._open(), at_least, timeout)

    async def describe_keyspace(
        self, name: str, *, at_least: ReadLevel = Level.LINEARIZABLE, timeout: float | None = None
    ) -> KeyspaceDescribeResult:
        """What a keyspace is, and which members and edges hold it. Raises KeyspaceNotFound."""
        caller = self._caller or await self._open()
        result, _ = await caller.call(KeyspaceDescribe(name), at_least, self._patience(timeout))
        assert isinstance(result, KeyspaceDescribeResult)
        return result

    async def retire_replica(self, name: str, number: int, *, timeout: float | None = None) -> None:
        """Take a replica out of a causal or eventual keyspace for ever: a lost edge, say. What it has not sent is lost,
        unless it comes back. Raises KeyspaceNotFound, InvalidRequest where it never was one."""
        described = await self.describe_keyspace(name, timeout=timeout)
        caller = self._caller or await self._open()
        retire = ReplicaRetire(described.record.id, number)
        await caller.call(retire, Level.LINEARIZABLE, self._patience(timeout))

    def _bound(self, opener: Opener) -> AsyncClient:
        raise NotImplementedError

    async def _enter(self, name: str, wanted: Model | None, kind: DataType | None) -> Caller:
        caller = self._caller or await self._open()
        found = {record.name: record for record in await self._list(caller, Level.LINEARIZABLE, None)}.get(name)
        if found is None and wanted is None:
            raise KeyspaceNotFound(f"no keyspace is called {name!r}")
        if found is None and wanted is not None:
            try:
                found = await self._create(caller, KeyspaceCreate(name, wanted, kind), None)
            except KeyspaceExists:  # somebody else made it meanwhile
                return await self._enter(name, wanted, kind)
        if found is not None and (wanted not in (None, found.model) or kind not in (None, found.type)):
            raise KeyspaceExists(f"keyspace {name!r} exists already: it is {in_words(found.model, found.type)}")
        assert found is not None
        return caller.within(found)

    async def _create(self, caller: Caller, request: KeyspaceCreate, timeout: float | None) -> KeyspaceRecord:
        result, _ = await caller.call(request, Level.LINEARIZABLE, self._patience(timeout))
        assert isinstance(result, KeyspaceCreateResult)
        return result.record

    async def _list(self, caller: Caller, level: ReadLevel, timeout: float | None) -> list[KeyspaceRecord]:
        result, _ = await caller.call(KeyspaceList(), level, self._patience(timeout))
        assert isinstance(result, KeyspaceListResult)
        return result.records

    def _patience(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else timeout
