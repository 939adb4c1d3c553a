# SPDX-License-Identifier: Apache-2.0
"""The blocking client: an ``AsyncClient`` on a loop thread of its own, and a mapping from keys to values.

The thread starts when the client is made and ends with ``close``. Many threads may share one client. After a fork the
child makes its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.levels import ReadLevel, Stamp
from tricord.base.operations import KeyValue, Request, Result, SortOrder, SortTarget
from tricord.base.replica_sets import KeyspaceDescribeResult
from tricord.base.values import DataType
from tricord.client import steps
from tricord.client.asynchronous import LINEARIZABLE, AsyncClient
from tricord.client.blocking_coordination import BlockingCoordinationCalls
from tricord.client.blocking_membership import BlockingMembershipCalls
from tricord.client.blocking_values import BlockingValueCalls
from tricord.client.guards import Guard, guarded
from tricord.client.keys import Data
from tricord.client.lease_ids import LeaseArgument
from tricord.client.loop_thread import LoopThread
from tricord.client.pages import PAGE_SIZE
from tricord.client.results import CompactReply, DeleteReply, PutReply, RangeReply
from tricord.client.steps import Condition, Step, TxnReply
from tricord.client.value_steps import AnyStep

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType

R = TypeVar("R")


class Client(BlockingValueCalls, BlockingMembershipCalls, BlockingCoordinationCalls):
    """A store, for code that blocks. The methods are those of ``AsyncClient``, with the same errors.

    It is also a mapping: ``db["k"] = b"v"``, ``db["k"]``, ``del db["k"]``, ``"k" in db``, ``for key in db``.
    """

    def __init__(
        self,
        make: Callable[[], AsyncClient],
        make_loop: Callable[[], AbstractEventLoop],
        thread: LoopThread | None = None,
    ) -> None:
        """``thread`` is another client's, whose connections are used too; it goes on when this is closed."""
        self._owns_thread = thread is None
        self._make_loop = make_loop
        self._thread = thread or LoopThread("tricord-client", make_loop)
        try:
            self._store = self._thread.run(_open, make)
        except BaseException:
            if self._owns_thread:
                self._thread.stop()
            raise
        if self._owns_thread:
            self._thread.last = self._store.close

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections, or the store if it lives here. Calls under way fail. Closing twice is fine."""
        if not self._thread.stopped:
            try:
                self._thread.run(self._store.close)
            finally:
                if self._owns_thread:
                    self._thread.stop()

    # --- keyspaces -----------------------------------------------------------------------------------------

    def keyspace(self, name: str, *, model: str | Model | None = None, type: str | DataType | None = None) -> Client:
        """A client of one keyspace, over this one's connections: close this one last.

        With a ``model`` ("strong", "causal", "eventual") it is made when it is not there yet. A ``type`` ("register",
        "last-writer", "counter", "set", "map") is that of all keys of a causal or eventual one. Raises InvalidRequest
        for a name, model or type that cannot be; and, when it is opened or first used, KeyspaceNotFound where there is
        none, KeyspaceExists where it has another model or type, Unimplemented on etcd.
        """
        return Client(lambda: self._store.keyspace(name, model=model, type=type), self._make_loop, self._thread)

    def create_keyspace(
        self,
        name: str,
        *,
        model: str | Model = Model.STRONG,
        type: str | DataType | None = None,
        timeout: float | None = None,
    ) -> KeyspaceRecord:
        """Make a keyspace; ``type``: of all its keys, as for ``keyspace``. Raises KeyspaceExists, InvalidRequest,
        ResourceExhausted."""
        return self._thread.run(self._store.create_keyspace, name, model=model, type=type, timeout=timeout)

    def drop_keyspace(self, name: str, *, timeout: float | None = None) -> None:
        """Take a keyspace away, and all that it holds. Raises KeyspaceNotFound."""
        self._thread.run(self._store.drop_keyspace, name, timeout=timeout)

    def keyspaces(self, *, at_least: ReadLevel = LINEARIZABLE, timeout: float | None = None) -> list[KeyspaceRecord]:
        """All keyspaces, by id."""
        return self._thread.run(self._store.keyspaces, at_least=at_least, timeout=timeout)

    def describe_keyspace(
        self, name: str, *, at_least: ReadLevel = LINEARIZABLE, timeout: float | None = None
    ) -> KeyspaceDescribeResult:
        """What a keyspace is, and which members and edges hold it. Raises KeyspaceNotFound."""
        return self._thread.run(self._store.describe_keyspace, name, at_least=at_least, timeout=timeout)

    def retire_replica(self, name: str, number: int, *, timeout: float | None = None) -> None:
        """Take a replica out of a causal or eventual keyspace for ever: a lost edge, say. What it has not sent is lost,
        unless it comes back. Raises KeyspaceNotFound, InvalidRequest where it never was one."""
        self._thread.run(self._store.retire_replica, name, number, timeout=timeout)

    def session(self, token: str = "") -> Client:
        """A client with a session of its own, over this one's connections: its sequential reads see what it has seen.

        ``token`` is another's, to go on from there: of another client, process or member. Close this client last.
        Raises InvalidToken.
        """
        return Client(lambda: self._store.session(token), self._make_loop, self._thread)

    @property
    def token(self) -> str:
        """What this client has seen: see ``AsyncClient.token``."""
        return self._store.token

    # --- single keys ---------------------------------------------------------------------------------------

    def put(
        self,
        key: Data,
        value: Data,
        *,
        lease: LeaseArgument = 0,
        previous: bool = False,
        ignore_value: bool = False,
        ignore_lease: bool = False,
        guarded_by: Guard | None = None,
        timeout: float | None = None,
    ) -> PutReply:
        """Write a key. ``previous`` asks for what it held; ``ignore_value`` and ``ignore_lease`` keep that part.

        ``guarded_by`` a lock that is held: else raises GuardFailed and writes nothing. So in all calls that have it.
        """
        step = steps.put(
            key, value, lease=lease, previous=previous, ignore_value=ignore_value, ignore_lease=ignore_lease
        )
        return self._write(step, guarded_by, timeout)

    def get(
        self, key: Data, *, revision: int = 0, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> KeyValue | None:
        """The key now, or at a past ``revision`` that is not compacted; None when it is not there."""
        return self.ask(steps.get(key, revision=revision), at_least=at_least, timeout=timeout)

    def delete(
        self, key: Data, *, previous: bool = False, guarded_by: Guard | None = None, timeout: float | None = None
    ) -> DeleteReply:
        """Delete a key. The reply is true when it was there."""
        return self._write(steps.delete(key, previous=previous), guarded_by, timeout)

    # --- many keys -----------------------------------------------------------------------------------------

    def range(
        self,
        start: Data,
        end: Data | None = None,
        *,
        limit: int = 0,
        revision: int = 0,
        sort_by: SortTarget = SortTarget.KEY,
        order: SortOrder = SortOrder.NONE,
        keys_only: bool = False,
        at_least: ReadLevel | None = None,
        timeout: float | None = None,
    ) -> RangeReply:
        """The keys from ``start`` to before ``end`` (None: to the last), in one answer; see ``scan`` for many."""
        step = steps.get_range(
            start, end, limit=limit, revision=revision, sort_by=sort_by, order=order, keys_only=keys_only
        )
        return self.ask(step, at_least=at_least, timeout=timeout)

    def prefix(
        self,
        prefix: Data,
        *,
        limit: int = 0,
        revision: int = 0,
        sort_by: SortTarget = SortTarget.KEY,
        order: SortOrder = SortOrder.NONE,
        keys_only: bool = False,
        at_least: ReadLevel | None = None,
        timeout: float | None = None,
    ) -> RangeReply:
        """The keys that begin with ``prefix``, in one answer; see ``scan`` for many."""
        step = steps.get_prefix(
            prefix, limit=limit, revision=revision, sort_by=sort_by, order=order, keys_only=keys_only
        )
        return self.ask(step, at_least=at_least, timeout=timeout)

    def scan(
        self,
        prefix: Data = b"",
        *,
        start: Data | None = None,
        end: Data | None = None,
        page_size: int = PAGE_SIZE,
        revision: int = 0,
        keys_only: bool = False,
        at_least: ReadLevel | None = None,
        timeout: float | None = None,
    ) -> Iterator[KeyValue]:
        """Iterate over the keys of a prefix, or from ``start`` to before ``end``, in pages, all at one revision (of a
        causal or eventual keyspace, which has none: each as it is then).

        ``timeout`` is for each page. Raises RevisionCompacted when that revision is compacted meanwhile.
        """
        pages = self._thread.run(
            self._store._pages, prefix, start, end, page_size=page_size, revision=revision, keys_only=keys_only
        )
        while (step := pages.next_page()) is not None:
            page = self.ask(step, at_least=at_least, timeout=timeout)
            pages.feed(page)
            yield from page.kvs

    def count(
        self,
        prefix: Data = b"",
        *,
        revision: int = 0,
        at_least: ReadLevel | None = None,
        timeout: float | None = None,
    ) -> int:
        """How many keys begin with ``prefix``."""
        return self.ask(steps.count(prefix, revision=revision), at_least=at_least, timeout=timeout)

    def delete_prefix(
        self, prefix: Data, *, previous: bool = False, guarded_by: Guard | None = None, timeout: float | None = None
    ) -> DeleteReply:
        """Delete the keys that begin with ``prefix`` (all keys when it is empty), as one revision."""
        return self._write(steps.delete_prefix(prefix, previous=previous), guarded_by, timeout)

    def delete_range(
        self,
        start: Data,
        end: Data | None = None,
        *,
        previous: bool = False,
        guarded_by: Guard | None = None,
        timeout: float | None = None,
    ) -> DeleteReply:
        """Delete the keys from ``start`` to before ``end`` (None: to the last), as one revision."""
        return self._write(steps.delete_range(start, end, previous=previous), guarded_by, timeout)

    # --- the rest ------------------------------------------------------------------------------------------

    def txn(
        self,
        when: Sequence[Condition] = (),
        then: Sequence[Step[Any]] = (),
        otherwise: Sequence[Step[Any]] = (),
        *,
        at_least: ReadLevel | None = None,
        guarded_by: Guard | None = None,
        timeout: float | None = None,
    ) -> TxnReply:
        """If all of ``when`` hold then ``then``, else ``otherwise``, as one revision. The words: ``tricord.txn``."""
        step = steps.txn(when, then, otherwise)
        if guarded_by is not None:
            step = guarded(step, guarded_by)
        return self.ask(step, at_least=at_least, timeout=timeout)

    def compact(self, revision: int, *, physical: bool = False, timeout: float | None = None) -> CompactReply:
        """Forget what was superseded at or before ``revision``; ``physical`` waits until the space is free for use."""
        return self._thread.run(self._store.compact, revision, physical=physical, timeout=timeout)

    def _write(self, step: Step[R], guard: Guard | None, timeout: float | None) -> R:
        return self.ask(step if guard is None else guarded(step, guard), timeout=timeout)

    def ask(self, step: AnyStep[R], *, at_least: ReadLevel | None = None, timeout: float | None = None) -> R:
        """Carry out one step of ``tricord.txn``, or one on typed values, on its own."""
        return self._thread.run(self._store.ask, step, at_least=at_least, timeout=timeout)

    def call(
        self, request: Request, *, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> tuple[Result, Stamp]:
        """Carry out a request as ``base.operations`` has it: every option, nothing dressed."""
        return self._thread.run(self._store.call, request, at_least=at_least, timeout=timeout)

    # --- a mapping from keys to values ---------------------------------------------------------------------

    def __getitem__(self, key: Data) -> bytes:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found.value

    def __setitem__(self, key: Data, value: Data) -> None:
        self.put(key, value)

    def __delitem__(self, key: Data) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key: Data) -> bool:
        return self.ask(steps.has(key))

    def __iter__(self) -> Iterator[bytes]:
        return (kv.key for kv in self.scan(keys_only=True))


async def _open(make: Callable[[], AsyncClient]) -> AsyncClient:
    return await make()
