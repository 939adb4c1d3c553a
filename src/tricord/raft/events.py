# SPDX-License-Identifier: Apache-2.0
"""What can happen to a core: time passes, clients ask, the disk answers, peers speak.

``step`` takes a list of these; nothing else changes a core.
"""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.message import message
from tricord.raft.messages import Message


@message
class Tick:
    """One unit of time passed."""


@message
class Propose:
    """Append these commands, in this order. ``Output.proposed`` answers."""

    data: list[bytes]


@message
class ReadIndex:
    """Find the index at which a read that arrived by now sees every earlier write; ``context`` names the asker."""

    context: int


@message
class HardStatePersisted:
    """A hard state that was put out is durable."""

    term: int
    vote: int


@message
class EntriesPersisted:
    """The entries that were put out are durable up to ``index``, whose entry has ``term``."""

    index: int
    term: int


@message
class Receive:
    """A peer sent this."""

    message: Message


@message
class CutLog:
    """The entries below ``index`` are kept elsewhere, or needed no more; all of them were applied."""

    index: int


Event: TypeAlias = Tick | Propose | ReadIndex | HardStatePersisted | EntriesPersisted | Receive | CutLog
