# SPDX-License-Identifier: Apache-2.0
"""A dictionary that several nodes share: writes go through the log, reads see every write acknowledged before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from copy import deepcopy
from typing import Any

from tricord.base.errors import InvalidRequest
from tricord.raft_node.config import NodeConfig
from tricord.raft_node.replicated import Replicated
from tricord.raft_node.stores import Stores
from tricord.raft_node.transport import Transport

_MISSING: Any = object()


class _Table:
    """What is replicated."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}

    def put(self, items: dict[str, Any]) -> None:
        self.items.update(items)

    def delete(self, key: str) -> None:
        del self.items[key]

    def pop(self, key: str) -> Any:
        return self.items.pop(key)

    def popitem(self) -> tuple[str, Any]:
        return self.items.popitem()

    def setdefault(self, key: str, value: Any) -> Any:
        return deepcopy(self.items.setdefault(key, value))

    def clear(self) -> None:
        self.items.clear()


class ReplicatedDict(MutableMapping[str, Any]):
    """A mapping from texts to plain values: what MessagePack holds. Blocking; any number of threads may use it.

    Each method is one step on all nodes: ``setdefault``, ``pop``, ``popitem``, ``update`` and ``clear`` are atomic.
    What is read is a copy. Raises what ``Node.apply`` and ``Node.barrier`` do, and InvalidRequest for what cannot be
    sent.
    """

    def __init__(
        self,
        config: NodeConfig,
        directory: str | None = None,
        *,
        stores: Stores | None = None,
        transport: Transport | None = None,
    ) -> None:
        """See ``Node``."""
        self._shared = Replicated(_Table(), config, directory, stores=stores, transport=transport)
        self.node = self._shared.node
        """For everything else: members, snapshots, statistics."""

    def __enter__(self) -> ReplicatedDict:
        self.node.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.shutdown()

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        self._shared.call(_Table.delete, key)

    def __getitem__(self, key: str) -> Any:
        return self._shared.read(lambda table: deepcopy(table.items[key]))

    def __contains__(self, key: object) -> bool:
        return self._shared.read(lambda table: key in table.items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shared.read(lambda table: list(table.items)))

    def __len__(self) -> int:
        return self._shared.read(lambda table: len(table.items))

    def update(self, items: Any = (), /, **named: Any) -> None:
        new = {**dict(items), **named}
        if not all(isinstance(key, str) for key in new):
            raise InvalidRequest("the keys of a replicated dictionary are texts")
        self._shared.call(_Table.put, new)

    def pop(self, key: str, default: Any = _MISSING) -> Any:
        try:
            return self._shared.call(_Table.pop, key)
        except KeyError:
            if default is _MISSING:
                raise
            return default

    def popitem(self) -> tuple[str, Any]:
        return self._shared.call(_Table.popitem)

    def setdefault(self, key: str, default: Any = None) -> Any:
        return self._shared.call(_Table.setdefault, key, default)

    def clear(self) -> None:
        self._shared.call(_Table.clear)

    def copy(self) -> dict[str, Any]:
        """All of it, as it was at one moment."""
        return self._shared.read(lambda table: deepcopy(table.items))

    def local(self) -> Mapping[str, Any]:
        """The same, as this node knows it: it may lag behind, and needs nobody else."""
        return self._shared.read_local(lambda table: deepcopy(table.items))
