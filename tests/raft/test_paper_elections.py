# SPDX-License-Identifier: Apache-2.0
"""What the paper (sections 5.1, 5.2, 5.4.1) and the dissertation (3.4, 4.2.3, 6.2, 9.6) say of elections, sentence by
sentence."""

from __future__ import annotations

from tests.raft.cluster import Cluster
from tests.raft.paper import (
    VOTERS,
    append,
    campaign,
    durable,
    elected,
    follower,
    leader,
    matched,
    vote_request,
)
from tricord.base.log import HardState
from tricord.raft import Raft, RaftConfig, Role
from tricord.raft.events import (
    HardStatePersisted,
    Receive,
    Tick,
)
from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    RequestVote,
    RequestVoteResult,
)


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


def test_5_4_1_a_vote_goes_only_to_a_log_that_is_as_new_as_the_own() -> None:
    for last_index, last_term, granted in ((2, 2, False), (3, 2, True), (9, 1, False), (1, 3, True)):
        raft = follower(1, 1, 2, term=3)
        raft.step([Receive(RequestVote(2, 1, 4, last_index, last_term))])
        assert durable(raft) == [RequestVoteResult(1, 2, 4, vote_granted=granted)]


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


def test_5_2_only_answers_of_a_majority_of_all_count_not_of_those_that_answered() -> None:
    """Section 5.2: a candidate wins with votes from a majority of the servers in the full cluster."""
    raft = follower()
    campaign(raft)
    raft.step([Receive(RequestVoteResult(2, 1, 1, vote_granted=True))])
    raft.step([Receive(RequestVoteResult(2, 1, 1, vote_granted=True))])
    assert raft.state.role is Role.CANDIDATE, "two of five, one of them twice"


def test_5_2_a_majority_of_refusals_ends_a_candidacy() -> None:
    """Section 5.2: a candidate that cannot win waits for another leader, or for its next timeout."""
    raft = follower()
    campaign(raft)
    for voter in (2, 3, 4):
        raft.step([Receive(RequestVoteResult(voter, 1, 1, vote_granted=False))])
    assert raft.state.role is Role.FOLLOWER
    assert raft.term == 1


def test_5_2_an_append_of_an_older_term_does_not_end_a_candidacy() -> None:
    """Section 5.2: if the term in the RPC is smaller than the candidate's, it goes on as a candidate."""
    raft = follower(term=3)
    campaign(raft)
    (refused,) = raft.step([append((0, 0), term=3)]).messages
    assert (refused, raft.state.role) == (AppendEntriesResult(1, 2, 4, False, 0, 0, 0), Role.CANDIDATE)


def test_5_2_a_granted_vote_is_a_sign_of_life_and_a_refused_one_is_not() -> None:
    """Figure 2, followers: the timeout begins anew when a vote is granted, not when one is refused."""
    for last, granted in (((1, 1), True), ((0, 0), False)):
        raft = follower(1, term=1)
        for _ in range(9):
            raft.step([Tick()])
        raft.step([vote_request(2, 2, last)])
        durable(raft)
        ticks = 0
        while raft.state.role is Role.FOLLOWER:
            raft.step([Tick()])
            ticks += 1
        assert (ticks >= 10) is granted


def test_5_2_an_append_of_an_older_term_is_no_sign_of_life() -> None:
    """Figure 2, followers: only the current leader's AppendEntries keeps a follower quiet."""
    raft = follower(term=5)
    for _ in range(20):
        raft.step([append((0, 0), term=4), Tick()])
    assert raft.state.role is Role.CANDIDATE


def test_5_1_each_server_takes_a_term_from_any_message() -> None:
    """Section 5.1: if one server's current term is smaller than the other's, it takes the larger one."""
    for message in (
        RequestVote(2, 1, 9, 0, 0),
        RequestVoteResult(2, 1, 9, vote_granted=False),
        AppendEntries(2, 1, 9, 0, 0, [], 0, 0),
        AppendEntriesResult(2, 1, 9, False, 0, 0, 0),
    ):
        raft = follower(term=3)
        output = raft.step([Receive(message)])
        assert raft.term == 9
        assert output.hard_state is not None and output.hard_state.term == 9


def test_5_1_a_leader_that_sees_a_higher_term_in_an_answer_steps_down() -> None:
    """Section 5.1: a leader that discovers that its term is out of date reverts to follower at once."""
    raft = leader(1)
    raft.step([Receive(AppendEntriesResult(2, 1, 7, False, 0, 0, 0))])
    assert (raft.state.role, raft.term, raft.state.leader_id) == (Role.FOLLOWER, 7, 0)


def test_5_1_results_of_an_older_term_are_ignored() -> None:
    """Section 5.1: requests with a stale term are rejected; stale results change nothing."""
    raft = leader(1, 1)
    output = raft.step([matched(2, 3, raft.term - 1), Receive(RequestVoteResult(4, 1, 1, vote_granted=False))])
    assert output.messages == []
    assert raft.state.progress[2].match_index == 0


def test_5_4_1_the_log_with_the_later_last_term_is_newer_and_of_one_term_the_longer() -> None:
    """Section 5.4.1: what up to date means, on both sides of each border."""
    for last, granted in {(2, 1): False, (3, 1): True, (4, 1): True, (1, 2): True, (9, 0): False}.items():
        raft = follower(1, 1, 1)
        raft.step([vote_request(2, 2, last)])
        assert durable(raft) == [RequestVoteResult(1, 2, 2, vote_granted=granted)], last


def test_9_6_a_pre_vote_changes_neither_term_nor_vote_nor_patience() -> None:
    """Dissertation 9.6: the asked server promises nothing, so that it may say yes to several."""
    raft = follower(1, pre_vote=True)
    for _ in range(9):
        raft.step([Tick()])
    elapsed = raft.state.election_elapsed_ticks
    for candidate in (2, 3):
        output = raft.step([vote_request(candidate, 2, (1, 1), pre_vote=True)])
        assert output.messages == [RequestVoteResult(1, candidate, 2, vote_granted=True, pre_vote=True)]
        assert output.hard_state is None
    assert (raft.term, raft.state.persistent.voted_for, raft.state.election_elapsed_ticks) == (1, 0, elapsed)


def test_9_6_a_pre_vote_goes_to_a_log_that_could_win() -> None:
    """Dissertation 9.6: other servers would grant it their votes if the candidate's log is up to date."""
    raft = follower(1, 1, pre_vote=True)
    (refused,) = raft.step([vote_request(2, 2, (1, 1), pre_vote=True)]).messages
    assert isinstance(refused, RequestVoteResult)
    assert (refused.vote_granted, refused.pre_vote) == (False, True)


def test_9_6_a_pre_vote_is_refused_by_who_hears_a_leader() -> None:
    """Dissertation 9.6: and if it has not heard from a valid leader for at least a baseline election timeout."""
    raft = follower(1, pre_vote=True, check_quorum=True)
    raft.step([append((1, 1), term=1)])
    refused = raft.step([vote_request(3, 2, (1, 1), pre_vote=True)]).messages
    assert all(isinstance(message, RequestVoteResult) and not message.vote_granted for message in refused)
    for _ in range(10):
        raft.step([Tick()])
    if raft.state.role is Role.FOLLOWER:
        (granted,) = raft.step([vote_request(3, 2, (1, 1), pre_vote=True)]).messages
        assert isinstance(granted, RequestVoteResult) and granted.vote_granted


def test_9_6_a_candidate_enters_the_term_when_a_majority_would_vote_for_it() -> None:
    """Dissertation 9.6: a candidate increments its term only if it first learns that it could win."""
    raft = follower(1, pre_vote=True)
    messages: list[object] = []
    while not messages:
        messages = list(raft.step([Tick()]).messages)
    assert messages == [RequestVote(1, voter, 2, 1, 1, pre_vote=True) for voter in (2, 3, 4, 5)]
    assert raft.term == 1
    raft.step([Receive(RequestVoteResult(2, 1, 2, vote_granted=True, pre_vote=True))])
    assert raft.term == 1, "two of five would"
    output = raft.step([Receive(RequestVoteResult(3, 1, 2, vote_granted=True, pre_vote=True))])
    assert output.hard_state == HardState(2, 1, 0)
    assert durable(raft) == [RequestVote(1, voter, 2, 1, 1) for voter in (2, 3, 4, 5)]


def test_9_6_a_pre_vote_is_no_vote() -> None:
    """Dissertation 9.6: what was granted in the first round does not count in the second."""
    raft = follower(1, pre_vote=True)
    campaign(raft)
    for voter in (2, 3, 4, 5):
        raft.step([Receive(RequestVoteResult(voter, 1, 2, vote_granted=True, pre_vote=True))])
    assert raft.state.role is Role.CANDIDATE


def test_4_2_3_who_heard_its_leader_keeps_its_vote_and_its_term() -> None:
    """Dissertation 4.2.3: a request within the minimum election timeout of hearing from a leader changes nothing."""
    raft = follower(1, check_quorum=True)
    raft.step([append((1, 1), term=1)])
    for _ in range(9):
        raft.step([Tick()])
    output = raft.step([vote_request(3, 5, (9, 4))])
    assert (raft.term, output.hard_state) == (1, None)


def test_4_2_3_the_leader_itself_is_not_disturbed_either() -> None:
    """Dissertation 4.2.3: a leader hears itself."""
    raft = elected(follower(1, check_quorum=True))
    raft.step([matched(voter, 2, raft.term) for voter in (2, 3)])
    raft.step([vote_request(4, 9, (9, 8))])
    assert raft.is_leader


def test_4_2_3_an_election_that_the_leader_asked_for_is_no_disturbance() -> None:
    """Dissertation 4.2.3: a RequestVote that is part of a leadership transfer carries a flag, and is answered."""
    raft = follower(1, check_quorum=True)
    raft.step([append((1, 1), term=1)])
    raft.step([vote_request(3, 2, (1, 1), transfer=True)])
    assert durable(raft) == [RequestVoteResult(1, 3, 2, vote_granted=True)]


def test_6_2_a_leader_that_no_majority_answers_for_an_election_timeout_steps_down() -> None:
    """Dissertation 6.2: so that clients of a leader that is cut off try another server."""
    raft = elected(follower(1, check_quorum=True))
    for _ in range(60):
        raft.step([Tick(), matched(2, 2, raft.term), matched(3, 2, raft.term)])
    assert raft.is_leader, "two of four others, and itself"
    ticks = 0
    while raft.is_leader:
        raft.step([Tick(), matched(2, 2, raft.term)])
        ticks += 1
    assert 10 <= ticks <= 20
    assert raft.state.role is Role.FOLLOWER


def test_5_2_equals_of_a_high_priority_do_not_collide_for_ever() -> None:
    """Section 5.2: who campaigned in vain draws from the whole range, or split votes would go on."""
    for pre_vote in (True, False):
        cluster = Cluster(3, priority=100, pre_vote=pre_vote)
        cluster.elapse(200)
        assert len(cluster.leaders()) == 1
