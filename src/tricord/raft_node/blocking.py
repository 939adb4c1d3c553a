# SPDX-License-Identifier: Apache-2.0
"""The same node for callers that block: it runs on a loop thread of its own, and any number of threads may call it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from tricord.base.errors import InvalidRequest, Stopping
from tricord.base.log import Entry
from tricord.base.membership import Change
from tricord.base.trace import Tracer
from tricord.raft import Role
from tricord.raft_node.config import NodeConfig
from tricord.raft_node.members import Member
from tricord.raft_node.node import Node, NodeStats
from tricord.raft_node.observers import Observation
from tricord.raft_node.outcomes import Outcome
from tricord.raft_node.state_machine import StateMachine
from tricord.raft_node.stores import Stores
from tricord.raft_node.transport import Transport
from tricord.runtime import new_event_loop

T = TypeVar("T")


class BlockingNode:
    """As ``Node``, whose calls these are. The state machine and observers are called on the node's thread."""

    def __init__(
        self,
        config: NodeConfig,
        machine: StateMachine,
        directory: str | None = None,
        *,
        stores: Stores | None = None,
        transport: Transport | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._node = Node(config, machine, directory, stores=stores, transport=transport, tracer=tracer)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # --- life ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """See ``Node.start``."""
        loop = new_event_loop()
        thread = threading.Thread(target=_work, args=(loop,), name="tricord-raft-node", daemon=True)
        with self._lock:
            assert self._thread is None, "a node is started once"
            self._loop, self._thread = loop, thread
        thread.start()
        try:
            self._run(self._node.start())
        except BaseException:
            self._end_thread()
            raise

    def shutdown(self) -> None:
        """See ``Node.shutdown``; ends the thread."""
        if self._thread is None:
            return
        try:
            self._run(self._node.shutdown())
        except Stopping:
            return
        self._end_thread()

    def __enter__(self) -> BlockingNode:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    # --- commands --------------------------------------------------------------------------------------------

    def apply(self, data: bytes | bytearray | memoryview, timeout: float | None = None) -> Any:
        """See ``Node.apply``."""
        return self._run(self._node.apply(data, timeout))

    def submit(self, data: bytes | bytearray | memoryview, timeout: float | None = None) -> Outcome:
        """See ``Node.submit``; waits for the outcome."""

        async def wait() -> Outcome:
            return await self._node.submit(data, timeout)

        return self._run(wait())

    def barrier(self, timeout: float | None = None) -> int:
        """See ``Node.barrier``."""
        return self._run(self._node.barrier(timeout))

    def verify_leader(self, timeout: float | None = None) -> None:
        """See ``Node.verify_leader``."""
        self._run(self._node.verify_leader(timeout))

    # --- members ---------------------------------------------------------------------------------------------

    def bootstrap(self, voters: Mapping[str, str] | Sequence[str]) -> None:
        """See ``Node.bootstrap``."""
        self._run(self._node.bootstrap(voters))

    def add_voter(
        self, name: str, address: str = "", *, joint: bool = True, timeout: float | None = None
    ) -> list[Member]:
        """See ``Node.add_voter``."""
        return self._run(self._node.add_voter(name, address, joint=joint, timeout=timeout))

    def add_learner(
        self, name: str, address: str = "", *, joint: bool = True, timeout: float | None = None
    ) -> list[Member]:
        """See ``Node.add_learner``."""
        return self._run(self._node.add_learner(name, address, joint=joint, timeout=timeout))

    def promote(self, name: str, *, joint: bool = True, timeout: float | None = None) -> list[Member]:
        """See ``Node.promote``."""
        return self._run(self._node.promote(name, joint=joint, timeout=timeout))

    def demote(self, name: str, *, joint: bool = True, timeout: float | None = None) -> list[Member]:
        """See ``Node.demote``."""
        return self._run(self._node.demote(name, joint=joint, timeout=timeout))

    def remove(self, name: str, *, joint: bool = True, timeout: float | None = None) -> list[Member]:
        """See ``Node.remove``."""
        return self._run(self._node.remove(name, joint=joint, timeout=timeout))

    def move(self, name: str, address: str, *, timeout: float | None = None) -> list[Member]:
        """See ``Node.move``."""
        return self._run(self._node.move(name, address, timeout=timeout))

    def change(self, changes: list[Change], *, joint: bool = True, timeout: float | None = None) -> list[Member]:
        """See ``Node.change``."""
        return self._run(self._node.change(changes, joint=joint, timeout=timeout))

    def transfer_leadership(self, target: str = "", *, timeout: float | None = None) -> str:
        """See ``Node.transfer_leadership``."""
        return self._run(self._node.transfer_leadership(target, timeout=timeout))

    @property
    def members(self) -> list[Member]:
        """See ``Node.members``."""
        return self._node.members

    # --- what this node holds --------------------------------------------------------------------------------

    def snapshot(self) -> int:
        """See ``Node.snapshot``."""
        return self._run(self._node.snapshot())

    def last_index(self) -> int:
        """See ``Node.last_index``."""
        return self._node.last_index()

    def get_log(self, index: int) -> Entry:
        """See ``Node.get_log``."""
        return self._node.get_log(index)

    @property
    def state(self) -> Role:
        """See ``Node.state``."""
        return self._node.state

    @property
    def failure(self) -> BaseException | None:
        """See ``Node.failure``."""
        return self._node.failure

    @property
    def leader(self) -> str:
        """See ``Node.leader``."""
        return self._node.leader

    @property
    def stats(self) -> NodeStats:
        """See ``Node.stats``."""
        return self._node.stats

    def observe(self, function: Callable[[Observation], object]) -> Callable[[], None]:
        """See ``Node.observe``."""
        return self._node.observe(function)

    def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` on the node's thread, between two batches of the state machine: a consistent look at it."""

        async def run() -> T:
            return function()

        return self._run(run())

    # --- within ----------------------------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._thread is threading.current_thread():
            work.close()
            raise InvalidRequest("a blocking call on the node's own thread would wait for itself")
        with self._lock:
            loop = self._loop
            if loop is None or loop.is_closed():
                work.close()
                raise Stopping("the node is not running")
            future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _end_thread(self) -> None:
        with self._lock:
            loop, thread = self._loop, self._thread
            if loop is None or thread is None or loop.is_closed():
                return
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def _work(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped. What came in behind the shutdown is cancelled rather than left to wait."""

    async def cancel_rest() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        loop.run_forever()
        loop.run_until_complete(cancel_rest())
    finally:
        loop.close()
