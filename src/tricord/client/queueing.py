# SPDX-License-Identifier: Apache-2.0
"""A place in a queue of keys ``prefix<lease in hex>``, in order of their create revisions: who is first, has it.

Each waits for the one before it alone, so a key that goes wakes one. This is the queue of etcd's own ``concurrency``
package for Go, and of etcd's Lock and Election services.
"""

from __future__ import annotations

import asyncio

from tricord.base.errors import (
    DeadlineExceeded,
    InvalidRequest,
    LeaseLost,
    OutcomeUnknown,
    RevisionCompacted,
    TricordError,
    Unavailable,
)
from tricord.base.operations import KeyValue, Range, SortOrder, SortTarget
from tricord.client.guards import Token
from tricord.client.keys import prefix_range, quoted
from tricord.client.leases import Lease
from tricord.client.recipes import Recipes
from tricord.client.results import RangeReply, range_reply
from tricord.client.steps import Step, create_revision, delete, get, put, txn

PAUSE_SECONDS = 0.5
"""The longest pause before a question is put again that nobody could answer."""


def place_key(prefix: bytes, lease: int) -> bytes:
    """The key of a lease in a queue."""
    return prefix + b"%x" % lease


def first_of(prefix: bytes) -> Step[RangeReply]:
    """Who is first in the queue, if anybody is."""
    return _one_by_creation(prefix, SortOrder.ASCEND)


def place_in(found: RangeReply, prefix: bytes) -> KeyValue | None:
    """The place that was found. Raises InvalidRequest for a key that is none: nobody could tell when it will go."""
    kv = found.kvs[0] if found.kvs else None
    if kv is not None and not kv.lease:
        raise InvalidRequest(
            f"{quoted(kv.key)} has no lease, so it is no place in a queue: keep data out of {quoted(prefix)}"
        )
    return kv


def last_before(prefix: bytes, revision: int) -> Step[RangeReply]:
    """Who came last of those before ``revision``, if anybody did."""
    return _one_by_creation(prefix, SortOrder.DESCEND, max_create_revision=revision - 1)


def _one_by_creation(prefix: bytes, order: SortOrder, max_create_revision: int = 0) -> Step[RangeReply]:
    key, end = prefix_range(prefix)
    request = Range(
        key,
        end,
        limit=1,
        sort_order=order,
        sort_target=SortTarget.CREATE,
        max_create_revision=max_create_revision,
    )
    return Step(request, range_reply)


class QueuePlace:
    """``join``, ``wait_turn``, ``leave``; or ``join_if_empty``. All end with LeaseLost when the lease is lost."""

    def __init__(self, recipes: Recipes, prefix: bytes, lease: Lease, lost: type[LeaseLost]) -> None:
        self._recipes = recipes
        self._prefix = prefix
        self._lease = lease
        self._lost = lost
        self.key = place_key(prefix, lease.id)
        self.revision = 0
        """Of its key's making; 0 until it is known."""

    @property
    def token(self) -> Token:
        """Of this place. Raises what ``lost`` is when the lease is lost."""
        try:
            self._lease.check()
        except LeaseLost as error:
            raise self._lost(str(error)) from None
        return Token(self.key, self.revision)

    async def join(self, value: bytes) -> bool:
        """Make the key; true when nobody is before it. Raises InvalidRequest when the lease has a place already."""
        unknown = False
        while True:
            mine, first = get(self.key), first_of(self._prefix)
            # A step is of one branch: each branch asks who is first for itself.
            first_too = first_of(self._prefix)
            attempt = txn(
                when=[create_revision(self.key) == 0],
                then=[put(self.key, value, lease=self._lease), first],
                otherwise=[mine, first_too],
            )
            try:
                reply = await self._recipes.store.ask(attempt)
            except OutcomeUnknown:
                unknown = True
                await self._pause()
                continue
            if reply.succeeded:
                self.revision = reply.revision
                return self._is_mine(reply.of(first))
            held = reply.of(mine)
            if held is None or not unknown:
                raise InvalidRequest(f"{quoted(self.key)}: this lease has a place in the queue already")
            self.revision = held.create_revision
            return self._is_mine(reply.of(first_too))

    async def join_if_empty(self, value: bytes) -> bool:
        """Make the key if nobody is in the queue; whether it was made."""
        start, end = prefix_range(self._prefix)
        while True:
            mine, first = get(self.key), first_of(self._prefix)
            attempt = txn(
                when=[create_revision(start, range_end=end) == 0],
                then=[put(self.key, value, lease=self._lease)],
                otherwise=[mine, first],
            )
            try:
                reply = await self._recipes.store.ask(attempt)
            except OutcomeUnknown:
                await self._pause()
                continue
            # An attempt whose answer was lost may have made it.
            if reply.succeeded:
                self.revision = reply.revision
            elif self._is_mine(reply.of(first)) and (held := reply.of(mine)) is not None:
                self.revision = held.create_revision
            return self.revision > 0

    async def wait_turn(self) -> None:
        """Until nobody is before it."""
        while True:
            mine, before = get(self.key), last_before(self._prefix, self.revision)
            try:
                reply = await self._recipes.store.ask(txn(then=[mine, before]))
            except (Unavailable, DeadlineExceeded):
                await self._pause()
                continue
            held = reply.of(mine)
            if held is None or held.create_revision != self.revision:
                raise self._lost(f"{quoted(self.key)} was deleted by somebody else")
            predecessor = place_in(reply.of(before), self._prefix)
            if predecessor is None:
                return
            await self._see_gone(predecessor, reply.revision)

    def _is_mine(self, found: RangeReply) -> bool:
        first = place_in(found, self._prefix)
        return first is not None and first.key == self.key

    async def _see_gone(self, before: KeyValue, revision: int) -> None:
        watch = self._recipes.store.watch(before.key, from_revision=revision + 1, puts=False)
        try:
            await watch.take_ready()
        except RevisionCompacted:
            return  # look again
        finally:
            watch.close()

    async def leave(self) -> None:
        """Delete the key, if it is still this place's; never raises. Where nobody can be reached, the lease ends it."""
        conditions = [create_revision(self.key) == self.revision] if self.revision else []
        try:
            async with asyncio.timeout(self._recipes.timeout):
                while True:
                    try:
                        await self._recipes.store.ask(txn(when=conditions, then=[delete(self.key)]))
                        return
                    except OutcomeUnknown:
                        await self._pause()
        except (TimeoutError, TricordError):
            return

    async def _pause(self) -> None:
        random = (await self._recipes.world()).random
        await asyncio.sleep(random.uniform(PAUSE_SECONDS / 4, PAUSE_SECONDS))
