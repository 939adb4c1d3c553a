# SPDX-License-Identifier: Apache-2.0
"""The lanes by which replicas of this member speak to those of others: one to each member that has any.

Each is a connection of its own, so no heartbeat or entry waits behind what replicas say. A message goes out whole at
once or not at all; who sent it sends it again, or something newer, when there is room.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Environment
from tricord.transport.peer.cuts import Cuts
from tricord.transport.peer.dialling import Address, Dialler
from tricord.transport.peer.hooks import LinkState
from tricord.transport.peer.link import Link
from tricord.transport.peer.settings import PeerSettings
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.refusals import Refusal


class ReplicaLinks:
    """All methods run on the loop. ``reached`` and ``changed`` run from events of links, never from within ``send``."""

    def __init__(
        self,
        environment: Environment,
        dialler: Dialler,
        settings: PeerSettings,
        cuts: Cuts,
        *,
        reached: Callable[[int], None],
        changed: Callable[[LinkState], None],
        fault: Callable[[BaseException, str], None],
    ) -> None:
        self._environment = environment
        self._dialler = dialler
        self._settings = settings
        self._cuts = cuts
        self._reached = reached
        self._changed = changed
        self._fault = fault
        self._peers: dict[int, list[Address]] = {}
        self._wanted: frozenset[int] = frozenset()
        self._links: dict[int, Link] = {}
        self._cut_off: set[int] = set()

    def set_peers(self, peers: dict[int, list[Address]]) -> None:
        """The other members and where they listen."""
        for member in [member for member in self._links if peers.get(member) != self._peers[member]]:
            self._links.pop(member).close()
        self._peers = {member: list(addresses) for member, addresses in peers.items()}
        self._dial()

    def set_wanted(self, members: frozenset[int]) -> None:
        """Those that have replicas to speak to. Links to others end."""
        self._wanted = members
        for member in [member for member in self._links if member not in members]:
            self._links.pop(member).close()
        self._dial()

    def states(self) -> list[LinkState]:
        """Every link."""
        return [link.state for link in self._links.values()]

    def has_room(self, member: int) -> bool:
        """Whether a message can go to the member now."""
        link = self._links.get(member)
        return link is not None and link.has_room and not self._is_cut(member)

    def send(self, member: int, frame: bytes) -> bool:
        """Send a whole frame. False: no way now, or no room: nothing was sent."""
        link = self._links.get(member)
        if link is None or not link.has_room or self._is_cut(member):
            return False
        return link.send(frame)

    def tick(self, now: float, grace: float) -> None:
        """Once a heartbeat."""
        for member, link in self._links.items():
            link.tick(now, grace)
            if self._is_cut(member):
                self._cut_off.add(member)
            elif member in self._cut_off:
                self._cut_off.discard(member)
                if link.is_open:
                    self._reached(member)

    def close(self) -> None:
        """End every link."""
        self.set_wanted(frozenset())

    # --- what links tell -----------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        if not self._is_cut(link.member):
            self._reached(link.member)

    def broke(self, link: Link) -> None:
        return

    def absent(self, link: Link) -> None:
        return

    def refused(self, link: Link, refusal: Refusal) -> None:
        """Its state says why; what has to follow of it follows from the other lanes."""

    def changed(self, state: LinkState) -> None:
        self._changed(state)

    def fault(self, error: BaseException, where: str) -> None:
        self._fault(error, where)

    # --- inner ---------------------------------------------------------------------------------------------

    def _dial(self) -> None:
        for member in sorted(self._wanted):
            if member in self._peers and member not in self._links:
                self._links[member] = Link(
                    self._environment,
                    self._dialler,
                    self,
                    self._settings,
                    member,
                    Lane.REPLICAS,
                    self._peers[member],
                )

    def _is_cut(self, member: int) -> bool:
        local = self._dialler.local
        return local is not None and self._cuts.blocked(local.member, member)
