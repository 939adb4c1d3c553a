# SPDX-License-Identifier: Apache-2.0
"""One test per sentence of the Raft paper (Ongaro & Ousterhout 2014) that this core keeps, by section and figure."""

from __future__ import annotations

import pytest

from tests.raft.cluster import Cluster, Server
from tricord.base.log import Entry, EntryKind, HardState
from tricord.raft import Raft, RaftConfig, Role
from tricord.raft.events import CutLog, EntriesPersisted, HardStatePersisted, Propose, Receive, Tick
from tricord.raft.messages import AppendEntries, AppendEntriesResult, RequestVote, RequestVoteResult

VOTERS = (1, 2, 3, 4, 5)


def entries(*terms: int) -> list[Entry]:
    """A log: at index i an entry of the i-th term."""
    return [Entry(index, term, EntryKind.NORMAL, b"%d" % index) for index, term in enumerate(terms, start=1)]


def follower(*terms: int, term: int = 0, vote: int = 0) -> Raft:
    """Server 1 of five, restarted with this log."""
    term = max(term, *terms, 0) if terms else term
    return Raft(
        RaftConfig(1, VOTERS, pre_vote=False, check_quorum=False), HardState(term, vote), entries=entries(*terms)
    )


def durable(raft: Raft) -> list[object]:
    """The disk confirms the current hard state; the messages that this lets go."""
    persistent = raft.state.persistent
    return list(raft.step([HardStatePersisted(persistent.current_term, persistent.voted_for)]).messages)


def leader(*terms: int) -> Raft:
    """Server 1 of five leads in the term behind the log's last; its no-op is durable."""
    raft = follower(*terms)
    while raft.state.role is not Role.CANDIDATE:
        raft.step([Tick()])
    durable(raft)
    for voter in (2, 3):
        raft.step([Receive(RequestVoteResult(voter, 1, raft.term, vote_granted=True))])
    assert raft.is_leader
    raft.step([EntriesPersisted(raft.state.log.last_index, raft.term)])
    return raft


def append(prev: tuple[int, int], *news: Entry, term: int, commit: int = 0, sender: int = 2) -> Receive:
    """AppendEntries to server 1."""
    return Receive(AppendEntries(sender, 1, term, prev[0], prev[1], list(news), commit, 0))


def matched(sender: int, index: int, term: int) -> Receive:
    """A follower's acknowledgement."""
    return Receive(AppendEntriesResult(sender, 1, term, True, index, 0, 0))


# 5.1: terms


def test_5_1_servers_begin_as_followers() -> None:
    cluster = Cluster(3)
    assert [server.raft.state.role for server in cluster.servers.values()] == [Role.FOLLOWER] * 3


def test_5_1_a_lower_term_is_refused_with_the_current_one() -> None:
    raft = follower(term=5)
    (refused,) = raft.step([append((0, 0), term=4)]).messages
    assert refused == AppendEntriesResult(1, 2, 5, False, 0, 0, 0)
    (refusal,) = raft.step([Receive(RequestVote(3, 1, 4, 9, 9))]).messages
    assert refusal == RequestVoteResult(1, 3, 5, vote_granted=False)
    assert raft.state.leader_id == 0


def test_5_1_a_higher_term_makes_a_follower_of_everyone() -> None:
    for raft in (follower(term=1), leader(1)):
        raft.step([Receive(RequestVote(4, 1, 9, 0, 0))])
        assert (raft.state.role, raft.term) == (Role.FOLLOWER, 9)


# 5.2: leader election


def test_5_2_a_follower_that_hears_nothing_campaigns_in_a_new_term_and_votes_for_itself() -> None:
    raft = follower(1, 1)
    ticks = 0
    while raft.state.role is Role.FOLLOWER:
        output = raft.step([Tick()])
        ticks += 1
    assert 10 <= ticks < 20
    assert output.hard_state == HardState(2, 1, 0)
    assert output.messages == [], "nobody hears of a term that a crash could undo"
    assert durable(raft) == [RequestVote(1, voter, 2, 2, 1) for voter in (2, 3, 4, 5)]


def test_5_2_a_majority_of_votes_makes_a_leader_and_the_own_vote_counts_when_durable() -> None:
    raft = follower()
    while raft.state.role is Role.FOLLOWER:
        raft.step([Tick()])
    for voter in (2, 3):
        raft.step([Receive(RequestVoteResult(voter, 1, 1, vote_granted=True))])
    assert not raft.is_leader
    durable(raft)
    assert raft.is_leader


def test_5_2_one_vote_in_a_term_first_come_first_served_and_the_answer_waits_for_the_disk() -> None:
    raft = follower()
    output = raft.step([Receive(RequestVote(2, 1, 1, 0, 0)), Receive(RequestVote(3, 1, 1, 0, 0))])
    assert output.hard_state == HardState(1, 2, 0)
    assert output.messages == []
    assert durable(raft) == [
        RequestVoteResult(1, 2, 1, vote_granted=True),
        RequestVoteResult(1, 3, 1, vote_granted=False),
    ]
    (again,) = raft.step([Receive(RequestVote(2, 1, 1, 0, 0))]).messages
    assert again == RequestVoteResult(1, 2, 1, vote_granted=True)


def test_5_2_a_restarted_server_remembers_its_vote() -> None:
    raft = follower(term=3, vote=2)
    (refusal,) = raft.step([Receive(RequestVote(3, 1, 3, 0, 0))]).messages
    assert refusal == RequestVoteResult(1, 3, 3, vote_granted=False)


def test_5_2_a_candidate_that_hears_the_terms_leader_follows() -> None:
    raft = follower()
    while raft.state.role is Role.FOLLOWER:
        raft.step([Tick()])
    raft.step([append((0, 0), term=1)])
    assert (raft.state.role, raft.state.leader_id) == (Role.FOLLOWER, 2)


def test_5_2_a_split_vote_ends_in_a_new_term() -> None:
    raft = follower()
    while raft.term < 2:
        raft.step([Tick()])
        durable(raft)
    assert raft.state.role is Role.CANDIDATE


def test_5_2_timeouts_are_spread_so_that_split_votes_are_rare() -> None:
    first = [Raft(RaftConfig(1, VOTERS, seed=seed), HardState()).state.election_timeout_ticks for seed in range(200)]
    assert set(first) == set(range(10, 20))


def test_5_2_a_leader_sends_heartbeats_and_they_keep_followers_quiet() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    for _ in range(100):
        for server in cluster.servers.values():
            server.tick()
        cluster.settle()
    assert cluster.leaders() == {1: [1]}


# 5.3: log replication


def test_5_3_a_leader_appends_and_sends_to_all_at_once() -> None:
    raft = leader()
    for sender in (2, 3, 4, 5):
        raft.step([matched(sender, 1, 1)])
    output = raft.step([Propose([b"a", b"b"])])
    assert output.proposed == [2]
    assert [message.receiver for message in output.messages] == [2, 3, 4, 5]
    assert all(message.entries == output.entries for message in output.messages if isinstance(message, AppendEntries))


def test_5_3_an_entry_on_a_majority_of_disks_is_committed_with_all_before_it() -> None:
    raft = leader()
    raft.step([Propose([b"a", b"b"])])
    raft.step([matched(2, 3, 1)])
    raft.step([matched(3, 3, 1)])
    assert raft.state.commit_index == 1, "two followers and the leader's own disk, which has not answered for 2 and 3"
    output = raft.step([EntriesPersisted(3, 1)])
    assert [entry.index for entry in output.committed] == [2, 3]


def test_5_3_the_leaders_own_disk_is_one_of_many() -> None:
    raft = leader()
    raft.step([Propose([b"a"])])
    for sender in (2, 3, 4):
        output = raft.step([matched(sender, 2, 1)])
    assert raft.state.commit_index == 2
    assert [entry.index for entry in output.committed] == [], "but it applies what a restart would find"


def test_5_3_a_follower_refuses_what_does_not_fit_behind_its_log() -> None:
    raft = follower(1, 1, 2, term=3)
    output = raft.step([append((5, 3), term=3)])
    assert output.messages == [AppendEntriesResult(1, 2, 3, False, 3, 5, 0, match_term=2)]
    output = raft.step([append((3, 3), term=3)])
    assert output.messages == [AppendEntriesResult(1, 2, 3, False, 2, 3, 0, match_term=1)]
    assert raft.state.log.last_index == 3, "a refusal removes nothing"


def test_5_3_conflicting_entries_go_with_all_behind_them() -> None:
    raft = follower(1, 1, 2, 2, term=3)
    news = Entry(3, 3, EntryKind.NORMAL, b"news")
    output = raft.step([append((2, 1), news, term=3)])
    assert output.entries == [news]
    assert (raft.state.log.last_index, raft.state.log.persisted_index) == (3, 2)
    # The disk's answer about the entry that was replaced says nothing about the one that is there now.
    raft.step([EntriesPersisted(3, 2)])
    assert raft.state.log.persisted_index == 2


def test_5_3_entries_that_agree_stay_even_when_an_old_message_names_fewer() -> None:
    raft = follower(1, 1, 1, term=1)
    output = raft.step([append((0, 0), *entries(1), term=1)])
    assert output.entries == []
    assert raft.state.log.last_index == 3


def test_5_3_a_follower_acknowledges_entries_when_they_are_durable() -> None:
    raft = follower(1, term=1)
    output = raft.step([append((1, 1), *entries(1, 1)[1:], term=1)])
    assert output.messages == []
    output = raft.step([EntriesPersisted(2, 1)])
    assert output.messages == [AppendEntriesResult(1, 2, 1, True, 2, 0, 0)]


def test_5_3_a_follower_commits_no_further_than_the_message_vouches_for() -> None:
    raft = follower(1, 1, 1, term=2)
    raft.step([append((1, 1), term=2, commit=3)])
    assert raft.state.commit_index == 1


def test_5_3_figure_7_every_follower_ends_with_the_leaders_log() -> None:
    logs = {
        1: (1, 1, 1, 4, 4, 5, 5, 6, 6, 6),
        2: (1, 1, 1, 4, 4, 5, 5, 6, 6),
        3: (1, 1, 1, 4),
        4: (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
        5: (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
        6: (1, 1, 1, 4, 4, 4, 4),
        7: (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
    }
    cluster = Cluster(7)
    for server in cluster.servers.values():
        server.crash()
        server.log = [Entry(i, term, EntryKind.NORMAL, b"%d" % term) for i, term in enumerate(logs[server.id], 1)]
        server.hard_state = HardState(7)
        server.start()
    elected: Server = cluster.elect(1)
    elected.tick()
    cluster.settle()
    assert all(server.log == elected.log for server in cluster.servers.values())
    assert [entry.term for entry in elected.log] == [*logs[1], 8]


def test_5_3_a_leader_never_removes_its_own_entries() -> None:
    raft = leader(1, 1)
    before = raft.state.log.entries(1, 3)
    raft.step([Receive(AppendEntriesResult(2, 1, raft.term, False, 0, 3, 0))])
    assert raft.state.log.entries(1, 3) == before


# 5.4: safety


def test_5_4_1_a_vote_goes_only_to_a_log_that_is_as_new_as_the_own() -> None:
    for last_index, last_term, granted in ((2, 2, False), (3, 2, True), (9, 1, False), (1, 3, True)):
        raft = follower(1, 1, 2, term=3)
        raft.step([Receive(RequestVote(2, 1, 4, last_index, last_term))])
        assert durable(raft) == [RequestVoteResult(1, 2, 4, vote_granted=granted)]


def test_5_4_2_figure_8_an_older_terms_entry_is_not_committed_by_counting() -> None:
    raft = leader(1, 2)
    for sender in (2, 3, 4):
        raft.step([matched(sender, 2, 3)])
    assert raft.state.commit_index == 0, "the entry of term 2 is on a majority, and can still be replaced"
    for sender in (2, 3):
        output = raft.step([matched(sender, 3, 3)])
    assert [entry.index for entry in output.committed] == [1, 2, 3]


# 5.5: crashes of followers and candidates


def test_5_5_a_request_that_arrives_twice_does_no_harm() -> None:
    raft = follower(1, term=1)
    message = append((1, 1), *entries(1, 1, 1)[1:], term=1, commit=2)
    assert len(raft.step([message]).entries) == 2
    assert raft.step([message]).entries == []
    assert raft.state.log.last_index == 3


# 8: clients


def test_8_a_leader_begins_its_term_with_an_entry_that_does_nothing() -> None:
    raft = leader(1)
    assert raft.state.log.entries(2, 2) == [Entry(2, 2, EntryKind.NOOP, b"")]


def test_8_messages_for_others_and_from_oneself_are_ignored() -> None:
    raft = follower()
    for message in (RequestVote(2, 3, 7, 9, 9), RequestVote(1, 1, 7, 9, 9), RequestVote(0, 1, 7, 9, 9)):
        output = raft.step([Receive(message)])
        assert (output.messages, raft.term) == ([], 0)


def test_5_3_what_an_old_leader_vouched_for_is_not_acknowledged_to_a_new_one() -> None:
    raft = follower(1, term=1)
    raft.step([append((1, 1), *entries(1, 1, 1)[1:], term=1)])
    raft.step([EntriesPersisted(3, 1)])
    raft.step([append((1, 1), term=2, sender=3)])
    (answer,) = durable(raft)
    assert answer == AppendEntriesResult(1, 3, 2, True, 1, 0, 0), "the entries 2 and 3 may not be the new leader's"


def test_5_2_a_candidate_does_not_count_a_vote_of_an_earlier_term() -> None:
    raft = follower()
    while raft.term < 2:
        raft.step([Tick()])
        if raft.term < 2:
            durable(raft)
    for voter in (2, 3):
        raft.step([Receive(RequestVoteResult(voter, 1, 2, vote_granted=True))])
    raft.step([HardStatePersisted(1, 1)])
    assert not raft.is_leader
    raft.step([HardStatePersisted(2, 1)])
    assert raft.is_leader


def test_7_what_was_not_applied_is_not_cut() -> None:
    raft = leader(1)
    with pytest.raises(AssertionError, match="not applied"):
        raft.step([CutLog(3)])


def test_8_an_append_that_no_leader_can_have_sent_is_ignored() -> None:
    raft = follower(1, term=1)
    for news in (
        [Entry(3, 1, EntryKind.NORMAL, b"gap")],
        [Entry(2, 9, EntryKind.NORMAL, b"of a later term than the message")],
        [Entry(2, 0, EntryKind.NORMAL, b"of a lower term than the one before")],
    ):
        output = raft.step([append((1, 1), *news, term=1)])
        assert (output.messages, output.entries) == ([], [])


def test_8_an_acknowledgement_of_more_than_the_leader_has_is_ignored() -> None:
    raft = leader()
    for sender in (2, 3, 4):
        raft.step([matched(sender, 9, 1), Receive(AppendEntriesResult(sender, 1, 1, True, 1, 0, 5))])
    assert raft.state.commit_index == 0
