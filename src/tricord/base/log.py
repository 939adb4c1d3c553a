# SPDX-License-Identifier: Apache-2.0
"""What a Raft log is made of: entries, and the few values that must survive beside them.

Shared by the core that decides, the storage that keeps and the state machine that applies. Figure 2 of the Raft paper
(Ongaro & Ousterhout 2014) names the fields; the kinds are this project's.
"""

from __future__ import annotations

from enum import IntEnum

from tricord.base.message import message


class EntryKind(IntEnum):
    """What an entry's data is. Numbers are part of the format; compare with ``==``, a stored kind is an int."""

    NORMAL = 0
    """A command for the state machine."""
    NOOP = 1
    """Nothing: a new leader's first entry (section 5.4.2 of the paper); data is empty."""
    CONFIGURATION = 2
    """A change of the members; it takes effect on append."""


@message
class Entry:
    """One place of the log. The first index is 1; the term is the one of the leader that appended it."""

    index: int
    term: int
    kind: int
    data: bytes


@message
class HardState:
    """What a member must not forget: durable before any message or reply that depends on it.

    ``vote`` is the member voted for in ``term`` (0: nobody). ``commit`` may lag behind what was known: it only
    shortens the start.
    """

    term: int = 0
    vote: int = 0
    commit: int = 0
