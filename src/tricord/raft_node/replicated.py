# SPDX-License-Identifier: Apache-2.0
"""A class of one's own, replicated: its methods are called through the log, on every node in the same order.

class Counter:
    value: int = 0
    def add(self, amount: int) -> int: ...

with Replicated(Counter(), NodeConfig("a", NODES), "data-a") as counter:
    counter.call(Counter.add, 5)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from tricord.raft_node.blocking import BlockingNode
from tricord.raft_node.config import NodeConfig
from tricord.raft_node.object_machine import ObjectMachine, Raised
from tricord.raft_node.stores import Stores
from tricord.raft_node.transport import Transport

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Replicated(Generic[T]):
    """One node's copy of the object. Blocking; any number of threads may call it. See ``ObjectMachine`` for what the
    class may do."""

    def __init__(
        self,
        target: T,
        config: NodeConfig,
        directory: str | None = None,
        *,
        stores: Stores | None = None,
        transport: Transport | None = None,
    ) -> None:
        """``target`` as it is at the very beginning, the same on every node. The rest as for ``Node``."""
        self._machine = ObjectMachine(target)
        self.node = BlockingNode(config, self._machine, directory, stores=stores, transport=transport)
        """For everything else: members, snapshots, statistics."""

    def call(self, method: Callable[Concatenate[T, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``method``, a public one of the class, on every node; the answer of the one here.

        Raises what the method raises, else what ``Node.apply`` does.
        """
        answer: Any = self.node.apply(self._machine.encode(method.__name__, args, kwargs))
        if isinstance(answer, Raised):
            raise answer.error
        result: R = answer
        return result

    def read(self, look: Callable[[T], R]) -> R:
        """``look(object)`` once everything that was acknowledged anywhere before is applied here.

        It must not change the object, nor return parts of it that change. Raises what ``Node.barrier`` does.
        """
        self.node.barrier()
        return self.read_local(look)

    def read_local(self, look: Callable[[T], R]) -> R:
        """``look(object)`` at the object as it is here: it may lag behind."""
        return self.node.call(lambda: look(self._machine.target))

    def __enter__(self) -> Replicated[T]:
        self.node.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.shutdown()
