# SPDX-License-Identifier: Apache-2.0
"""One server of five, and what the others may say to it: the stage of the tests that follow the paper's sentences.

It keeps to the paper alone (``plain``) unless a test asks for more.
"""

from __future__ import annotations

from typing import Any

from tests.raft.cluster import plain
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration, encode_configuration
from tricord.raft import Raft, RaftConfig, Role
from tricord.raft.events import EntriesPersisted, HardStatePersisted, Receive, Tick
from tricord.raft.messages import AppendEntries, AppendEntriesResult, Message, RequestVote, RequestVoteResult

VOTERS = (1, 2, 3, 4, 5)


def entries(*terms: int) -> list[Entry]:
    """A log: at index i an entry of the i-th term."""
    return [Entry(index, term, EntryKind.NORMAL, b"%d" % index) for index, term in enumerate(terms, start=1)]


def configuration_entry(index: int, term: int, configuration: Configuration) -> Entry:
    """A change of the configuration, in the log."""
    return Entry(index, term, EntryKind.CONFIGURATION, encode_configuration(configuration))


def follower(*terms: int, term: int = 0, vote: int = 0, **options: Any) -> Raft:
    """Server 1 of five, restarted with this log."""
    return server(entries(*terms), term=term, vote=vote, **options)


def server(
    log: list[Entry], *, term: int = 0, vote: int = 0, configuration: Configuration | None = None, **options: Any
) -> Raft:
    """Server 1, restarted with these entries."""
    term = max([term, *(entry.term for entry in log)])
    return Raft(
        RaftConfig(1, **plain(**options)),
        HardState(term, vote),
        configuration=configuration or Configuration(VOTERS),
        entries=log,
    )


def durable(raft: Raft) -> list[Message]:
    """The disk confirms the current hard state; the messages that this lets go."""
    persistent = raft.state.persistent
    return raft.step([HardStatePersisted(persistent.current_term, persistent.voted_for)]).messages


def campaign(raft: Raft) -> list[Message]:
    """Its patience ends. What it asks once its term is durable; a pre-vote is answered by all."""
    messages: list[Message] = []
    while not messages and raft.state.role is not Role.CANDIDATE:
        messages = raft.step([Tick()]).messages
    for message in messages:
        if isinstance(message, RequestVote) and message.pre_vote:
            answer = RequestVoteResult(message.receiver, 1, message.term, vote_granted=True, pre_vote=True)
            raft.step([Receive(answer)])
    return durable(raft)


def leader(*terms: int, **options: Any) -> Raft:
    """Server 1 of five leads in the term behind the log's last; its no-op is durable."""
    return elected(follower(*terms, **options))


def elected(raft: Raft) -> Raft:
    """It wins by the votes of 2 and 3."""
    campaign(raft)
    for voter in (2, 3):
        raft.step([Receive(RequestVoteResult(voter, 1, raft.term, vote_granted=True))])
    assert raft.is_leader
    raft.step([EntriesPersisted(raft.state.log.last_index, raft.term)])
    return raft


def append(prev: tuple[int, int], *news: Entry, term: int, commit: int = 0, sender: int = 2) -> Receive:
    """AppendEntries to server 1."""
    return Receive(AppendEntries(sender, 1, term, prev[0], prev[1], list(news), commit, 0))


def matched(sender: int, index: int, term: int, read_round: int = 0) -> Receive:
    """A follower's acknowledgement."""
    return Receive(AppendEntriesResult(sender, 1, term, True, index, 0, read_round))


def vote_request(sender: int, term: int, last: tuple[int, int], **more: Any) -> Receive:
    """A candidate asks server 1."""
    return Receive(RequestVote(sender, 1, term, last[0], last[1], **more))
