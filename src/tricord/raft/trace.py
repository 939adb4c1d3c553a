# SPDX-License-Identifier: Apache-2.0
"""What a core says of its decisions, as records. Tests pin these; ``tests/raft`` prints them."""

from __future__ import annotations

from tricord.base.message import message
from tricord.base.trace import TraceEvent


@message
class BecameFollower(TraceEvent):
    """Of ``leader`` in ``term`` (0: not known yet)."""

    term: int
    leader: int


@message
class BecameCandidate(TraceEvent):
    """Asks for votes in ``term``."""

    term: int


@message
class BecameLeader(TraceEvent):
    """Has a majority's votes in ``term``."""

    term: int


@message
class VoteGranted(TraceEvent):
    """The vote in ``term`` goes to ``candidate``."""

    term: int
    candidate: int


@message
class VoteRefused(TraceEvent):
    """``candidate`` does not get the vote; ``reason`` is one of a few fixed phrases."""

    term: int
    candidate: int
    reason: str


@message
class HardStateDurable(TraceEvent):
    """The disk holds term and vote."""

    term: int
    vote: int


@message
class Appended(TraceEvent):
    """Entries joined the log, not durable yet."""

    first: int
    last: int
    term: int


@message
class Truncated(TraceEvent):
    """Entries behind ``after`` were replaced."""

    after: int


@message
class AppendRefused(TraceEvent):
    """The leader's entries do not fit behind this log; ``reason`` is one of a few fixed phrases."""

    prev_log_index: int
    prev_log_term: int
    reason: str


@message
class EntriesDurable(TraceEvent):
    """The disk holds the log up to ``index``."""

    index: int


@message
class Committed(TraceEvent):
    """Everything up to ``index`` stays for good."""

    index: int
    term: int


@message
class ProposalRefused(TraceEvent):
    """This member does not lead."""

    count: int


@message
class ReadReleased(TraceEvent):
    """The read may be served once ``index`` is applied."""

    context: int
    index: int


@message
class ReadDropped(TraceEvent):
    """This member does not lead, or leads no more."""

    context: int


@message
class LogCut(TraceEvent):
    """Entries up to ``base_index`` were let go."""

    base_index: int
