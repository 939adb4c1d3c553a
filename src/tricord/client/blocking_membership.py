# SPDX-License-Identifier: Apache-2.0
"""``membership`` for code that blocks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tricord.base.levels import Level, ReadLevel
from tricord.base.members import MemberRecord, MemberStatus
from tricord.client.changes import EndpointStatus

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient
    from tricord.client.loop_thread import LoopThread


class BlockingMembershipCalls:
    """The part of ``Client`` that asks about members and changes them: see ``MembershipCalls``."""

    _thread: LoopThread
    _store: AsyncClient

    def status(self, *, timeout: float | None = None) -> MemberStatus:
        """What the member that answers knows of itself."""
        return self._thread.run(self._store.status, timeout=timeout)

    def status_of_each(self, *, everyone: bool = False, timeout: float | None = None) -> list[EndpointStatus]:
        """What each endpoint says of its member, all asked at once; with ``everyone``, each member that the cluster
        lists. One that does not answer has an error in its place."""
        return self._thread.run(self._store.status_of_each, everyone=everyone, timeout=timeout)

    def members(self, *, at_least: ReadLevel = Level.LINEARIZABLE, timeout: float | None = None) -> list[MemberRecord]:
        """The members of the cluster, as a majority knows them; with ``at_least=Level.ANY`` as the member that answers
        does, which needs no majority."""
        return self._thread.run(self._store.members, at_least=at_least, timeout=timeout)

    def server_version(self, *, timeout: float | None = None) -> str:
        """tricord's version on the member that answers; empty when that is an etcd."""
        return self._thread.run(self._store.server_version, timeout=timeout)

    def add_member(
        self, peer_urls: str | Sequence[str], *, learner: bool = False, timeout: float | None = None
    ) -> MemberRecord:
        """Let a new member in, by the addresses at which its peers will reach it; then start it. A learner has no vote
        until it is promoted."""
        return self._thread.run(self._store.add_member, peer_urls, learner=learner, timeout=timeout)

    def remove_member(self, member: int, *, timeout: float | None = None) -> None:
        """Let a member go, for good: it cannot come back under this id."""
        self._thread.run(self._store.remove_member, member, timeout=timeout)

    def promote_member(self, member: int, *, timeout: float | None = None) -> None:
        """Give a learner a vote. Reason ``learner_behind``: it has not caught up yet; try again."""
        self._thread.run(self._store.promote_member, member, timeout=timeout)

    def update_member(self, member: int, peer_urls: str | Sequence[str], *, timeout: float | None = None) -> None:
        """Tell the cluster other peer addresses of a member."""
        self._thread.run(self._store.update_member, member, peer_urls, timeout=timeout)

    def replace_member(self, old: int, new: int, *, timeout: float | None = None) -> None:
        """One joint change: the learner ``new`` gets a vote and ``old`` leaves. Raises Unimplemented on etcd."""
        self._thread.run(self._store.replace_member, old, new, timeout=timeout)

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write a backup for `etcdutl snapshot restore` to ``path``, durably, whole or not at all; its size in bytes.

        It has the default keyspace: of a client of another one this raises InvalidRequest.

        It takes as long as it takes: cancel it to give up. Raises StorageError (DiskFull) for the file, ServerFault
        for bytes that do not match their digest, and what calls raise.
        """
        return self._thread.run(self._store.save, path)

    def move_leader(self, target: int = 0, *, timeout: float | None = None) -> None:
        """Hand the lead to ``target`` (0: to the follower that is furthest), whichever member is asked."""
        self._thread.run(self._store.move_leader, target, timeout=timeout)
