# SPDX-License-Identifier: Apache-2.0
"""What a core says of its decisions, as records. Tests pin these; ``tests/raft`` prints them."""

from __future__ import annotations

from tricord.base.membership import Configuration
from tricord.base.message import message
from tricord.base.trace import TraceEvent


@message
class BecameFollower(TraceEvent):
    """Of ``leader`` in ``term`` (0: not known yet)."""

    term: int
    leader: int


@message
class BecamePreCandidate(TraceEvent):
    """Asks whether it would get votes in the term after ``term``."""

    term: int


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
class PreVoteGranted(TraceEvent):
    """``candidate`` would get the vote in ``term``."""

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


@message
class QuorumLost(TraceEvent):
    """The leader of ``term`` heard no majority for an election timeout."""

    term: int


@message
class LeaderForgotten(TraceEvent):
    """The process of ``leader`` is gone."""

    leader: int


@message
class ConfigurationAppended(TraceEvent):
    """Another configuration is in force, from ``index`` on."""

    index: int
    configuration: Configuration


@message
class ConfigurationReverted(TraceEvent):
    """The entry that brought one was replaced: that of ``index`` is in force again."""

    index: int
    configuration: Configuration


@message
class ChangeRefused(TraceEvent):
    """A change of the configuration did nothing."""

    reason: str


@message
class TransferBegan(TraceEvent):
    """The lead is to go to ``target``."""

    target: int


@message
class TransferEnded(TraceEvent):
    """``target`` did not take the lead in time; this server goes on leading."""

    target: int


@message
class Forwarding(TraceEvent):
    """Proposal ``number``, of ``count`` commands, is passed on to ``leader``."""

    number: int
    count: int
    leader: int


@message
class ForwardLost(TraceEvent):
    """Nobody will say what became of proposal ``number``."""

    number: int


@message
class SnapshotWanted(TraceEvent):
    """What ``member`` needs next is gone from the log."""

    member: int


@message
class SnapshotAttemptEnded(TraceEvent):
    """The host brought the snapshot up to ``index`` to ``member``, or failed."""

    member: int
    index: int
    delivered: bool


@message
class SnapshotAccepted(TraceEvent):
    """The host is to make the snapshot durable in place of state and log."""

    index: int
    term: int


@message
class SnapshotIgnored(TraceEvent):
    """What the snapshot up to ``index`` holds is committed here already."""

    index: int


@message
class SnapshotInForce(TraceEvent):
    """State and log begin behind the snapshot."""

    index: int
    term: int


@message
class Quiesced(TraceEvent):
    """Nothing is to be done: no heartbeats, and no campaign for lack of them."""


@message
class Awoke(TraceEvent):
    """Something happened."""
