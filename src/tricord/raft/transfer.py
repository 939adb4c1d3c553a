# SPDX-License-Identifier: Apache-2.0
"""Handing over the lead (dissertation 3.10): let the target catch up, take no new proposals, tell it to campaign.

Without success within an election timeout the leader goes on leading.
"""

from __future__ import annotations

from tricord.base.reachable import reachable
from tricord.raft import check_quorum, outbox
from tricord.raft.events import TransferLeadership
from tricord.raft.messages import TimeoutNow
from tricord.raft.output import Refusal
from tricord.raft.progress import Phase
from tricord.raft.state import Role, State
from tricord.raft.trace import TransferBegan, TransferEnded


def transfer_leadership(state: State, event: TransferLeadership) -> None:
    """The host asks."""
    target = event.target or best_target(state)
    refusal = _refusal(state, target)
    state.output.answers.transfers.append(refusal)
    if refusal is None:
        _begin(state, target)


def hand_over(state: State) -> None:
    """This leader should not lead: to the best voter there is."""
    target = best_target(state)
    if target and not state.transferee:
        _begin(state, target)


def best_target(state: State) -> int:
    """The voter that is furthest, of those that answer (0: none does)."""
    candidates = [
        (state.progress[voter].match_index, voter)
        for voter in state.configuration.voters
        if voter in state.progress and voter != state.config.id and _answers(state, voter)
    ]
    return max(candidates)[1] if candidates else 0


def proceed(state: State, member: int) -> None:
    """The member acknowledged something: if that was all, and it is the target, it may campaign."""
    if member == state.transferee and state.progress[member].match_index == state.log.last_index:
        tell(state, member)


def tell(state: State, member: int) -> None:
    """Have the member campaign at once."""
    # Whoever hears of that election votes in it, however recently it heard of this leader.
    state.lease_is_void = True
    outbox.send(state, TimeoutNow(state.config.id, member, state.persistent.current_term))


def remind(state: State) -> None:
    """With each heartbeat, in case it was lost."""
    if state.transferee:
        proceed(state, state.transferee)


def tick(state: State) -> None:
    """One tick of a leader: give up a transfer that does not succeed; hand over when the own disk does not answer."""
    config = state.config
    if state.transferee:
        state.transfer_elapsed_ticks += 1
        if state.transfer_elapsed_ticks >= config.election_ticks:
            reachable("a transfer of the lead was given up")
            abort(state)
    if state.log.persisted_index == state.log.last_index:
        state.disk_owed_ticks = 0
        return
    state.disk_owed_ticks += 1
    if state.disk_owed_ticks >= (config.handover_ticks or config.election_ticks):
        reachable("a leader with a slow disk handed over")
        state.disk_owed_ticks = 0
        hand_over(state)


def abort(state: State) -> None:
    """Go on leading."""
    if state.tracer is not None:
        state.tracer(TransferEnded(state.transferee))
    state.transferee = state.transfer_elapsed_ticks = 0


def _begin(state: State, target: int) -> None:
    state.transferee = target
    state.transfer_elapsed_ticks = 0
    if state.tracer is not None:
        state.tracer(TransferBegan(target))
    proceed(state, target)


def _refusal(state: State, target: int) -> Refusal | None:
    if state.role is not Role.LEADER:
        return Refusal.NOT_LEADER
    if state.transferee:
        return Refusal.TRANSFERRING
    if not target:
        return Refusal.NO_TARGET
    if target not in state.configuration.members():
        return Refusal.UNKNOWN_MEMBER
    if target not in state.configuration.voters:
        return Refusal.NOT_A_VOTER
    return Refusal.NOTHING_TO_DO if target == state.config.id else None


def _answers(state: State, member: int) -> bool:
    return state.progress[member].phase is Phase.REPLICATE and check_quorum.is_heard(state, member)
