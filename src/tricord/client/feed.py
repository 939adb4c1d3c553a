# SPDX-License-Identifier: Apache-2.0
"""One watch on one member, from its making until something breaks it; and what it may tell.

``watch`` makes of several of them, one after the other, a watch that outlives connections and members.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from tricord.base.message import message
from tricord.base.operations import Event, KeyValue
from tricord.base.typed import TypedEvents


@message
class Progress:
    """Every change up to ``revision`` was told."""

    revision: int


@message
class Resynced:
    """Changes before ``compacted`` are gone and were not told. Instead: what the range held at ``revision``, in key
    order; what is told from here on happened after it. A key that is not among them is not there (any more)."""

    revision: int
    compacted: int
    kvs: list[KeyValue]


@message
class Compacted:
    """The end of a feed: changes that it should tell are gone; the oldest revision there is, is ``compacted``."""

    compacted: int


FeedItem: TypeAlias = list[Event] | Progress | Compacted
"""Events of one or more whole revisions, in order; or a mark; or the end."""


class Feed(Protocol):
    """Used on the loop, by one reader."""

    @property
    def cluster(self) -> int:
        """The cluster whose history this is."""

    @property
    def revision(self) -> int:
        """The store's revision when the feed was made: without a start revision, it tells what came after."""

    async def next(self) -> FeedItem:
        """The next that there is to tell. A call that is cancelled loses nothing. Raises TricordError when broken."""

    async def ask_progress(self) -> None:
        """Ask for a mark. Raises TricordError when broken."""

    def close(self) -> None:
        """Give it up; who waits in ``next`` gets an error. Doing it twice is fine."""


class TypedFeed(Protocol):
    """One watch of typed values on one member, until something breaks it. Used on the loop, by one reader."""

    async def next(self) -> TypedEvents:
        """The next that there is to tell. A call that is cancelled loses nothing. Raises TricordError when broken."""

    def close(self) -> None:
        """Give it up; who waits in ``next`` gets an error. Doing it twice is fine."""
