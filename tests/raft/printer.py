# SPDX-License-Identifier: Apache-2.0
"""Trace events and messages as lines of a transcript. Tests pin the events; the wording is chosen here alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.base.membership import Configuration
from tricord.base.trace import TraceEvent
from tricord.raft import trace
from tricord.raft.messages import AppendEntries, AppendEntriesResult, Message, RequestVote, RequestVoteResult

TRACES: dict[type[Any], Callable[[Any], str]] = {
    trace.BecameFollower: lambda e: f"follows {e.leader or 'nobody yet'} in term {e.term}",
    trace.BecameCandidate: lambda e: f"campaigns in term {e.term}",
    trace.BecameLeader: lambda e: f"leads in term {e.term}",
    trace.VoteGranted: lambda e: f"votes for {e.candidate} in term {e.term}",
    trace.VoteRefused: lambda e: f"refuses {e.candidate} its vote in term {e.term}: {e.reason}",
    trace.HardStateDurable: lambda e: f"has on disk: term {e.term}, vote for {e.vote or 'nobody'}",
    trace.Appended: lambda e: f"appends {e.first}..{e.last} in term {e.term}",
    trace.Truncated: lambda e: f"drops what is behind {e.after}",
    trace.AppendRefused: lambda e: f"refuses what follows {e.prev_log_index} of term {e.prev_log_term}: {e.reason}",
    trace.EntriesDurable: lambda e: f"has on disk: the log up to {e.index}",
    trace.Committed: lambda e: f"commits up to {e.index} in term {e.term}",
    trace.ProposalRefused: lambda e: f"refuses {e.count} proposals",
    trace.ReadReleased: lambda e: f"lets read {e.context} go at index {e.index}",
    trace.ReadDropped: lambda e: f"drops read {e.context}",
    trace.BecamePreCandidate: lambda e: f"asks who would vote for it after term {e.term}",
    trace.PreVoteGranted: lambda e: f"would vote for {e.candidate} in term {e.term}",
    trace.QuorumLost: lambda e: f"hears no majority in term {e.term}",
    trace.LeaderForgotten: lambda e: f"forgets {e.leader}",
    trace.ConfigurationAppended: lambda e: f"takes {describe_configuration(e.configuration)} from {e.index} on",
    trace.ConfigurationReverted: lambda e: f"goes back to {describe_configuration(e.configuration)} of {e.index}",
    trace.ChangeRefused: lambda e: f"refuses the change: {e.reason}",
    trace.TransferBegan: lambda e: f"hands over to {e.target}",
    trace.TransferEnded: lambda e: f"gives up handing over to {e.target}",
    trace.Forwarding: lambda e: f"passes {e.count} proposals on to {e.leader}, number {e.number}",
    trace.ForwardLost: lambda e: f"gives up on proposal {e.number}",
    trace.SnapshotWanted: lambda e: f"wants a snapshot brought to {e.member}",
    trace.SnapshotAttemptEnded: lambda e: (
        f"knows: snapshot {e.index} {'was brought' if e.delivered else 'did not get'} to {e.member}"
    ),
    trace.SnapshotAccepted: lambda e: f"takes the snapshot up to {e.index} of term {e.term}",
    trace.SnapshotIgnored: lambda e: f"needs no snapshot up to {e.index}",
    trace.SnapshotInForce: lambda e: f"begins behind the snapshot up to {e.index} of term {e.term}",
    trace.Quiesced: lambda e: "falls silent",
    trace.Awoke: lambda e: "wakes",
    trace.LogCut: lambda e: f"cuts its log up to {e.base_index}",
}


def describe_configuration(configuration: Configuration) -> str:
    """Who votes, who learns."""
    text = "voters " + ",".join(map(str, configuration.voters))
    if configuration.outgoing:
        text += " and " + ",".join(map(str, configuration.outgoing))
    if configuration.learners:
        text += ", learners " + ",".join(map(str, configuration.learners))
    if configuration.learners_next:
        text += ", soon learners " + ",".join(map(str, configuration.learners_next))
    return text


def describe_trace(event: TraceEvent) -> str:
    """What the server did."""
    return TRACES[type(event)](event)


def describe_message(message: Message) -> str:
    """Who says what to whom."""
    return f"{message.sender} -> {message.receiver} term {message.term}: {_content(message)}"


def _content(message: Message) -> str:
    if isinstance(message, RequestVote):
        return f"RequestVote, log ends at {message.last_log_index} of term {message.last_log_term}"
    if isinstance(message, RequestVoteResult):
        return f"vote {'granted' if message.vote_granted else 'refused'}"
    if not isinstance(message, AppendEntries | AppendEntriesResult):
        return repr(message)
    read = f", round {message.read_round}" if message.read_round else ""
    if isinstance(message, AppendEntries):
        what = (
            f"{message.entries[0].index}..{message.entries[-1].index}"
            if message.entries
            else ("commit" if message.commit_only else "heartbeat")
        )
        behind = f"behind {message.prev_log_index} of term {message.prev_log_term}"
        return f"{what} {behind}, commit {message.leader_commit}{read}"
    assert isinstance(message, AppendEntriesResult)
    if message.success:
        return f"match up to {message.match_index}{read}"
    return f"refused behind {message.refused_index}, try {message.match_index}{read}"
