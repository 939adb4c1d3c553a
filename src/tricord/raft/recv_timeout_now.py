# SPDX-License-Identifier: Apache-2.0
"""TimeoutNow, the receiver's part (dissertation 3.10)."""

from __future__ import annotations

from tricord.base.reachable import reachable
from tricord.raft import election
from tricord.raft.messages import TimeoutNow
from tricord.raft.state import Role, State


def receive(state: State, message: TimeoutNow) -> None:
    """The leader hands over: campaign at once, in a new term, without asking first."""
    if state.role is Role.FOLLOWER and state.leader_id in (0, message.sender) and state.is_promotable:
        reachable("a member campaigned since it was told to")
        election.campaign(state, transfer=True)
