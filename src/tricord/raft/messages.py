# SPDX-License-Identifier: Apache-2.0
"""The RPCs of figure 2, each as two messages: the request and its result.

A heartbeat is an AppendEntries without entries. Beside figure 2: InstallSnapshot (figure 13 of the paper; its data
travels beside the core), TimeoutNow (section 3.10 of the dissertation), and what a follower passes on to its leader
(section 6.2: clients may ask any server).
Every message names its sender, its receiver and the sender's term. Field names are the paper's.
"""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.log import Entry
from tricord.base.membership import Configuration
from tricord.base.message import message


@message
class RequestVote:
    """A candidate asks for the vote in its term (section 5.2)."""

    sender: int
    receiver: int
    term: int
    last_log_index: int
    last_log_term: int
    pre_vote: bool = False
    """Would it get the vote in ``term``, which it has not entered yet? (section 9.6)"""
    transfer: bool = False
    """The leader asked for this election: that it was heard of a moment ago is no reason to refuse (section 4.2.3)."""
    priority: int = 0
    """A voter of a higher priority with as good a log refuses its pre-vote."""


@message
class RequestVoteResult:
    """The answer; a refusal from a higher term ends the candidacy. A granted pre-vote names the term asked about."""

    sender: int
    receiver: int
    term: int
    vote_granted: bool
    pre_vote: bool = False


@message
class AppendEntries:
    """A leader's entries behind ``prev_log_index`` (section 5.3); without entries a heartbeat.

    ``read_round`` counts the leader's rounds of asking whether it still leads; the result echoes it.
    """

    sender: int
    receiver: int
    term: int
    prev_log_index: int
    prev_log_term: int
    entries: list[Entry]
    leader_commit: int
    read_round: int
    heartbeat: bool = False
    """Without entries, behind what the follower is known to hold: it may overtake other messages, and has its own
    way so that no entries hold it up."""
    commit_only: bool = False
    """A heartbeat that only says how far the log is committed; nobody answers it."""
    quiesce: bool = False
    """All is quiet: no heartbeat follows until something happens, and this silence is no reason to campaign."""


@message
class AppendEntriesResult:
    """On success ``match_index`` is how far the follower's *durable* log is known to be the leader's.

    On refusal it is the last place, below ``refused_index``, where the two logs may still be the same, and
    ``match_term`` is the follower's term there: the leader skips what that rules out (section 5.3).
    ``refused_index`` is the ``prev_log_index`` that was refused.
    """

    sender: int
    receiver: int
    term: int
    success: bool
    match_index: int
    refused_index: int
    read_round: int
    match_term: int = 0


@message
class InstallSnapshot:
    """The follower's host holds a whole, verified snapshot that the leader sent beside the log (section 7).

    It reaches the follower's core only then. ``configuration`` is the one in force at ``last_included_index``.
    """

    sender: int
    receiver: int
    term: int
    last_included_index: int
    last_included_term: int
    configuration: Configuration


@message
class InstallSnapshotResult:
    """The follower's durable state reaches ``last_included_index`` now (or did already)."""

    sender: int
    receiver: int
    term: int
    last_included_index: int


@message
class TimeoutNow:
    """The leader hands over: campaign at once (section 3.10)."""

    sender: int
    receiver: int
    term: int


@message
class ForwardedProposal:
    """Commands that a follower's clients gave; ``request`` is the follower's number for them."""

    sender: int
    receiver: int
    term: int
    request: int
    data: list[bytes]


@message
class ForwardedProposalResult:
    """The commands are in the log from ``first_index`` on, in ``term``; 0: they were refused and did nothing.

    It leaves before the entries themselves, on the same ordered way.
    """

    sender: int
    receiver: int
    term: int
    request: int
    first_index: int


@message
class ForwardedRead:
    """A follower asks at which index its reads may be served (section 6.4)."""

    sender: int
    receiver: int
    term: int
    contexts: list[int]


@message
class ForwardedReadResult:
    """The reads may be served once ``index`` is applied; 0: ask again, later or elsewhere."""

    sender: int
    receiver: int
    term: int
    contexts: list[int]
    index: int


Message: TypeAlias = (
    RequestVote
    | RequestVoteResult
    | AppendEntries
    | AppendEntriesResult
    | InstallSnapshot
    | InstallSnapshotResult
    | TimeoutNow
    | ForwardedProposal
    | ForwardedProposalResult
    | ForwardedRead
    | ForwardedReadResult
)
