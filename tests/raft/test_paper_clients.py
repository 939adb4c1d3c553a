# SPDX-License-Identifier: Apache-2.0
"""What the paper (sections 7, 8) and the dissertation (3.10, chapters 5, 6) say of clients, transfers and snapshots,
sentence by sentence."""

from __future__ import annotations

import pytest

from tests.raft.cluster import Cluster, Server
from tests.raft.paper import (
    VOTERS,
    append,
    follower,
    leader,
    matched,
)
from tricord.base.log import Entry, EntryKind
from tricord.base.membership import Configuration
from tricord.raft import Role
from tricord.raft.events import (
    CutLog,
    EntriesPersisted,
    Propose,
    ReadIndex,
    Receive,
    SnapshotInstalled,
    Tick,
    TransferLeadership,
)
from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    InstallSnapshot,
    InstallSnapshotResult,
    RequestVote,
    RequestVoteResult,
    TimeoutNow,
)
from tricord.raft.output import FORWARDED


def test_8_a_leader_begins_its_term_with_an_entry_that_does_nothing() -> None:
    raft = leader(1)
    assert raft.state.log.entries(2, 2) == [Entry(2, 2, EntryKind.NOOP, b"")]


def test_8_messages_for_others_and_from_oneself_are_ignored() -> None:
    raft = follower()
    for message in (RequestVote(2, 3, 7, 9, 9), RequestVote(1, 1, 7, 9, 9), RequestVote(0, 1, 7, 9, 9)):
        output = raft.step([Receive(message)])
        assert (output.messages, raft.term) == ([], 0)


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


def test_6_4_a_read_waits_for_a_majority_that_confirms_the_leader_after_it_came() -> None:
    """Dissertation 6.4, step 3: a round of heartbeats, acknowledged by a majority of the cluster."""
    raft = leader()
    raft.step([matched(voter, 1, 1) for voter in (2, 3)])
    output = raft.step([ReadIndex(7)])
    rounds = {message.read_round for message in output.messages if isinstance(message, AppendEntries)}
    assert len(rounds) == 1
    (number,) = rounds
    assert raft.step([matched(2, 1, 1, number)]).answers.reads == []
    assert raft.step([matched(2, 1, 1, number)]).answers.reads == [], "the same one once more"
    assert raft.step([matched(3, 1, 1, number)]).answers.reads == [(7, 1)]


def test_6_4_an_answer_to_an_earlier_round_confirms_nothing() -> None:
    """Dissertation 6.4: the leader must not have been replaced after the read came."""
    raft = leader()
    raft.step([matched(voter, 1, 1) for voter in (2, 3)])
    raft.step([ReadIndex(1)])
    first = raft.state.read_round
    raft.step([matched(voter, 1, 1, first) for voter in (2, 3)])
    raft.step([ReadIndex(2)])
    assert raft.step([matched(voter, 1, 1, first) for voter in (2, 3, 4, 5)]).answers.reads == []


def test_6_4_a_read_waits_for_the_leaders_first_commit_in_its_term() -> None:
    """Dissertation 6.4, step 1: until then it may not know which entries are committed."""
    raft = leader(1, 1)
    raft.step([ReadIndex(1)])
    number = raft.state.read_round
    output = raft.step([Receive(AppendEntriesResult(voter, 1, 2, True, 2, 0, number)) for voter in (2, 3)])
    assert output.answers.reads == []
    output = raft.step([matched(voter, 3, 2, number) for voter in (2, 3)])
    for _ in range(2):
        number = raft.state.read_round
        output.answers.reads += raft.step([matched(voter, 3, 2, number) for voter in (2, 3)]).answers.reads
    assert output.answers.reads == [(1, 3)]


def test_6_4_all_reads_at_hand_share_one_round() -> None:
    """Dissertation 6.4: the cost of a round can be amortized across any number of read-only queries."""
    raft = leader()
    raft.step([matched(voter, 1, 1) for voter in (2, 3, 4, 5)])
    output = raft.step([ReadIndex(context) for context in range(100)])
    assert len(output.messages) == 4
    output = raft.step([matched(voter, 1, 1, raft.state.read_round) for voter in (2, 3)])
    assert [context for context, _ in output.answers.reads] == list(range(100))


def test_6_4_a_leader_that_is_deposed_drops_its_reads() -> None:
    """Dissertation 6.4: only a leader knows what is committed."""
    raft = leader()
    raft.step([matched(voter, 1, 1) for voter in (2, 3)])
    raft.step([ReadIndex(1)])
    assert raft.step([append((1, 1), term=2)]).answers.reads_dropped == [1]


def test_6_4_a_follower_asks_its_leader_for_the_read_index() -> None:
    """Dissertation 6.4: followers can help with read-only queries; they ask the leader for a current read index."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster[1].propose(b"a")
    cluster.settle()
    cluster[2].read(1)
    cluster.settle()
    assert cluster[2].reads == [(1, 2)]


def test_6_4_a_learner_may_read_too() -> None:
    """Dissertation 6.4 and 4.2.1: whoever has a leader may ask it."""
    cluster = Cluster(4, learners=(4,))
    cluster.elect(1)
    cluster.elapse(1)
    cluster[4].read(1)
    cluster.settle()
    assert cluster[4].reads == [(1, 1)]


def test_6_4_a_sole_voter_confirms_itself() -> None:
    """Dissertation 6.4: a majority of one."""
    cluster = Cluster(1)
    cluster.settle()
    cluster[1].read(1)
    assert cluster[1].reads == [(1, 1)]


def lessor(count: int = 3) -> tuple[Cluster, Server]:
    """A cluster that reads by lease, and its leader. Nobody votes in the first election timeout of its process."""
    cluster = Cluster(count, lease_reads=True)
    cluster.elapse(40)
    (led,) = cluster.leaders().values()
    return cluster, cluster[led[0]]


def test_6_4_1_a_lease_answers_without_messages_and_ends_in_time() -> None:
    """Dissertation 6.4.1: a majority that acknowledged a heartbeat elects nobody for an election timeout."""
    cluster, leading = lessor()
    leading.read(1)
    assert ([context for context, _ in leading.reads], cluster.network) == ([1], [])
    cluster.cut_off.add(leading.id)
    leading.tick(10)
    leading.read(2)
    assert [context for context, _ in leading.reads] == [1]


def test_6_4_1_nobody_is_elected_before_a_lease_can_have_ended() -> None:
    """Dissertation 6.4.1: as long as clocks run alike, no other server is elected during a lease."""
    cluster, leading = lessor()
    others = [id for id in cluster.servers if id != leading.id]
    cluster.cut_off.add(leading.id)
    for tick in range(100):
        leading.tick()
        cluster.elapse(1, *others)
        leading.read(tick)
        if any(cluster[id].raft.is_leader for id in others):
            break
    assert 0 < len(leading.reads) < tick, "the lease was over before another was elected"


def test_6_4_1_a_late_answer_renews_a_lease_from_when_its_heartbeat_left() -> None:
    """Dissertation 6.4.1: the lease begins at the start of the round, for only then the followers' patience does."""
    cluster, leading = lessor()
    leading.tick()
    cluster.deliver()
    cluster.hold()
    leading.tick(9)
    cluster.lose()
    cluster.free()
    cluster.deliver()
    leading.read(1)
    assert leading.reads == []


def test_6_4_1_a_voter_that_restarts_votes_for_nobody_while_a_lease_may_hold() -> None:
    """Dissertation 6.4.1: it forgot when it heard its leader; the leader's lease may count on it."""
    cluster, leading = lessor()
    term = leading.raft.term
    voter = next(server for server in cluster.servers.values() if server is not leading)
    voter.crash()
    voter.start()
    voter.tick(9)
    for pre_vote in (True, False):
        voter.step(Receive(RequestVote(9, voter.id, term + 1, 99, term, pre_vote=pre_vote)))
        cluster.settle()
    assert (voter.raft.term, voter.raft.state.persistent.voted_for) == (term, leading.id)


def test_6_4_1_an_order_to_campaign_ends_the_lease_for_good() -> None:
    """Dissertation 6.4.1: the lease is given up before the lead is; the order may arrive after the leader resumed."""
    cluster, leading = lessor()
    target, other = (id for id in cluster.servers if id != leading.id)
    leading.step(TransferLeadership(target))
    cluster.hold(lambda message: isinstance(message, TimeoutNow))
    cluster.cut_off.add(target)
    cluster.elapse(11, leading.id, other)
    assert leading.raft.state.transferee == 0
    cluster.hold()
    leading.read(1)
    assert leading.reads == [], "it asks as without a lease"
    cluster.settle()
    assert [context for context, _ in leading.reads] == [1]


def test_6_4_1_a_message_of_a_newer_term_does_not_end_a_voters_promise() -> None:
    """Dissertation 6.4.1: a voter that acknowledged a heartbeat elects nobody for an election timeout, in any term."""
    cluster, leading = lessor()
    voter = next(server for server in cluster.servers.values() if server is not leading)
    term = leading.raft.term
    voter.step(Receive(RequestVoteResult(9, voter.id, term + 1, vote_granted=False)))
    output = voter.step(Receive(RequestVote(9, voter.id, term + 2, 99, term)))
    cluster.settle()
    assert output.messages == []
    assert voter.raft.state.persistent.voted_for != 9


def test_6_4_1_a_pause_counts_against_a_lease() -> None:
    """Dissertation 6.4.1: it assumes bounds that scheduling and pauses break; the host says how long it was paused."""
    cluster, leading = lessor()
    cluster.cut_off.add(leading.id)
    leading.step(Tick(paused=20), ReadIndex(1))
    assert leading.reads == []


def test_6_2_a_server_that_does_not_lead_passes_a_request_on_or_refuses_it() -> None:
    """Dissertation 6.2: either reject the request and name the leader, or forward it."""
    cluster = Cluster(3)
    assert cluster[2].propose(b"a") == 0, "nobody leads"
    cluster.elect(1)
    cluster.elapse(1)
    assert cluster[2].propose(b"a") == FORWARDED
    cluster.settle()
    assert [output.answers.forwarded for output in cluster[2].outputs if output.answers.forwarded] == [[(1, 2, 1)]]
    cluster.elapse(1)
    assert cluster[2].commands == [b"a"]
    raft = follower(1, term=1)
    raft.step([append((1, 1), term=1)])
    assert raft.step([Propose([b"a"])]).answers.proposed == [0]
    assert raft.state.leader_id == 2, "the host can tell whom to ask"


def test_6_2_a_forwarded_request_is_given_up_with_its_leader() -> None:
    """Dissertation 6.2: the one that was asked may have done it or not."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    cluster[2].propose(b"a")
    cluster.network.clear()
    cluster[1].crash()
    cluster.elapse(100)
    assert [output.answers.lost for output in cluster[2].outputs if output.answers.lost] == [[1]]


def test_3_10_the_lead_goes_to_a_server_that_has_the_whole_log() -> None:
    """Dissertation 3.10: the leader stops taking requests, fills the target's log, and tells it to campaign."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    cluster[1].propose(b"a")
    cluster.lose(lambda message: message.receiver == 2)
    output = cluster[1].step(TransferLeadership(2))
    assert output.answers.transfers == [None]
    assert cluster[1].raft.state.transferee == 2
    assert cluster[1].propose(b"b") == 0
    cluster.settle()
    cluster.elapse(3)
    assert cluster.leaders() == {2: [2]}
    assert cluster[2].commands == [b"a"]


def test_3_10_the_target_does_not_wait_for_its_timeout() -> None:
    """Dissertation 3.10: on TimeoutNow it starts an election at once, though all hear the leader."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    cluster[1].step(TransferLeadership(2))
    cluster.settle()
    assert cluster.leaders() == {2: [2]}


def test_3_10_a_transfer_that_takes_an_election_timeout_is_over() -> None:
    """Dissertation 3.10: if it does not complete after about an election timeout, the leader resumes."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    cluster.cut_off.add(2)
    cluster[1].step(TransferLeadership(2))
    cluster.elapse(9, 1, 3)
    assert cluster[1].raft.state.transferee == 2
    cluster.elapse(2, 1, 3)
    assert cluster[1].raft.state.transferee == 0
    assert cluster[1].propose(b"a") > 0


def test_3_10_an_order_of_an_older_term_starts_nothing() -> None:
    """Dissertation 3.10: it is a request as any other, with a term."""
    raft = follower(1, term=3)
    raft.step([append((1, 1), term=3)])
    raft.step([Receive(TimeoutNow(2, 1, 2))])
    assert (raft.state.role, raft.term) == (Role.FOLLOWER, 3)


def test_3_10_a_leader_whose_disk_gives_no_answer_hands_over() -> None:
    """Dissertation 3.10: the leader may have to step down, such as when it is to be shut down, or worse."""
    cluster = Cluster(3, handover_ticks=4)
    cluster.elect(1)
    cluster.elapse(1)
    cluster.stalled.add(1)
    cluster[1].propose(b"a")
    cluster.elapse(8)
    (led,) = cluster.leaders().values()
    assert led[0] in (2, 3)
    assert cluster[led[0]].commands == [b"a"]
    assert cluster[led[0]].raft.term == 2, "no election but this one"


def test_7_a_follower_whose_next_entry_is_gone_is_brought_a_snapshot() -> None:
    """Section 7: the leader must occasionally send snapshots to followers that lag behind."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    cluster.cut_off.add(3)
    cluster[1].propose(b"a", b"b")
    cluster.settle()
    cluster[1].snapshot()
    cluster.cut_off.clear()
    cluster.elapse(4)
    assert [output.snapshots_wanted for output in cluster[1].outputs if output.snapshots_wanted] == [[3]]
    cluster[1].bring_snapshot(cluster[3])
    cluster.settle()
    assert cluster[3].disk.base == (3, 1)
    cluster[1].propose(b"c")
    cluster.settle()
    cluster.elapse(3)
    assert cluster[3].commands == [b"a", b"b", b"c"]


def test_7_a_snapshot_takes_the_place_of_a_log_that_lacks_its_end() -> None:
    """Figure 13, 7: discard the entire log; the answer waits for the disk."""
    raft = follower(1, 1, term=2)
    snapshot = InstallSnapshot(2, 1, 2, 9, 2, Configuration((1, 2)))
    output = raft.step([Receive(snapshot)])
    assert (output.install, output.messages, output.committed) == (snapshot, [], [])
    output = raft.step([SnapshotInstalled(9, 2)])
    assert output.messages == [InstallSnapshotResult(1, 2, 2, 9)]
    log = raft.state.log
    assert (log.base_index, log.base_term, log.last_index, raft.state.commit_index) == (9, 2, 9, 9)
    assert raft.state.configuration == Configuration((1, 2))


def test_7_a_snapshot_whose_last_entry_is_in_the_log_keeps_what_is_behind_it() -> None:
    """Figure 13, 6: if an entry has the index and term of the snapshot's last, retain the log behind it."""
    raft = follower(1, 1, 1)
    raft.step([append((1, 1), term=1, commit=1)])
    output = raft.step([Receive(InstallSnapshot(2, 1, 1, 2, 1, Configuration(VOTERS)))])
    assert (output.install, raft.state.log.last_index) == (None, 3)
    assert [entry.index for entry in output.committed] == [2]


def test_7_a_snapshot_of_what_is_committed_already_changes_nothing() -> None:
    """Section 7: a snapshot may describe a prefix of the log (a retransmission, a mistake); the rest stays valid."""
    raft = follower(1, 1, 1)
    raft.step([append((3, 1), term=1, commit=3)])
    output = raft.step([Receive(InstallSnapshot(2, 1, 1, 2, 1, Configuration(VOTERS)))])
    assert output.install is None
    assert raft.state.log.last_index == 3
    assert any(isinstance(message, InstallSnapshotResult) for message in output.messages)


def test_7_a_snapshot_of_an_older_term_is_refused() -> None:
    """Figure 13, 1: it has no effect. That its term is over, its sender learns by its heartbeats."""
    raft = follower(1, term=5)
    output = raft.step([Receive(InstallSnapshot(2, 1, 4, 9, 4, Configuration(VOTERS)))])
    assert (output.install, raft.term, raft.state.leader_id) == (None, 5, 0)


def test_7_a_snapshot_that_no_leader_can_have_sent_is_ignored() -> None:
    """Figure 13: a snapshot's last entry is of the leader's term, or of one before."""
    raft = follower(1, term=2)
    output = raft.step([Receive(InstallSnapshot(2, 1, 2, 9, 3, Configuration(VOTERS)))])
    assert (output.install, output.messages, raft.state.leader_id) == (None, [], 0)


def test_7_nothing_is_handed_out_while_a_snapshot_is_installed() -> None:
    """Section 7: the state machine is reset with the snapshot's contents before anything behind it is applied."""
    raft = follower(1, 1, term=2)
    raft.step([Receive(InstallSnapshot(2, 1, 2, 5, 2, Configuration(VOTERS)))])
    news = Entry(6, 2, EntryKind.NORMAL, b"news")
    output = raft.step([append((5, 2), news, term=2, commit=6)])
    assert output.committed == []
    output = raft.step([SnapshotInstalled(5, 2)])
    output = raft.step([EntriesPersisted(6, 2)])
    assert [entry.index for entry in output.committed] in ([6], [])
    if not output.committed:
        assert raft.step([append((5, 2), news, term=2, commit=6)]).committed == []
