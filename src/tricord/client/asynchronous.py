# SPDX-License-Identifier: Apache-2.0
"""The async client: names and types for what a caller carries.

What each call asks and how its answer reads is in ``steps``; here is who asks, how long, and who is told. asyncio is
imported where it is used: whoever imports a client has not yet decided to use it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tricord.base.errors import Cancelled, OutcomeUnknown, TricordError
from tricord.base.levels import Level, ReadLevel, Stamp, check_level
from tricord.base.operations import Compact, KeyValue, Request, Result, SortOrder, SortTarget, is_read
from tricord.base.token import Token
from tricord.base.trace import Completed, Invoked, Tracer
from tricord.client import steps
from tricord.client.backups import BackupCalls
from tricord.client.caller import Caller, Opener
from tricord.client.coordination import CoordinationCalls
from tricord.client.guards import Guard, guarded
from tricord.client.keys import Data, prefix_range, span
from tricord.client.keyspaces import KeyspaceCalls
from tricord.client.lease_ids import LeaseArgument
from tricord.client.membership import MembershipCalls
from tricord.client.pages import PAGE_SIZE, Pages
from tricord.client.recipes import Recipes
from tricord.client.results import CompactReply, DeleteReply, PutReply, RangeReply
from tricord.client.steps import Condition, Step, TxnReply
from tricord.client.value_steps import AnyStep
from tricord.client.values import ValueCalls

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

R = TypeVar("R")

LINEARIZABLE = Level.LINEARIZABLE


class AsyncClient(ValueCalls, KeyspaceCalls, MembershipCalls, CoordinationCalls, BackupCalls):
    """A store. Use it as ``async with`` or ``await`` it; either opens it, as does the first call. One loop per client.

    Keys and values are str (sent as UTF-8) or bytes; what comes back is bytes. ``timeout`` is in seconds (None: the
    client's own). ``at_least`` is the weakest level that a read accepts; it is never lowered. None: what the keyspace's
    model promises, which is linearizable in a strong one.

    Every method raises TricordError. Of a write, OutcomeUnknown alone says that it may have happened.
    """

    def __init__(self, opener: Opener, *, timeout: float = 5.0, observer: Tracer | None = None) -> None:
        self._opener: Opener = opener
        self._timeout = timeout
        self._observer = observer
        self._caller: Caller | None = None
        self._opening: asyncio.Task[Caller] | None = None
        self._closed = False
        self._begun: Token | None = None
        self._calls = 0
        self._recipes = Recipes(self, timeout)

    # --- opening and closing -------------------------------------------------------------------------------

    async def __aenter__(self) -> AsyncClient:
        await self._open()
        return self

    def __await__(self) -> Generator[Any, None, AsyncClient]:
        return self.__aenter__().__await__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back connections, or the store if it lives here. Calls under way fail. Closing twice is fine."""
        import asyncio

        await self._recipes.end()
        self._closed = True
        opening = self._opening
        if opening is not None:
            await asyncio.wait((opening,))
            if not opening.cancelled() and opening.exception() is None:
                self._caller = opening.result()
        caller, self._caller = self._caller, None
        if caller is not None:
            await caller.close()

    async def _open(self) -> Caller:
        if self._closed:
            raise Cancelled("the client was closed")
        if self._caller is None:
            import asyncio

            if self._opening is None:
                self._opening = asyncio.ensure_future(self._opener())
            opening = self._opening
            try:
                caller = await asyncio.shield(opening)
            finally:
                if opening.done() and self._opening is opening:
                    self._opening = None
            if self._closed:
                raise Cancelled("the client was closed")
            self._caller = caller
        return self._caller

    def _bound(self, opener: Opener) -> AsyncClient:
        return AsyncClient(opener, timeout=self._timeout, observer=self._observer)

    def session(self, token: str = "") -> AsyncClient:
        """A client with a session of its own, over this one's connections: its sequential reads see what it has seen.

        ``token`` is another's, to go on from there: of another client, process or member. Close this client last.
        Raises InvalidToken.
        """
        begun = Token.from_text(token) if token else None

        async def opener() -> Caller:
            return (self._caller or await self._open()).session(begun)

        client = self._bound(opener)
        client._begun = begun
        return client

    @property
    def token(self) -> str:
        """What this client has seen, to be carried on: to another client's ``session``, or in header ``tricord-token``.

        Empty where no answer said it. Over a network answers do from the first ``session``, or sequential read, on.
        """
        token = self._begun if self._caller is None else self._caller.token
        return "" if token is None else token.text()

    # --- single keys ---------------------------------------------------------------------------------------

    async def put(
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
        return await self._write(step, guarded_by, timeout)

    async def get(
        self, key: Data, *, revision: int = 0, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> KeyValue | None:
        """The key now, or at a past ``revision`` that is not compacted; None when it is not there."""
        return await self.ask(steps.get(key, revision=revision), at_least=at_least, timeout=timeout)

    async def delete(
        self, key: Data, *, previous: bool = False, guarded_by: Guard | None = None, timeout: float | None = None
    ) -> DeleteReply:
        """Delete a key. The reply is true when it was there."""
        return await self._write(steps.delete(key, previous=previous), guarded_by, timeout)

    # --- many keys -----------------------------------------------------------------------------------------

    async def range(
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
        return await self.ask(step, at_least=at_least, timeout=timeout)

    async def prefix(
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
        return await self.ask(step, at_least=at_least, timeout=timeout)

    async def scan(
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
    ) -> AsyncIterator[KeyValue]:
        """Iterate over the keys of a prefix, or from ``start`` to before ``end``, in pages, all at one revision (of a
        causal or eventual keyspace, which has none: each as it is then).

        ``timeout`` is for each page. Raises RevisionCompacted when that revision is compacted meanwhile.
        """
        pages = await self._pages(prefix, start, end, page_size=page_size, revision=revision, keys_only=keys_only)
        while (step := pages.next_page()) is not None:
            page = await self.ask(step, at_least=at_least, timeout=timeout)
            pages.feed(page)
            for kv in page.kvs:
                yield kv

    async def _pages(
        self,
        prefix: Data,
        start: Data | None,
        end: Data | None,
        *,
        page_size: int,
        revision: int,
        keys_only: bool,
    ) -> Pages:
        """The pages of a scan. Raises ValueError when both a prefix and bounds are given."""
        if start is None and end is None:
            bounds = prefix_range(prefix)
        elif prefix:
            raise ValueError("give either a prefix, or start and end")
        else:
            bounds = span(start or b"", end)
        caller = self._caller or await self._open()
        pinned = caller.own_level is LINEARIZABLE
        return Pages(*bounds, page_size=page_size, revision=revision, keys_only=keys_only, pinned=pinned)

    async def count(
        self,
        prefix: Data = b"",
        *,
        revision: int = 0,
        at_least: ReadLevel | None = None,
        timeout: float | None = None,
    ) -> int:
        """How many keys begin with ``prefix``."""
        return await self.ask(steps.count(prefix, revision=revision), at_least=at_least, timeout=timeout)

    async def delete_prefix(
        self, prefix: Data, *, previous: bool = False, guarded_by: Guard | None = None, timeout: float | None = None
    ) -> DeleteReply:
        """Delete the keys that begin with ``prefix`` (all keys when it is empty), as one revision."""
        return await self._write(steps.delete_prefix(prefix, previous=previous), guarded_by, timeout)

    async def delete_range(
        self,
        start: Data,
        end: Data | None = None,
        *,
        previous: bool = False,
        guarded_by: Guard | None = None,
        timeout: float | None = None,
    ) -> DeleteReply:
        """Delete the keys from ``start`` to before ``end`` (None: to the last), as one revision."""
        return await self._write(steps.delete_range(start, end, previous=previous), guarded_by, timeout)

    # --- the rest ------------------------------------------------------------------------------------------

    async def txn(
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
        return await self.ask(step, at_least=at_least, timeout=timeout)

    async def compact(self, revision: int, *, physical: bool = False, timeout: float | None = None) -> CompactReply:
        """Forget what was superseded at or before ``revision``; ``physical`` waits until the space is free for use."""
        _, stamp = await self.call(Compact(revision, physical), timeout=timeout)
        return CompactReply(stamp.revision, stamp)

    async def _write(self, step: Step[R], guard: Guard | None, timeout: float | None) -> R:
        return await self.ask(step if guard is None else guarded(step, guard), timeout=timeout)

    async def ask(self, step: AnyStep[R], *, at_least: ReadLevel | None = None, timeout: float | None = None) -> R:
        """Carry out one step of ``tricord.txn``, or one on typed values, on its own."""
        caller = self._caller
        if caller is not None and self._observer is None:
            level = caller.own_level if at_least is None else check_level(at_least)
            answer = None if level is LINEARIZABLE else caller.call_now(step.operation, level)
            if answer is not None:
                return step.read(*answer)  # type: ignore[arg-type]  # as below
        result, stamp = await self.call(step.operation, at_least=at_least, timeout=timeout)
        return step.read(result, stamp)  # type: ignore[arg-type]  # a step's operation is never a compaction

    async def call(
        self, request: Request, *, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> tuple[Result, Stamp]:
        """Carry out a request as ``base.operations`` has it: every option, nothing dressed."""
        caller = self._caller or await self._open()
        if timeout is None:
            timeout = self._timeout
        level = caller.own_level if at_least is None else check_level(at_least)
        if self._observer is None:
            return await caller.call(request, level, timeout)
        return await self._observed(caller, request, level, timeout, self._observer)

    async def _observed(
        self, caller: Caller, request: Request, level: ReadLevel, timeout: float, observer: Tracer
    ) -> tuple[Result, Stamp]:
        self._calls = number = self._calls + 1
        operation = type(request).__name__
        observer(Invoked(number, operation, request))
        try:
            result, stamp = await caller.call(request, level, timeout)
        except TricordError as error:
            status = "unknown" if isinstance(error, OutcomeUnknown) else "fail"
            observer(Completed(number, operation, status, error.code))
            raise
        except BaseException as error:
            # Cancelled half-way, or a fault of ours: only a read is sure to have changed nothing.
            observer(Completed(number, operation, "fail" if is_read(request) else "unknown", type(error).__name__))
            raise
        observer(Completed(number, operation, "ok", "", result, stamp))
        return result, stamp
