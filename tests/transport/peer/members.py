# SPDX-License-Identifier: Apache-2.0
"""Members of a simulated network that have links and nothing else, and write down what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from tricord.base.environment import Environment
from tricord.base.log import Entry
from tricord.raft.messages import AppendEntries, Message
from tricord.sim.environment import simulated_environment
from tricord.sim.host_network import HostNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.transport.peer.cuts import Cuts
from tricord.transport.peer.dialling import Address
from tricord.transport.peer.hooks import LinkState, LocalMember, PeerHooks
from tricord.transport.peer.links import PeerLinks
from tricord.transport.peer.settings import PeerSettings
from tricord.wire.peer.hello import Hello
from tricord.wire.peer.query import Answer, Query
from tricord.wire.peer.refusals import Refusal

T = TypeVar("T")

CLUSTER, HISTORY, PORT = 7, 8, 2380


class Member:
    """One member on the host 10.0.0.<id>. ``told`` has (seconds, what) for all hooks but ``received``."""

    def __init__(self, network: HostNetwork, member: int, settings: PeerSettings | None, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.id = member
        self.host = f"10.0.0.{member}"
        disk: Any = None
        self.environment: Environment = simulated_environment(loop, disk, member, network.at(self.host))
        self.local = LocalMember(CLUSTER, HISTORY, member, 100 + member)
        self.received: list[Message] = []
        self.told: list[tuple[float, str]] = []
        self.refusal: Refusal | None = None
        self.hooks = PeerHooks(
            received=self.received.extend,
            unreachable=lambda peer: self.tell(f"unreachable {peer}"),
            gone=lambda peer: self.tell(f"gone {peer}"),
            refused=lambda peer, refusal: self.tell(f"refused {peer}: {refusal.text}"),
            changed=self._changed,
            expected=self._expected,
            answer=self._answer,
            fault=lambda error, where: self.tell(f"fault {error!r} {where}"),
        )
        self.links = PeerLinks(self.environment, self.hooks, settings, cuts=Cuts(), **{"insecure": True, **options})
        self.listener: Any = None

    @property
    def address(self) -> Address:
        return self.host, PORT

    def tell(self, what: str) -> None:
        self.told.append((round(self.environment.clock.monotonic(), 3), what))

    def said(self, beginning: str) -> list[str]:
        """What was told that begins so."""
        return [what for _, what in self.told if what.startswith(beginning)]

    async def start(self, *peers: Member) -> None:
        """Listen, and dial the peers."""
        self.links.set_local(self.local)
        self.listener = await self.links.listen(self.host, PORT)
        self.links.set_peers({peer.id: [peer.address] for peer in peers})

    def connected(self, peer: Member) -> bool:
        """Whether both links to the peer are open."""
        return all(state.connected for state in self.links.states() if state.member == peer.id)

    def stop(self) -> None:
        """As a process that is killed."""
        self.links.close()

    def _changed(self, state: LinkState) -> None:
        self.tell(f"{state.lane} {state.member} {'open' if state.connected else 'shut: ' + state.error}")

    def _expected(self, hello: Hello) -> Refusal | None:
        return self.refusal

    def _answer(self, query: Query) -> Answer:
        return Answer(CLUSTER, HISTORY, self.id, self.local.incarnation, f"n{self.id}", b"", query.about == 9, 5)


def append(sender: int, receiver: int, number: int = 1, size: int = 8) -> AppendEntries:
    """An AppendEntries with one entry; the number is told by its index."""
    return AppendEntries(sender, receiver, 3, number - 1, 3, [Entry(number, 3, 0, bytes(size))], 0, 0)


def heartbeat(sender: int, receiver: int) -> AppendEntries:
    """One that goes by the control lane."""
    return replace(append(sender, receiver), entries=[], heartbeat=True)


def in_virtual_time(
    story: Callable[[HostNetwork, list[Member]], Awaitable[T]],
    *,
    members: int = 2,
    settings: PeerSettings | None = None,
    options: dict[int, dict[str, Any]] | None = None,
) -> T:
    """Run a story of members that are not started yet."""
    loop = VirtualLoop()

    async def run() -> T:
        network = HostNetwork(loop)
        made = [
            Member(network, number, settings, **(options or {}).get(number, {})) for number in range(1, members + 1)
        ]
        try:
            return await story(network, made)
        finally:
            for member in made:
                member.stop()
            await asyncio.sleep(0.1)

    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()
