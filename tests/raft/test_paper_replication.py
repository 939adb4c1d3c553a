# SPDX-License-Identifier: Apache-2.0
"""What the paper (sections 5.3 to 5.5) and the dissertation (3.5 to 3.8, 10.2) say of the log, sentence by sentence."""

from __future__ import annotations

from tests.raft.cluster import Cluster, plain
from tests.raft.paper import (
    append,
    campaign,
    durable,
    entries,
    follower,
    leader,
    matched,
)
from tricord.base.log import Entry, EntryKind
from tricord.raft.events import (
    CutLog,
    EntriesPersisted,
    Propose,
    Receive,
    Tick,
)
from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    RequestVoteResult,
)


def test_5_3_a_leader_appends_and_sends_to_all_at_once() -> None:
    raft = leader()
    for sender in (2, 3, 4, 5):
        raft.step([matched(sender, 1, 1)])
    output = raft.step([Propose([b"a", b"b"])])
    assert output.answers.proposed == [2]
    assert sorted(message.receiver for message in output.messages) == [2, 3, 4, 5]
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


def test_5_3_a_leader_never_removes_its_own_entries() -> None:
    raft = leader(1, 1)
    before = raft.state.log.entries(1, 3)
    raft.step([Receive(AppendEntriesResult(2, 1, raft.term, False, 0, 3, 0))])
    assert raft.state.log.entries(1, 3) == before


def test_5_4_2_figure_8_an_older_terms_entry_is_not_committed_by_counting() -> None:
    raft = leader(1, 2)
    for sender in (2, 3, 4):
        raft.step([matched(sender, 2, 3)])
    assert raft.state.commit_index == 0, "the entry of term 2 is on a majority, and can still be replaced"
    for sender in (2, 3):
        output = raft.step([matched(sender, 3, 3)])
    assert [entry.index for entry in output.committed] == [1, 2, 3]


def test_5_5_a_request_that_arrives_twice_does_no_harm() -> None:
    raft = follower(1, term=1)
    message = append((1, 1), *entries(1, 1, 1)[1:], term=1, commit=2)
    assert len(raft.step([message]).entries) == 2
    assert raft.step([message]).entries == []
    assert raft.state.log.last_index == 3


def test_5_3_what_an_old_leader_vouched_for_is_not_acknowledged_to_a_new_one() -> None:
    raft = follower(1, term=1)
    raft.step([append((1, 1), *entries(1, 1, 1)[1:], term=1)])
    raft.step([EntriesPersisted(3, 1)])
    raft.step([append((1, 1), term=2, sender=3)])
    (answer,) = durable(raft)
    assert answer == AppendEntriesResult(1, 3, 2, True, 1, 0, 0), "the entries 2 and 3 may not be the new leader's"


def test_5_3_a_leader_tells_its_commit_index_in_every_append_and_followers_apply() -> None:
    """Section 5.3: the leader includes the highest index it knows to be committed in future AppendEntries RPCs."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster[1].propose(b"a")
    cluster.settle()
    cluster.elapse(1)
    assert [server.commands for server in cluster.servers.values()] == [[b"a"]] * 3


def test_5_3_next_index_begins_behind_the_leaders_log() -> None:
    """Section 5.3: a new leader initializes all nextIndex values to the index behind its last."""
    raft = follower(1, 1, 1)
    campaign(raft)
    raft.step([Receive(RequestVoteResult(2, 1, 2, vote_granted=True))])
    output = raft.step([Receive(RequestVoteResult(3, 1, 2, vote_granted=True))])
    appends = [message for message in output.messages if isinstance(message, AppendEntries)]
    assert [(message.prev_log_index, message.prev_log_term) for message in appends] == [(3, 1)] * 4


def test_5_3_a_leader_tries_until_a_follower_that_was_long_gone_has_everything() -> None:
    """Section 5.3: the leader retries AppendEntries RPCs indefinitely, even after it has responded to the client."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster[3].crash()
    for number in range(50):
        cluster[1].propose(b"%d" % number)
        cluster.settle()
    cluster.elapse(30, 1, 2)
    assert len(cluster[1].commands) == 50
    cluster[3].start()
    cluster.elapse(3)
    assert cluster[3].commands == cluster[1].commands


def test_5_3_one_refusal_skips_a_whole_term() -> None:
    """Section 5.3: one RPC is required for each term with conflicting entries, rather than one per entry."""
    cluster = Cluster(2, **plain())
    cluster[1].restart_with([1, 1, 1] + [5] * 30, term=5)
    cluster[2].restart_with([1, 1, 1] + [2] * 20 + [3] * 20, term=3)
    refusals: list[str] = []
    cluster.say = lambda line: refusals.append(line) if "refused behind" in line else None
    cluster.elect(1)
    assert cluster[2].log == cluster[1].log
    assert len(refusals) <= 4, "one for each of two terms, and for the end"


def test_5_3_an_entry_is_committed_with_those_of_earlier_leaders() -> None:
    """Section 5.3: this also commits all preceding entries in the leader's log, including those of previous leaders."""
    raft = leader(1, 2, 2)
    raft.step([matched(2, 4, 3)])
    output = raft.step([matched(3, 4, 3)])
    assert [entry.index for entry in output.committed] == [1, 2, 3, 4]


def test_5_3_a_slow_follower_does_not_hold_up_the_others() -> None:
    """Section 5.3 and 2: a minority of slow servers need not impact overall performance."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.cut_off.add(3)
    cluster[1].propose(b"a")
    cluster.settle()
    assert cluster[1].commands == [b"a"]


def test_5_4_3_a_leader_has_all_that_was_committed_before() -> None:
    """Section 5.4.3, leader completeness: whoever wins holds every committed entry, and commits it again."""
    cluster = Cluster(5, **plain())
    cluster.elect(1)
    cluster.cut_off |= {4, 5}
    cluster[1].propose(b"a")
    cluster.settle()
    cluster[1].crash()
    cluster.cut_off.clear()
    cluster[5].campaign()
    cluster.settle()
    assert not cluster[5].raft.is_leader, "2 and 3 have what it lacks"
    cluster.elect(2)
    cluster.elapse(1)
    assert cluster[5].commands == [b"a"]


def test_5_5_requests_to_a_crashed_server_are_sent_again() -> None:
    """Section 5.5: failures of followers are handled by retrying indefinitely."""
    cluster = Cluster(2)
    cluster.elect(1)
    cluster[2].crash()
    cluster[1].propose(b"a")
    cluster.settle()
    cluster[2].start()
    cluster.elapse(4)
    assert cluster[2].commands == [b"a"]


def test_3_8_term_vote_and_log_survive_a_restart() -> None:
    """Dissertation 3.8: each server persists its current term, its vote and the entries before responding to RPCs."""
    cluster = Cluster(3, **plain())
    cluster.elect(1)
    cluster[1].propose(b"a")
    cluster.settle()
    for server in cluster.servers.values():
        server.crash()
        server.start()
        assert server.raft.term == 1
        assert server.raft.state.persistent.voted_for == 1
        assert server.raft.state.log.last_index == 2


def test_3_8_no_answer_leaves_before_what_it_says_is_on_disk() -> None:
    """Dissertation 3.8: a server that answers and forgets could vote twice, or lose an entry that was counted."""
    raft = follower(1, term=1)
    output = raft.step([append((1, 1), *entries(1, 2)[1:], term=2)])
    assert output.messages == []
    assert durable(raft) == [], "the term is durable, the entry is not"
    (answer,) = raft.step([EntriesPersisted(2, 2)]).messages
    assert answer == AppendEntriesResult(1, 2, 2, True, 2, 0, 0)


def test_3_8_a_restart_knows_no_commit_index_and_learns_it_from_the_leader() -> None:
    """Dissertation 3.8: the commit index can safely be reinitialized to zero on a restart."""
    raft = follower(1, 1, 1)
    assert raft.state.commit_index == 0
    output = raft.step([append((3, 1), term=1, commit=2)])
    assert (raft.state.commit_index, [entry.index for entry in output.committed]) == (2, [1, 2])


def test_10_2_1_a_leader_sends_entries_beside_its_own_disks_work() -> None:
    """Dissertation 10.2.1: the leader can write to its disk in parallel with replicating to the followers."""
    raft = leader()
    raft.step([matched(voter, 1, 1) for voter in (2, 3, 4, 5)])
    output = raft.step([Propose([b"a"])])
    assert len(output.entries) == 1
    assert len([message for message in output.messages if isinstance(message, AppendEntries)]) == 4


def test_10_2_1_entries_are_sent_ahead_of_acknowledgements() -> None:
    """Dissertation 10.2.1, pipelining: nextIndex moves on as soon as a message is sent."""
    raft = leader()
    raft.step([matched(voter, 1, 1) for voter in (2, 3, 4, 5)])
    sent = []
    for command in (b"a", b"b", b"c"):
        output = raft.step([Propose([command])])
        sent += [m.prev_log_index for m in output.messages if isinstance(m, AppendEntries) and m.receiver == 2]
    assert sent == [1, 2, 3]


def test_7_who_is_behind_the_logs_base_is_told_of_commits_by_heartbeats_alone() -> None:
    raft = leader()
    raft.step([matched(voter, 1, 1) for voter in (2, 3, 4, 5)])
    raft.step([Propose([b"a", b"b"])])
    raft.step([EntriesPersisted(3, 1), *[matched(voter, 3, 1) for voter in (2, 3, 4)]])
    raft.step([CutLog(4)])
    for _ in range(3):
        output = raft.step([matched(5, 2, 1)])
        assert raft.state.progress[5].match_index < raft.state.log.base_index
        assert output.messages == [], "nothing that it could be told"
    heartbeats = [message for _ in range(5) for message in raft.step([Tick()]).messages]
    assert {message.receiver for message in heartbeats} == {2, 3, 4, 5}


def test_10_2_2_commands_of_one_step_share_one_message() -> None:
    """Dissertation 10.2.2, batching: several requests are collected into one AppendEntries."""
    raft = leader()
    raft.step([matched(voter, 1, 1) for voter in (2, 3, 4, 5)])
    output = raft.step([Propose([b"a"]), Propose([b"b", b"c"])])
    assert output.answers.proposed == [2, 3]
    appends = [message for message in output.messages if isinstance(message, AppendEntries)]
    assert [len(message.entries) for message in appends] == [3] * 4
