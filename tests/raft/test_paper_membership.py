# SPDX-License-Identifier: Apache-2.0
"""What the dissertation's chapter 4 says of changes of the members, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.raft.cluster import Cluster, Server
from tests.raft.paper import (
    VOTERS,
    append,
    campaign,
    configuration_entry,
    durable,
    elected,
    entries,
    follower,
    leader,
    matched,
    server,
    vote_request,
)
from tricord.base.log import Entry, EntryKind
from tricord.base.membership import AddLearner, AddVoter, Change, Configuration, Demote, Promote, Remove, UpdateInfo
from tricord.raft import Output, Role
from tricord.raft.events import (
    ChangeConfiguration,
    LeaveJoint,
    Receive,
)
from tricord.raft.messages import (
    AppendEntries,
    RequestVoteResult,
)
from tricord.raft.output import Refusal


def four(**options: Any) -> Cluster:
    """1, 2 and 3, led by 1, and a 4 that knows nobody."""
    cluster = Cluster(3, **options)
    cluster.elect(1)
    cluster.elapse(1)
    cluster.add_server(4)
    return cluster


def refusal(output: Output) -> Refusal | None:
    """The answer to one change."""
    (outcome,) = output.answers.configuration_changes
    assert (outcome.index == 0) is (outcome.refusal is not None)
    return outcome.refusal


def who(server: Server) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Voters, outgoing voters and learners, as a server knows them."""
    configuration = server.raft.state.configuration
    return configuration.voters, configuration.outgoing, configuration.learners


def test_4_1_a_configuration_is_in_force_when_it_is_appended() -> None:
    """Section 4.1: servers use the latest configuration in their logs, whether or not it is committed."""
    cluster = four()
    output = cluster[1].change(AddVoter(4), joint=False)
    assert refusal(output) is None
    assert output.configuration == cluster[1].raft.state.configuration
    assert who(cluster[1]) == ((1, 2, 3, 4), (), ())
    cluster.deliver(lambda message: message.receiver == 2)
    assert cluster[2].raft.state.configuration.voters == (1, 2, 3, 4)
    assert cluster[3].raft.state.configuration.voters == (1, 2, 3)


def test_4_1_the_new_majority_commits_the_change() -> None:
    """Section 4.1: the new configuration entry is committed under the new configuration: here by three of four."""
    cluster = four()
    cluster.cut_off |= {3, 4}
    cluster[1].change(AddVoter(4), joint=False)
    cluster.settle()
    assert cluster[1].raft.state.commit_index == 1, "two of four"
    cluster.cut_off.clear()
    cluster.elapse(3)
    assert cluster[4].raft.state.commit_index >= 2


def test_4_1_a_change_waits_for_the_one_before() -> None:
    """Section 4.1: a new membership change can start only when the previous one is committed."""
    cluster = four()
    cluster.cut_off |= {2, 3}
    assert refusal(cluster[1].change(AddVoter(4), joint=False)) is None
    assert refusal(cluster[1].change(Remove(3), joint=False)) is Refusal.CHANGE_PENDING
    cluster.cut_off.clear()
    cluster.elapse(3)
    assert refusal(cluster[1].change(Remove(3), joint=False)) is None


def test_4_1_two_changes_of_one_step_are_two_changes() -> None:
    """Section 4.1, within one step as well."""
    cluster = four()
    output = cluster[1].step(ChangeConfiguration([AddVoter(4)], False), ChangeConfiguration([Remove(2)], False))
    assert [outcome.refusal for outcome in output.answers.configuration_changes] == [None, Refusal.CHANGE_PENDING]


def test_4_1_a_leader_changes_nothing_before_it_committed_in_its_term() -> None:
    """The bug of section 4.1 as printed, and its fix (Ongaro to raft-dev, 2015): commit in the own term first."""
    raft = leader(1)
    assert refusal(raft.step([ChangeConfiguration([Remove(5)], False)])) is Refusal.NOT_READY
    raft.step([matched(voter, 2, raft.term) for voter in (2, 3)])
    assert refusal(raft.step([ChangeConfiguration([Remove(5)], False)])) is None


def test_4_1_a_change_that_is_replaced_is_undone() -> None:
    """Section 4.1: a server must be prepared to fall back to the previous configuration in its log."""
    raft = server([*entries(1, 1), configuration_entry(3, 1, Configuration((1, 2, 3, 4, 5, 6)))])
    assert raft.state.configuration.voters == (1, 2, 3, 4, 5, 6)
    output = raft.step([append((2, 1), Entry(3, 2, EntryKind.NOOP, b""), term=2)])
    assert output.configuration == raft.state.configuration == Configuration(VOTERS)


def test_4_1_a_restart_finds_the_logs_last_configuration() -> None:
    """Section 4.1: the latest configuration is the one in the log, or else in the snapshot."""
    log = [configuration_entry(1, 1, Configuration((1, 2))), configuration_entry(2, 1, Configuration((1, 3)))]
    assert server(log).state.configuration.voters == (1, 3)


def test_4_1_an_append_of_a_leader_outside_the_own_configuration_is_accepted() -> None:
    """Section 4.1: otherwise no server could be added, for it would accept no entry before the one that adds it."""
    raft = follower(1, term=1)
    output = raft.step([append((1, 1), *entries(1, 1)[1:], term=1, sender=9)])
    assert [entry.index for entry in output.entries] == [2]
    assert raft.state.leader_id == 9


def test_4_1_a_vote_may_go_to_a_candidate_outside_the_own_configuration() -> None:
    """Section 4.1: it may be needed to keep the cluster available: a voter that lags knows no newer members."""
    raft = follower(1, term=1)
    raft.step([vote_request(9, 2, (2, 1))])
    assert durable(raft) == [RequestVoteResult(1, 9, 2, vote_granted=True)]


def test_4_1_a_lagging_voter_keeps_a_grown_cluster_available() -> None:
    """Section 4.1, the reason for it: 2 has not heard of 4 and 5, and its vote is needed to elect one of them."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    for id in (4, 5):
        cluster.add_server(id)
    cluster.cut_off.add(2)
    assert refusal(cluster[1].change(AddVoter(4), AddVoter(5))) is None
    cluster.elapse(4, 1, 3, 4, 5)
    assert who(cluster[4]) == ((1, 2, 3, 4, 5), (), ())
    cluster[1].crash()
    cluster[3].crash()
    cluster.cut_off.clear()
    cluster.elapse(100)
    assert [id for ids in cluster.leaders().values() for id in ids] in ([4], [5])


def test_4_2_1_a_learner_gets_the_log_and_counts_for_nothing() -> None:
    """Section 4.2.1: a new server joins as a non-voting member; it counts neither for votes nor for commitment."""
    cluster = four()
    assert refusal(cluster[1].change(AddLearner(4))) is None
    cluster.settle()
    cluster.elapse(2)
    assert who(cluster[4]) == ((1, 2, 3), (), (4,))
    cluster.cut_off |= {2, 3}
    cluster[1].propose(b"a")
    cluster.settle()
    assert cluster[4].raft.state.log.last_index == cluster[1].raft.state.log.last_index
    assert cluster[1].commands == []
    cluster[4].tick(100)
    assert cluster[4].raft.state.role is Role.FOLLOWER


def test_4_2_1_a_learner_that_is_behind_is_not_promoted() -> None:
    """Section 4.2.1: it catches up before it joins, so that the majority does not wait for it."""
    cluster = four()
    for number in range(10):
        cluster[1].propose(b"%d" % number)
    cluster.settle()
    cluster.cut_off.add(4)
    cluster[1].change(AddLearner(4))
    cluster.settle()
    assert refusal(cluster[1].change(Promote(4))) is Refusal.LEARNER_BEHIND
    cluster.cut_off.clear()
    cluster.elapse(3)
    assert refusal(cluster[1].change(Promote(4))) is None
    cluster.elapse(2)
    assert who(cluster[4]) == ((1, 2, 3, 4), (), ())


def test_4_2_2_a_leader_that_removes_itself_leads_until_that_is_committed() -> None:
    """Section 4.2.2: it manages a cluster that does not include itself, and steps down when the entry is committed."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    assert refusal(cluster[1].change(Remove(1), joint=False)) is None
    assert cluster[1].raft.is_leader
    cluster.settle()
    assert not cluster[1].raft.is_leader
    cluster.elapse(60)
    (led,) = cluster.leaders().values()
    assert led[0] in (2, 3)


def test_4_2_2_a_leader_outside_the_configuration_does_not_count_itself() -> None:
    """Section 4.2.2: while it replicates the entry that removes it, it does not count itself in majorities."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    cluster.cut_off.add(3)
    cluster[1].change(Remove(1), joint=False)
    cluster.settle()
    assert cluster[1].raft.state.commit_index == 1, "1 and 2 have it, and of the new configuration only 2"


@pytest.mark.parametrize("joint", [True, False])
def test_4_2_2_a_server_outside_its_latest_configuration_still_campaigns(joint: bool) -> None:
    """Section 4.2.2: it may be needed until the entry that removes it is committed.

    1 removes itself, crashes when only its own disk has the entry, and returns. 2 lacks the entry, so 1 refuses it its
    vote, and 2 needs that vote by the configuration that it knows: unless 1 campaigns, nobody ever leads.
    """
    cluster = Cluster(2)
    cluster.elect(1)
    cluster.elapse(1)
    cluster.cut_off.add(2)
    cluster[1].change(Remove(1), joint=joint)
    cluster.settle()
    if joint:  # the joint configuration needs 2; the one after it is then on disk of 1 alone
        cluster.cut_off.clear()
        cluster.elapse(1)
    cluster[1].crash()
    cluster[1].start()
    cluster.cut_off.clear()
    cluster.elapse(100)
    assert list(cluster.leaders().values()) == [[2]]


@pytest.mark.parametrize(("cut_off", "committed"), [((4, 5), False), ((2, 3), False), ((3, 5), True)])
def test_4_3_a_joint_configuration_commits_by_both_majorities(cut_off: tuple[int, ...], committed: bool) -> None:
    """Section 4.3: agreement requires separate majorities from both the old and the new configurations."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    for id in (4, 5):
        cluster.add_server(id)
    cluster.cut_off |= set(cut_off)
    assert refusal(cluster[1].change(AddVoter(4), AddVoter(5), Remove(2), Remove(3))) is None
    assert who(cluster[1]) == ((1, 4, 5), (1, 2, 3), ())
    cluster.settle()
    cluster.elapse(2)
    assert who(cluster[1]) == ((1, 4, 5), () if committed else (1, 2, 3), ())


def test_4_3_a_joint_configuration_elects_by_both_majorities() -> None:
    """Section 4.3, for elections: neither set can elect a leader without the other."""
    joint = Configuration((1, 4, 5), outgoing=(1, 2, 3))
    for voters, won in (((2, 3), False), ((4, 5), False), ((2, 4), True)):
        raft = server([configuration_entry(1, 1, joint)])
        campaign(raft)
        for voter in voters:
            raft.step([Receive(RequestVoteResult(voter, 1, raft.term, vote_granted=True))])
        assert raft.is_leader is won, voters


def test_4_3_entries_go_to_both_sets_and_either_set_may_lead() -> None:
    """Section 4.3: entries go to all servers of both configurations; any server of either may lead."""
    joint = Configuration((4, 5), outgoing=(1, 2, 3))
    raft = server([configuration_entry(1, 1, joint)])
    campaign(raft)
    for voter in (2, 4, 5):
        output = raft.step([Receive(RequestVoteResult(voter, 1, raft.term, vote_granted=True))])
    assert raft.is_leader
    appends = [message for message in output.messages if isinstance(message, AppendEntries)]
    assert sorted(message.receiver for message in appends) == [2, 3, 4, 5]


def test_4_3_the_leader_leaves_a_committed_joint_configuration_by_itself() -> None:
    """Section 4.3: once it is committed, the leader creates the entry of the new configuration alone."""
    cluster = four()
    cluster[1].change(AddVoter(4), Remove(3))
    cluster.settle()
    assert who(cluster[1]) == ((1, 2, 4), (), ())
    cluster.elapse(2)
    assert who(cluster[4]) == ((1, 2, 4), (), ())


def test_4_3_a_new_leader_leaves_a_joint_configuration_that_it_finds() -> None:
    """Section 4.3: whoever leads next goes on with the change, from either configuration."""
    cluster = four()
    cluster[1].change(AddVoter(4), Remove(3))
    cluster.deliver()
    cluster.write_all({2, 3, 4})
    cluster[1].crash()
    cluster.network.clear()
    assert cluster[2].raft.state.configuration.is_joint
    cluster.elapse(100)
    (led,) = cluster.leaders().values()
    assert who(cluster[led[0]]) == ((1, 2, 4), (), ())
    assert led[0] in (2, 4)


def test_4_3_from_one_set_to_a_disjoint_one() -> None:
    """Section 4.3: arbitrary changes, all servers at once; what was committed stays."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster[1].propose(b"a")
    cluster.settle()
    for id in (4, 5, 6):
        cluster.add_server(id)
    cluster.elapse(1)
    cluster[1].change(*(AddVoter(id) for id in (4, 5, 6)), *(Remove(id) for id in (1, 2, 3)))
    cluster.elapse(5)
    for id in (1, 2, 3):
        cluster[id].crash()
    cluster.elapse(60)
    (led,) = cluster.leaders().values()
    assert led[0] in (4, 5, 6)
    cluster[led[0]].propose(b"b")
    cluster.settle()
    assert cluster[led[0]].commands == [b"a", b"b"]


def test_4_3_a_demoted_voter_votes_until_the_joint_configuration_is_left() -> None:
    """Section 4.3: as long as the old set decides, its members do."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    output = cluster[1].change(Demote(3))
    assert output.configuration == Configuration((1, 2), outgoing=(1, 2, 3), learners_next=(3,))
    cluster.settle()
    assert who(cluster[1]) == ((1, 2), (), (3,))


def test_4_3_a_joint_configuration_without_automatic_leave_stays_until_it_is_told() -> None:
    """Section 4.3: the second phase may be the host's to begin."""
    joint = Configuration(VOTERS, outgoing=(1, 2, 3), leave_automatically=False)
    raft = elected(server([configuration_entry(1, 1, joint)]))
    raft.step([matched(voter, 2, raft.term) for voter in (2, 3, 4)])
    assert raft.state.configuration.is_joint
    assert refusal(raft.step([LeaveJoint()])) is None
    assert raft.state.configuration == Configuration(VOTERS)
    assert refusal(raft.step([LeaveJoint()])) is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (AddVoter(2), Refusal.KNOWN_MEMBER),
        (AddLearner(2), Refusal.KNOWN_MEMBER),
        (AddLearner(4), Refusal.KNOWN_MEMBER),
        (Promote(9), Refusal.UNKNOWN_MEMBER),
        (Promote(2), Refusal.NOT_A_LEARNER),
        (Demote(9), Refusal.UNKNOWN_MEMBER),
        (Demote(4), Refusal.NOT_A_VOTER),
        (Remove(9), Refusal.UNKNOWN_MEMBER),
    ],
)
def test_4_1_a_change_that_makes_no_sense_is_refused(change: Change, reason: Refusal) -> None:
    """Section 4.1: what is refused did nothing."""
    cluster = Cluster(4, learners=(4,))
    cluster.elect(1)
    cluster.elapse(1)
    output = cluster[1].change(change)
    assert refusal(output) is reason
    assert (output.entries, output.configuration) == ([], None)


def test_4_1_only_the_leader_changes_the_configuration() -> None:
    """Section 4.1: a follower refuses."""
    cluster = Cluster(3)
    cluster.elect(1)
    assert refusal(cluster[2].change(Remove(3))) is Refusal.NOT_LEADER


def test_4_1_the_last_voter_stays() -> None:
    """Section 4.1: a cluster without a voter could decide nothing any more."""
    cluster = Cluster(1)
    cluster.settle()
    for change in (Remove(1), Demote(1)):
        for joint in (True, False):
            assert refusal(cluster[1].change(change, joint=joint)) is Refusal.LAST_VOTER


def test_4_1_what_is_kept_about_a_member_changes_without_a_joint_configuration() -> None:
    """Section 4.1: the entry carries the whole configuration, names and addresses included."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.elapse(1)
    output = cluster[1].change(UpdateInfo(2, b"address"))
    assert refusal(output) is None
    assert output.configuration == Configuration((1, 2, 3), info={2: b"address"})
    cluster.settle()
    cluster.elapse(1)
    assert cluster[3].raft.state.configuration.info == {2: b"address"}


def test_4_1_a_new_server_waits_without_a_configuration() -> None:
    """Section 4.1: servers join with an empty log and no configuration; they start no election."""
    cluster = Cluster(1)
    cluster.settle()
    joiner = cluster.add_server(2)
    joiner.tick(100)
    assert (joiner.raft.term, cluster.network) == (0, [])
    cluster[1].change(AddLearner(2))
    cluster.settle()
    cluster.elapse(1)
    assert who(joiner) == ((1,), (), (2,))


def test_4_2_3_a_removed_server_disturbs_nobody() -> None:
    """Section 4.2.3: it does not hear of its removal, times out and asks; the others hear their leader."""
    cluster = Cluster(4)
    cluster.elect(1)
    cluster.elapse(1)
    cluster.cut_off.add(4)
    cluster[1].change(Remove(4))
    cluster.settle()
    cluster.cut_off.clear()
    cluster.elapse(100)
    assert cluster.leaders() == {1: [1]}
