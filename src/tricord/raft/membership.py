# SPDX-License-Identifier: Apache-2.0
"""Who belongs and who votes: changes of the configuration (dissertation chapter 4).

- Several changes of voters, or one where the host wants it, go through a joint configuration (4.3): while it is in
  force, elections and commitment need a majority of the old voters and one of the new. Once it is committed the leader
  leaves it by itself.
- One change of voters may be a single step (4.1): old and new majorities share a voter then.
- What changes no voter (learners, what hosts keep about members) is always a single step.

A configuration takes effect when it is appended, and is in force no more when its entry is replaced. There is one
change at a time, and none before the leader has committed in its term: without that, two leaders' single steps can
make majorities that do not meet (the bug of 2015).
"""

from __future__ import annotations

from tricord.base.log import Entry, EntryKind
from tricord.base.membership import (
    AddLearner,
    AddVoter,
    Change,
    Configuration,
    Demote,
    Promote,
    Remove,
    UpdateInfo,
    encode_configuration,
)
from tricord.base.reachable import reachable
from tricord.raft import check_quorum, commit, heartbeat, read_index, roles, transfer
from tricord.raft.events import ChangeConfiguration, LeaveJoint
from tricord.raft.output import ChangeOutcome, Refusal
from tricord.raft.progress import REPLICATE, SNAPSHOT, Progress
from tricord.raft.state import LEADER, State
from tricord.raft.trace import ChangeRefused, ConfigurationAppended


def change(state: State, event: ChangeConfiguration) -> None:
    """Append the configuration that the changes lead to, or refuse them all."""
    refusal = _refusal_now(state) or _refusal_of_learners(state, event.changes)
    outcome = refusal or changed(state.configuration, event.changes, joint=event.joint)
    _answer(state, outcome)


def leave(state: State, _: LeaveJoint) -> None:
    """Leave a joint configuration that does not do so by itself."""
    refusal = _refusal_now(state, leaving=True)
    if refusal is None and not state.configuration.is_joint:
        refusal = Refusal.NOT_JOINT
    _answer(state, refusal or left(state.configuration))


def settle(state: State) -> None:
    """At the end of a leader's step: do what a committed configuration asks for. Cost when there is none: one look."""
    configurations = state.configurations
    if configurations.is_settled or state.role is not LEADER:
        return
    if configurations.current_index > state.commit_index:
        return
    if configurations.current.is_joint:
        if configurations.current.leave_automatically:
            _append(state, left(configurations.current))
        else:
            configurations.is_settled = True
        return
    own = state.config.id
    configurations.is_settled = _take_leave(state)
    if not configurations.current.is_voter(own):
        # Section 4.2.2: a leader that is not in the new configuration leads until that is committed.
        target = transfer.best_target(state)
        if target:
            reachable("a leader that left the cluster handed over")
            transfer.tell(state, target)
        roles.become_follower(state, state.persistent.current_term, 0)


def _take_leave(state: State) -> bool:
    """Speak to those that left until they know it, or are silent: who waits there for a command learns what became of
    it. True when nobody is left to be told."""
    index = state.configurations.current_index
    members = state.configuration.members()
    for member in [known for known in state.progress if known not in members and known != state.config.id]:
        progress = state.progress[member]
        if progress.match_index >= index:
            heartbeat.send(state, member, progress, commit_only=True)
        elif check_quorum.is_heard(state, member) and progress.phase is not SNAPSHOT:
            continue
        del state.progress[member]
    return len(state.progress) <= len(members)


def changed(configuration: Configuration, changes: list[Change], *, joint: bool) -> Configuration | Refusal:
    """The configuration that follows from these changes, applied in order, all or none."""
    voters, learners = set(configuration.voters), set(configuration.learners)
    info = dict(configuration.info)
    for one in changes:
        refusal = _apply(one, voters, learners, info)
        if refusal is not None:
            return refusal
    if not voters:
        return Refusal.LAST_VOTER
    new_voters = tuple(sorted(voters))
    kept = voters | learners
    if len(voters.symmetric_difference(configuration.voters)) > (0 if joint else 1):
        old = set(configuration.voters)
        new = Configuration(
            voters=new_voters,
            outgoing=configuration.voters,
            learners=tuple(sorted(learners - old)),
            learners_next=tuple(sorted(learners & old)),
            info=_kept(info, kept | old),
        )
    else:
        new = Configuration(voters=new_voters, learners=tuple(sorted(learners)), info=_kept(info, kept))
    return Refusal.NOTHING_TO_DO if new == configuration else new


def left(configuration: Configuration) -> Configuration:
    """What a joint configuration becomes: the old set has no say any more."""
    learners = {*configuration.learners, *configuration.learners_next}
    return Configuration(
        voters=configuration.voters,
        learners=tuple(sorted(learners)),
        info=_kept(configuration.info, learners | set(configuration.voters)),
    )


def _apply(one: Change, voters: set[int], learners: set[int], info: dict[int, bytes]) -> Refusal | None:
    member = one.id
    is_voter, is_learner = member in voters, member in learners
    if isinstance(one, AddVoter | AddLearner):
        if member < 1:
            return Refusal.UNKNOWN_MEMBER
        if is_voter or (is_learner and isinstance(one, AddLearner)):
            return Refusal.KNOWN_MEMBER
        if one.info or member not in info:
            info[member] = one.info
    elif not is_voter and not is_learner:
        return Refusal.UNKNOWN_MEMBER
    if isinstance(one, UpdateInfo):
        info[member] = one.info
        return None
    if isinstance(one, Promote) and not is_learner:
        return Refusal.NOT_A_LEARNER
    if isinstance(one, Demote) and not is_voter:
        return Refusal.NOT_A_VOTER
    voters.discard(member)
    learners.discard(member)
    if isinstance(one, AddVoter | Promote):
        voters.add(member)
    elif not isinstance(one, Remove):
        learners.add(member)
    return None


def _kept(info: dict[int, bytes], members: set[int]) -> dict[int, bytes]:
    return {member: info[member] for member in sorted(info) if member in members}


def _refusal_now(state: State, *, leaving: bool = False) -> Refusal | None:
    """Why there can be no change at all at present."""
    if state.role is not LEADER:
        return Refusal.NOT_LEADER
    if state.transferee:
        return Refusal.TRANSFERRING
    if not state.has_committed_in_its_term:
        return Refusal.NOT_READY
    if state.configurations.current_index > state.commit_index:
        reachable("a change of members met another one")
        return Refusal.CHANGE_PENDING
    return Refusal.CHANGE_PENDING if state.configuration.is_joint and not leaving else None


def _refusal_of_learners(state: State, changes: list[Change]) -> Refusal | None:
    """Section 4.2.1: a new voter that lacks much of the log would hold up commitment: it catches up before."""
    learners = state.configuration.learners
    for one in changes:
        if isinstance(one, Promote | AddVoter) and one.id in learners and not _has_caught_up(state, one.id):
            reachable("a learner was too far behind for a vote")
            return Refusal.LEARNER_BEHIND
    return None


def _has_caught_up(state: State, member: int) -> bool:
    """Whether it answers, and is at most two heartbeats behind."""
    progress = state.progress.get(member)
    return (
        progress is not None
        and progress.phase is REPLICATE
        and check_quorum.is_heard(state, member)
        and progress.match_index >= max(state.commit_at_heartbeats[0], 1)
    )


def _answer(state: State, outcome: Configuration | Refusal) -> None:
    if isinstance(outcome, Refusal):
        state.output.answers.configuration_changes.append(ChangeOutcome(0, outcome))
        if state.tracer is not None:
            state.tracer(ChangeRefused(outcome.value))
    else:
        _append(state, outcome)
        state.output.answers.configuration_changes.append(ChangeOutcome(state.log.last_index))


def _append(state: State, configuration: Configuration) -> None:
    """It is in force from here on."""
    log = state.log
    before = state.configuration.members()
    entry = Entry(
        log.last_index + 1,
        state.persistent.current_term,
        EntryKind.CONFIGURATION,
        encode_configuration(configuration),
    )
    roles.append_as_leader(state, [entry])
    state.configurations.append([entry])
    for member in configuration.members():
        # One that was removed a moment ago may come back without its disk: what is known of its log is over.
        if member not in state.progress or (member not in before and member != state.config.id):
            state.progress[member] = Progress(log.last_index + 1)
    if state.tracer is not None:
        state.tracer(ConfigurationAppended(entry.index, configuration))
    # Fewer voices may be needed now.
    commit.advance_as_leader(state)
    read_index.release(state)
