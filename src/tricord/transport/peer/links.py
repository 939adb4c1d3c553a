# SPDX-License-Identifier: Apache-2.0
"""All links of one member: to its peers, from its peers, and the bulk ones.

A peer has two connections that this member dials (control and append) and two that the peer dials. A third lane brings
snapshots when there are any, a fourth what replicas of keyspaces say. Nothing here waits for a peer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from tricord.base.environment import Environment, Listener, Timer
from tricord.raft.messages import Message
from tricord.transport.gate import Admits, gated
from tricord.transport.peer.accepting import Acceptor
from tricord.transport.peer.asking import ask
from tricord.transport.peer.cuts import Cuts
from tricord.transport.peer.dialling import Address, Dialler, DialTls
from tricord.transport.peer.entry_block import EncodedEntries
from tricord.transport.peer.hooks import LinkState, LocalMember, PeerHooks
from tricord.transport.peer.link import Link
from tricord.transport.peer.outgoing import lane_of, may_go_by_control, message_frames
from tricord.transport.peer.replica_links import ReplicaLinks
from tricord.transport.peer.settings import PeerSettings
from tricord.transport.peer.snapshot_sender import Pacer, Progress, Read, SnapshotResult, SnapshotSender
from tricord.transport.prefaced import Prefaced
from tricord.wire.peer.frames import PREFACE
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.query import Answer, Query
from tricord.wire.peer.refusals import Refusal
from tricord.wire.peer.snapshot import SnapshotOffer


class PeerLinks:
    """All methods run on the loop. Hooks run on it too, later than the call that they are about."""

    def __init__(
        self,
        environment: Environment,
        hooks: PeerHooks,
        settings: PeerSettings | None = None,
        *,
        secret: bytes = b"",
        insecure: bool = False,
        tls: DialTls = None,
        cuts: Cuts | None = None,
    ) -> None:
        """``secret`` is the cluster's; without it, and without certificates, only loopback peers are served, unless
        ``insecure``. ``tls`` is for dialling.
        """
        self.settings = settings or PeerSettings()
        self.cuts = cuts or Cuts()
        self.others: dict[bytes, Callable[[], asyncio.Protocol]] = {}
        """Who takes connections to the peers' own port that begin with this preface."""
        self._environment = environment
        self._hooks = hooks
        self._dialler = Dialler(environment, self.settings.connect_timeout, secret=secret, tls=tls)
        self._acceptor = Acceptor(environment, hooks, self.settings, self.cuts, secret=secret, insecure=insecure)
        self._pacer = Pacer(environment.clock, self.settings.snapshot_rate)
        self._links: dict[int, dict[Lane, Link]] = {}
        self.replicas = ReplicaLinks(
            environment,
            self._dialler,
            self.settings,
            self.cuts,
            reached=lambda member: self._tell(hooks.replicas_reached, member),
            changed=self.changed,
            fault=self.fault,
        )
        """What replicas of causal and eventual keyspaces say."""
        self._addresses: dict[int, list[Address]] = {}
        self._transfers: dict[SnapshotSender, None] = {}
        self._refusals: dict[int, Refusal] = {}
        self._unreachable: dict[int, None] = {}
        self._listeners: list[Listener] = []
        self._ticked_at = environment.clock.monotonic()
        self._timer: Timer | None = environment.tasks.call_later(self.settings.heartbeat, self._tick)

    # --- who ------------------------------------------------------------------------------------------------

    def set_local(self, local: LocalMember) -> None:
        """This member knows who it is. Before that it answers queries, and nobody else."""
        self._dialler.local = local
        self._acceptor.local = local

    def set_peers(self, peers: dict[int, list[Address]]) -> None:
        """The other members and where they listen. Links to those who are not named end; others stay as they are."""
        assert self._dialler.local is not None, "links say who dials"
        for member in [member for member in self._links if peers.get(member) != self._addresses[member]]:
            self._drop(member)
        for member, addresses in peers.items():
            if member not in self._links:
                self._addresses[member] = list(addresses)
                self._links[member] = {
                    lane: Link(
                        self._environment, self._dialler, self, self.settings, member, lane, self._addresses[member]
                    )
                    for lane in (Lane.CONTROL, Lane.APPEND)
                }
        self.replicas.set_peers(peers)

    def recheck(self) -> None:
        """The configuration is another one: end connections from those who are not expected any more."""
        self._acceptor.recheck()

    def states(self) -> list[LinkState]:
        """Every link to a peer."""
        return [link.state for lanes in self._links.values() for link in lanes.values()]

    # --- messages ------------------------------------------------------------------------------------------

    def send(self, messages: list[Message]) -> None:
        """Send each to its receiver, one write per link, or drop it. Returns at once."""
        local = self._dialler.local
        queues: dict[Link, list[Message]] = {}
        for message in messages:
            lanes = self._links.get(message.receiver)
            if lanes is not None and local is not None and not self.cuts.blocked(local.member, message.receiver):
                link = lanes[lane_of(message)]
                if not link.is_open and may_go_by_control(message):
                    link = lanes[Lane.CONTROL]
                queues.setdefault(link, []).append(message)
        entries = EncodedEntries()
        for link, queue in queues.items():
            frames = message_frames(queue, entries) if link.is_open else None
            if (frames is None or not link.send(frames)) and link.lane == Lane.APPEND:
                self._report_unreachable(link.member)

    # --- connections from others ---------------------------------------------------------------------------

    def accept(self) -> asyncio.Protocol:
        """The protocol of one more accepted socket: for a listener that serves clients as well."""
        return self._acceptor.protocol(False)

    async def listen(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, admits: Admits | None = None
    ) -> Listener:
        """A listener for peers alone. Where ``tls`` asks for certificates, they are proof enough, if ``admits`` takes
        them. Raises OSError."""
        certified = tls is not None and tls.verify_mode == ssl.CERT_REQUIRED
        factory: Callable[[], asyncio.Protocol] = lambda: self._accepted(certified)  # noqa: E731
        listener = await self._environment.network.listen(host, port, gated(admits, factory), tls)
        self._listeners.append(listener)
        return listener

    def _accepted(self, certified: bool) -> asyncio.Protocol:
        peer: Callable[[], asyncio.Protocol] = lambda: self._acceptor.protocol(certified)  # noqa: E731
        return Prefaced(self._environment, {PREFACE: peer, **self.others}) if self.others else peer()

    # --- snapshots and queries -----------------------------------------------------------------------------

    async def send_snapshot(
        self, member: int, offer: SnapshotOffer, read: Read, progress: Progress | None = None
    ) -> SnapshotResult:
        """Bring a snapshot to a peer, beside everything else. Cancel it to give up.

        Broken connections are made anew and go on where they ended.
        """
        sender = SnapshotSender(
            self._environment,
            self._dialler,
            self.settings,
            self.cuts,
            self._pacer,
            member=member,
            addresses=lambda: self._addresses.get(member, []),
            offer=offer,
            read=read,
            progress=progress or (lambda taken, size: None),
            fault=self.fault,
        )
        self._transfers[sender] = None
        try:
            return await sender.run()
        finally:
            del self._transfers[sender]

    async def query(self, address: Address, about: int = 0, timeout: float = 1.0) -> Answer | Refusal:
        """Ask whoever listens there who they are, and what they know of member ``about``. Raises OSError."""
        return await ask(self._dialler, address, Query(about), timeout)

    def close(self) -> None:
        """End every link and listener now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for listener in self._listeners:
            listener.close()
        for member in list(self._links):
            self._drop(member)
        self.replicas.close()
        for sender in list(self._transfers):
            sender.stop()
        self._acceptor.close()

    # --- what links tell -----------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        self._refusals.pop(link.member, None)
        for lane in self._links.get(link.member, {}).values():
            lane.has_lost = False

    def broke(self, link: Link) -> None:
        self._report_unreachable(link.member)

    def absent(self, link: Link) -> None:
        lanes = list(self._links.get(link.member, {}).values())
        if any(lane.has_lost for lane in lanes) and not any(lane.is_open for lane in lanes):
            for lane in lanes:
                lane.has_lost = False
            self._tell(self._hooks.gone, link.member)

    def refused(self, link: Link, refusal: Refusal) -> None:
        if self._refusals.get(link.member) != refusal:
            self._refusals[link.member] = refusal
            self._tell(self._hooks.refused, link.member, refusal)

    def changed(self, state: LinkState) -> None:
        self._tell(self._hooks.changed, state)

    def fault(self, error: BaseException, where: str) -> None:
        self._hooks.fault(error, where)

    # --- inner ---------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        settings, now = self.settings, self._environment.clock.monotonic()
        self._timer = self._environment.tasks.call_later(settings.heartbeat, self._tick)
        # After a pause of this process what the others said meanwhile is not read yet: no reason to close on them.
        late = now - self._ticked_at - settings.heartbeat
        grace = late if late > settings.heartbeat else 0.0
        self._ticked_at = now
        for lanes in self._links.values():
            for link in lanes.values():
                link.tick(now, grace)
        self.replicas.tick(now, grace)
        for sender in list(self._transfers):
            sender.tick(now, grace)
        self._acceptor.tick(now, grace)

    def _drop(self, member: int) -> None:
        for link in self._links.pop(member).values():
            link.close()
        del self._addresses[member]
        self._refusals.pop(member, None)

    def _report_unreachable(self, member: int) -> None:
        if not self._unreachable:
            self._environment.tasks.call_soon(self._tell_unreachable)
        self._unreachable[member] = None

    def _tell_unreachable(self) -> None:
        members, self._unreachable = self._unreachable, {}
        for member in members:
            self._tell(self._hooks.unreachable, member)

    def _tell(self, hook: Callable[..., None], *told: object) -> None:
        try:
            hook(*told)
        except Exception as error:  # a link outlives its owner's mistakes
            self._hooks.fault(error, "a hook of the peer links")
