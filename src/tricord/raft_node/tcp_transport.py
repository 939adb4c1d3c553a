# SPDX-License-Identifier: Apache-2.0
"""Nodes over TCP, plain on loopback, else with TLS or under a secret that all of them know.

It stands on the same links as a member of tricord: two connections to each peer, frames with checksums, a greeting that
names cluster and node. A node that knows nobody, or hears one that it does not know, asks those it can find who
belongs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from tricord.base.errors import ConfigurationError
from tricord.base.membership import Configuration, decode_configuration, encode_configuration
from tricord.base.message import message
from tricord.raft.messages import Message
from tricord.raft_node.members import name_and_address
from tricord.raft_node.transport import IncomingSnapshot, LocalNode, Peers
from tricord.transport.peer.hooks import LinkState, LocalMember, PeerHooks
from tricord.transport.peer.links import PeerLinks
from tricord.transport.peer.settings import PeerSettings
from tricord.transport.tls import peer_context, server_context
from tricord.wire.peer.hello import Hello
from tricord.wire.peer.query import Answer, Query
from tricord.wire.peer.refusals import Refusal, RefusalCode
from tricord.wire.peer.snapshot import SnapshotOffer

_logger = logging.getLogger("tricord.raft_node")

Address = tuple[str, int]


@message
class PeerTls:
    """Paths of PEM files. Each node shows its certificate to the others, as client and as server; the names or IP
    addresses in it are those under which the others dial it."""

    certificate: str
    key: str
    authority: str
    """Whose signature the others' certificates must have."""


class TcpTransport:
    """One node's links. Survives nothing: each start of a node takes a new one."""

    def __init__(
        self,
        listen: str = "",
        *,
        tls: PeerTls | None = None,
        secret: bytes = b"",
        insecure: bool = False,
        settings: PeerSettings | None = None,
    ) -> None:
        """``listen`` is ``HOST:PORT``; empty: the address under which the settings' ``voters`` name this node.

        Without ``tls`` and without ``secret``, which all nodes share, only peers on loopback are listened to, unless
        ``insecure``.
        """
        self._listen = listen
        self._tls = tls
        self._secret = secret
        self._insecure = insecure
        self._settings = settings
        self._links: PeerLinks | None = None
        self._local: LocalNode | None = None
        self._peers: Peers | None = None
        self._known: dict[int, list[Address]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def start(self, local: LocalNode, peers: Peers) -> None:
        self._local, self._peers = local, peers
        host, port = address(self._listen or local.address)
        tls = self._tls
        links = self._links = PeerLinks(
            local.environment,
            PeerHooks(
                received=self._received,
                unreachable=peers.unreachable,
                gone=peers.gone,
                refused=self._refused,
                changed=self._changed,
                expected=_anybody,
                answer=self._answer,
                offered=self._offered,
                fault=_fault,
            ),
            self._settings or PeerSettings(heartbeat=local.heartbeat_seconds, election_timeout=local.election_seconds),
            secret=self._secret,
            insecure=self._insecure,
            tls=peer_context(tls.authority, tls.certificate, tls.key) if tls is not None else None,
        )
        links.set_local(LocalMember(local.cluster, 1, local.member, 1))
        context = server_context(tls.certificate, tls.key, tls.authority) if tls is not None else None
        try:
            await links.listen(host, port, context)
        except BaseException:
            await self.close()
            raise

    def set_members(self, addresses: Mapping[int, str]) -> None:
        assert self._links is not None
        self._known = {member: [address(text)] for member, text in addresses.items() if text}
        self._links.set_peers(self._known)
        if self._is_lost():
            self._ask()

    def send(self, messages: list[Message]) -> None:
        if self._links is not None:
            self._links.send(messages)

    async def send_snapshot(self, member: int, offer: SnapshotOffer, read: Callable[[int, int], bytes]) -> bool:
        if self._links is None:
            return False
        result = await self._links.send_snapshot(member, offer, read)
        if not result.delivered:
            _logger.warning("a snapshot was not delivered to %x: %s", member, result.error)
        return result.delivered

    async def close(self) -> None:
        links, self._links = self._links, None
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        if links is not None:
            links.close()

    # --- what links tell -------------------------------------------------------------------------------------

    def _received(self, messages: list[Message]) -> None:
        assert self._peers is not None
        self._peers.received(messages)
        if messages[0].sender not in self._known:
            self._ask()

    def _refused(self, member: int, refusal: Refusal) -> None:
        _logger.warning("peer %x does not serve this node: %s", member, refusal.text)

    def _changed(self, state: LinkState) -> None:
        if state.connected:
            _logger.info("the %s link to peer %x is open", state.lane, state.member)
        else:
            _logger.info("the %s link to peer %x is not open: %s", state.lane, state.member, state.error)

    def _offered(self, sender: int, offer: SnapshotOffer) -> IncomingSnapshot | Refusal:
        assert self._peers is not None
        return self._peers.offered(sender, offer) or Refusal(RefusalCode.BUSY, "this node takes no snapshot now")

    def _answer(self, query: Query) -> Answer:
        assert self._local is not None and self._peers is not None
        configuration = self._peers.configuration
        local = self._local
        known = query.about in configuration.members()
        encoded = encode_configuration(configuration) if configuration.members() else b""
        return Answer(local.cluster, 1, local.member, 1, local.name, encoded, known, 1 if known else 0)

    # --- finding the others ----------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Find out who belongs, unless that is under way."""
        local = self._local
        if local is not None and self._links is not None and self._asking is None:
            self._asking = local.environment.tasks.spawn(self._find(local), "find the members")

    async def _find(self, local: LocalNode) -> None:
        try:
            await asyncio.sleep(local.heartbeat_seconds)
            contacts = [address(text) for text in local.contacts if text and text != local.address]
            for contact in dict.fromkeys([*contacts, *(one for some in self._known.values() for one in some)]):
                configuration = await self._configuration_from(local, contact)
                if configuration is not None and self._links is not None:
                    self._learn(local, configuration)
            if self._is_lost():
                await asyncio.sleep(local.election_seconds)
        finally:
            self._asking = None
        if self._is_lost():
            self._ask()

    def _is_lost(self) -> bool:
        """Whether this node heard of no cluster yet."""
        return self._peers is not None and not self._peers.configuration.members()

    async def _configuration_from(self, local: LocalNode, contact: Address) -> Configuration | None:
        if self._links is None:
            return None
        try:
            answer = await self._links.query(contact, local.member)
            if isinstance(answer, Refusal) or answer.cluster != local.cluster or not answer.configuration:
                return None
            return decode_configuration(answer.configuration)
        except (OSError, ValueError) as error:
            _logger.debug("nobody at %s:%d says who belongs: %s", *contact, error)
            return None

    def _learn(self, local: LocalNode, configuration: Configuration) -> None:
        """Reach these as well. Who they are to the cluster is the log's business."""
        assert self._links is not None
        for member in configuration.members():
            text = name_and_address(configuration, member)[1]
            if text and member != local.member:
                self._known.setdefault(member, [address(text)])
        self._links.set_peers(self._known)


def address(text: str) -> Address:
    """Host and port of ``HOST:PORT``; an IPv6 host is in brackets. Raises ConfigurationError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ConfigurationError(f"{text!r} is no address: a node over TCP needs HOST:PORT")
    return host, int(port)


def _anybody(hello: Hello) -> Refusal | None:
    # Whoever is of the cluster may speak: a node that was away does not know all who came since. The core knows whom to
    # believe.
    return None


def _fault(error: BaseException, where: str) -> None:
    _logger.error("%s failed: %s: %s", where, type(error).__name__, error)
