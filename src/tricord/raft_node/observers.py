# SPDX-License-Identifier: Apache-2.0
"""What a node tells those who watch it, as typed records. Calls are made on the node's loop, and must not block."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from tricord.base.message import message
from tricord.raft import Role
from tricord.raft_node.members import Member

_logger = logging.getLogger("tricord.raft_node")


@message
class RoleChanged:
    """This node follows, campaigns or leads now."""

    role: Role
    term: int


@message
class LeaderChanged:
    """Another node leads as far as this one knows; an empty name: none that is known."""

    leader: str
    term: int


@message
class MembersChanged:
    """Another configuration is in force here. It may not be committed yet."""

    members: list[Member]


@message
class SnapshotTaken:
    """The state at ``index`` is durable as a snapshot."""

    index: int


@message
class SnapshotReceived:
    """The leader's snapshot took the place of this node's state and log up to ``index``."""

    index: int
    leader: str


@message
class SnapshotDamaged:
    """A snapshot was refused: one of this node's own, or one on its way here."""

    index: int
    reason: str


@message
class PeerUnreachable:
    """The link to a member broke."""

    name: str


@message
class NodeFailed:
    """Disk, state machine or an invariant broke: the node stopped by itself."""

    error: BaseException


Observation: TypeAlias = (
    RoleChanged
    | LeaderChanged
    | MembersChanged
    | SnapshotTaken
    | SnapshotReceived
    | SnapshotDamaged
    | PeerUnreachable
    | NodeFailed
)


class Observers:
    """Those who watch one node."""

    def __init__(self) -> None:
        self._functions: list[Callable[[Observation], object]] = []

    def add(self, function: Callable[[Observation], object]) -> Callable[[], None]:
        """Call the function from now on, until what is returned is called."""
        functions = self._functions
        functions.append(function)

        def remove() -> None:
            if function in functions:
                functions.remove(function)

        return remove

    def tell(self, observation: Observation) -> None:
        """An observer that raises does no harm to the node; its error is logged."""
        for function in list(self._functions):
            try:
                function(observation)
            except Exception:
                _logger.exception("an observer raised")
