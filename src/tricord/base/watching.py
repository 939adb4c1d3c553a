# SPDX-License-Identifier: Apache-2.0
"""What a watcher asks for and what it is told. Semantics are etcd v3's (Watch API reference).

A watch tells every change of its keys from its start revision on: in order, each once, all of one revision together.
Where it cannot (the revisions were compacted away), it says so and ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from tricord.base.errors import NotOfThisModel
from tricord.base.message import message
from tricord.base.operations import Event


@message
class WatchSpec:
    """Which changes to tell: of one key, or of ``[key, range_end)`` (``b"\\0"``: from key on).

    ``start_revision`` 0 means those after now; a future one waits for it. ``previous``: with what was there before.
    ``progress``: with a mark now and then while nothing happens.
    """

    key: bytes
    range_end: bytes = b""
    start_revision: int = 0
    previous: bool = False
    puts: bool = True
    deletes: bool = True
    progress: bool = False


def check_needs_no_past(spec: WatchSpec) -> None:
    """Raise NotOfThisModel for a watch that causal and eventual keyspaces cannot begin."""
    if spec.start_revision:
        raise NotOfThisModel(
            "revisions of this keyspace are the replica's own, and its past is not kept: watch without a start"
            " revision, or resume by a token at the native door (tricord.v1.Values/Watch)"
        )
    if spec.previous:
        raise NotOfThisModel("the keyspace keeps no past: watch without previous values (prev_kv)")


@dataclass(slots=True, eq=False)
class SharedEvent:
    """One change, told to all who watch its key. ``encoded`` is a door's: its bytes, made once, by variant.

    ``event.previous`` may be there for a watch that did not ask for it, since others did.
    """

    event: Event
    encoded: dict[str, bytes] = field(default_factory=dict)


@message
class WatchEvents:
    """Changes of one or more whole revisions, in order. ``revision`` is the store's when they were taken."""

    watch: int
    revision: int
    events: list[SharedEvent]


@message
class WatchProgress:
    """Everything up to ``revision`` was told: by this watch, or (-1) by all of the stream's."""

    watch: int
    revision: int


@message
class WatchCompacted:
    """The watch ended: changes that it should tell are gone. The oldest revision there is, is ``compacted``."""

    watch: int
    compacted: int


WatchItem: TypeAlias = WatchEvents | WatchProgress | WatchCompacted


class WatchStream(Protocol):
    """Several watches of one client, told in one stream. Used on the loop; nothing blocks.

    Memory is bounded: a stream that is not emptied is told later, from the store's history.
    """

    def add(self, spec: WatchSpec) -> int:
        """Begin a watch and give its number, counted from 0.

        Raises KeyNotProvided, InvalidRequest (an empty range), RevisionCompacted (a start below 0), PermissionDenied,
        Stopping.
        """

    def remove(self, watch: int) -> bool:
        """End a watch; nothing more of it is taken. False: there is none of that number."""

    def ask_progress(self) -> None:
        """A mark for all watches of the stream, as soon as all have told everything up to now. None without watches."""

    def take(self, budget_bytes: int) -> list[WatchItem]:
        """What there is to tell, of about that size; empty: ``wake`` will run when there is something.

        Raises Stopping when the member stops; ``wake`` runs for that too.
        """

    def close(self) -> None:
        """End all. Doing it twice is fine."""
