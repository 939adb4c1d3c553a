# SPDX-License-Identifier: Apache-2.0
"""The RPCs of figure 2, each as two messages: the request and its result.

A heartbeat is an AppendEntries without entries.
Every message names its sender, its receiver and the sender's term. Field names are the paper's.
"""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.log import Entry
from tricord.base.message import message


@message
class RequestVote:
    """A candidate asks for the vote in its term (section 5.2)."""

    sender: int
    receiver: int
    term: int
    last_log_index: int
    last_log_term: int


@message
class RequestVoteResult:
    """The answer; a refusal from a higher term ends the candidacy."""

    sender: int
    receiver: int
    term: int
    vote_granted: bool


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


@message
class AppendEntriesResult:
    """On success ``match_index`` is how far the follower's *durable* log is known to be the leader's.

    On refusal it is where the two logs may still be the same: the leader tries there (section 5.3).
    ``refused_index`` is the ``prev_log_index`` that was refused.
    """

    sender: int
    receiver: int
    term: int
    success: bool
    match_index: int
    refused_index: int
    read_round: int


Message: TypeAlias = RequestVote | RequestVoteResult | AppendEntries | AppendEntriesResult
