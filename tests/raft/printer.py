# SPDX-License-Identifier: Apache-2.0
"""Trace events and messages as lines of a transcript. Tests pin the events; the wording is chosen here alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.base.membership import Configuration
from tricord.base.trace import TraceEvent
from tricord.raft import Output, trace
from tricord.raft.election import INSISTS
from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    ForwardedProposal,
    ForwardedProposalResult,
    ForwardedRead,
    ForwardedReadResult,
    InstallSnapshot,
    InstallSnapshotResult,
    Message,
    RequestVote,
    RequestVoteResult,
    TimeoutNow,
)

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


def describe_trace(event: TraceEvent) -> str:
    """What the server did."""
    return TRACES[type(event)](event)


def describe_configuration(configuration: Configuration) -> str:
    """Who belongs, in what part."""
    parts = [f"voters {_ids(configuration.voters)}"]
    if configuration.outgoing:
        parts[0] += f" and {_ids(configuration.outgoing)}"
    if configuration.learners:
        parts.append(f"learners {_ids(configuration.learners)}")
    if configuration.learners_next:
        parts.append(f"soon learners {_ids(configuration.learners_next)}")
    return ", ".join(parts)


def _ids(ids: tuple[int, ...]) -> str:
    return " ".join(map(str, ids)) or "none"


def describe_output(output: Output) -> list[str]:
    """What the host is told beside what the trace says."""
    lines = [
        f"hears that its proposal {number} {f'is at {first} of term {term}' if first else 'was refused'}"
        for number, first, term in output.answers.forwarded
    ]
    lines += [f"refuses to hand over: {refusal.value}" for refusal in output.answers.transfers if refusal is not None]
    return lines


def describe_message(message: Message) -> str:
    """Who says what to whom."""
    return f"{message.sender} -> {message.receiver} term {message.term}: {CONTENTS[type(message)](message)}"


def _vote_request(message: RequestVote) -> str:
    end = f"log ends at {message.last_log_index} of term {message.last_log_term}"
    if not message.pre_vote:
        return f"RequestVote, {end}{', as the leader asked' if message.transfer else ''}"
    rank = f", priority {message.priority}" if message.priority else ""
    return f"RequestPreVote, {end}{', insisting' if message.priority == INSISTS else rank}"


def _append(message: AppendEntries) -> str:
    what = f"{message.entries[0].index}..{message.entries[-1].index}" if message.entries else "nothing"
    if message.heartbeat:
        what = "heartbeat"
    if message.commit_only:
        what = "commit"
    if message.quiesce:
        what += " and silence"
    behind = f"behind {message.prev_log_index} of term {message.prev_log_term}"
    return f"{what} {behind}, commit {message.leader_commit}{_round(message.read_round)}"


def _append_result(message: AppendEntriesResult) -> str:
    if message.success:
        return f"match up to {message.match_index}{_round(message.read_round)}"
    hint = f"try {message.match_index} of term {message.match_term}"
    return f"refused behind {message.refused_index}, {hint}{_round(message.read_round)}"


def _round(read_round: int) -> str:
    return f", round {read_round}" if read_round else ""


def _snapshot(message: InstallSnapshot) -> str:
    last = f"{message.last_included_index} of term {message.last_included_term}"
    return f"snapshot up to {last}, with {describe_configuration(message.configuration)}"


def _number(message: ForwardedProposal | ForwardedProposalResult) -> int:
    """The follower's count: what is before it on the wire tells its starts apart."""
    return message.request & 0xFFFFFFFF


def _words(data: list[bytes]) -> str:
    return " ".join(command.decode() for command in data)


def _contexts(contexts: list[int]) -> str:
    return " ".join(map(str, contexts))


CONTENTS: dict[type[Any], Callable[[Any], str]] = {
    RequestVote: _vote_request,
    RequestVoteResult: lambda m: f"{'pre-vote' if m.pre_vote else 'vote'} {'granted' if m.vote_granted else 'refused'}",
    AppendEntries: _append,
    AppendEntriesResult: _append_result,
    InstallSnapshot: _snapshot,
    InstallSnapshotResult: lambda m: f"has the snapshot up to {m.last_included_index}",
    TimeoutNow: lambda m: "campaign now",
    ForwardedProposal: lambda m: f"proposal {m.request}: {_words(m.data)}",
    ForwardedProposalResult: lambda m: (
        f"proposal {m.request} {f'is at {m.first_index}' if m.first_index else 'refused'}"
    ),
    ForwardedRead: lambda m: f"reads {_contexts(m.contexts)}",
    ForwardedReadResult: lambda m: f"reads {_contexts(m.contexts)} {f'at {m.index}' if m.index else 'refused'}",
}
