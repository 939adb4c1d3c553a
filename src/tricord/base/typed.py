# SPDX-License-Identifier: Apache-2.0
"""Requests and results of causal and eventual keyspaces, whose keys hold typed values (docs/types.md).

They go to an engine as any request does, with the keyspace in the context. A range is ``[key, range_end)`` as in
``operations``.
"""

from __future__ import annotations

from dataclasses import field
from typing import Protocol, TypeAlias

from tricord.base.changes import Change
from tricord.base.dots import VersionVector
from tricord.base.message import message
from tricord.base.values import Shown

TTL_MAX = 1 << 52
"""The longest time to live, in milliseconds: 142,000 years. Its end fits what is stored, whatever the clock says."""


@message
class KeyChange:
    """Change one key. ``seen``: the ``context`` of a read, and the change replaces exactly what that read saw; empty:
    what the replica shows. ``ttl``: milliseconds until the value ends, ``TTL_MAX`` at most, 0: never (eventual
    keyspaces only)."""

    key: bytes
    change: Change
    seen: bytes = b""
    ttl: int = 0


@message
class Update:
    """Change keys: in a causal keyspace all at once, in an eventual one a single key. Answered when it is durable at
    ``acks`` replicas, the one that answers among them (more than 1: eventual keyspaces only)."""

    changes: list[KeyChange]
    acks: int = 1


def key_in_words(key: bytes) -> str:
    """A key, for a message to people: as text where it is some, not all of it where it is long."""
    try:
        shown = repr(key.decode())
    except UnicodeDecodeError:
        shown = repr(key)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


@message
class UpdateResult:
    """``sequence`` is this replica's delivery sequence; ``acks``: how many replicas said that they have the write."""

    sequence: int
    acks: int = 1


@message
class Fetch:
    """Read keys as one causal cut (causal), or as ``replicas`` replicas have them, merged (eventual, single keys)."""

    key: bytes
    range_end: bytes = b""
    limit: int = 0
    """At most so many keys; 0: no more than fit an answer."""
    replicas: int = 1


@message
class TypedKey:
    """What a key holds: None is nothing (any more). ``context`` is to be given back as ``KeyChange.seen``."""

    key: bytes
    value: Shown | None
    context: bytes = b""


@message
class FetchResult:
    """``more``: there are further keys behind the last one."""

    sequence: int
    keys: list[TypedKey] = field(default_factory=list)
    more: bool = False


TypedRequest: TypeAlias = Update | Fetch
TypedResult: TypeAlias = UpdateResult | FetchResult


@message
class TypedWatch:
    """Tell what becomes of a key or range. ``resume``: all that came with batches up to this vector was told before;
    ``position``: that of the last one. Neither: begin with what is there now, as one batch. With the position a watch
    goes on without a gap at the replica that told it, for some time; elsewhere the vector may do, or it is resynced."""

    key: bytes
    range_end: bytes = b""
    resume: VersionVector | None = None
    position: bytes = b""


@message
class TypedEvents:
    """What keys hold after some deliveries, in an order that respects causality; keys of one write stand together.

    ``vector`` is what a resumed watch gives back (causal; None: eventual), with ``position``: opaque, 16 bytes.
    ``resynced``: what was missed is not known one by one any more, so these are all keys that there are now: what is
    not among them is gone.
    """

    watch: int
    sequence: int
    keys: list[TypedKey]
    vector: VersionVector | None = None
    resynced: bool = False
    position: bytes = b""


class TypedStream(Protocol):
    """Several watches of one client. Used on the loop. Memory is bounded: who does not take in time is resynced."""

    def add(self, spec: TypedWatch) -> int:
        """Begin a watch and give its number. Raises KeyNotProvided, InvalidRequest, Stopping, KeyspaceNotFound."""

    def remove(self, watch: int) -> bool:
        """End a watch."""

    def take(self, budget_bytes: int) -> list[TypedEvents]:
        """What there is to tell; empty: ``wake`` will run. Raises Stopping, KeyspaceNotFound after a drop, TokenAhead
        where what a watch resumes from does not come here in time, ResponseTooLarge for a range of too many keys."""

    def close(self) -> None:
        """End all."""
