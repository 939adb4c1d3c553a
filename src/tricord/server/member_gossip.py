# SPDX-License-Identifier: Apache-2.0
"""A member's gossip: those whom the cluster's configuration names, on the port that peers dial.

UDP has the same port number. Streams come to the peers' listener, where their preface tells them apart. Keys derive
from the cluster's secret, so nothing has to be set but ``gossip``.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable

from tricord.base.environment import Environment
from tricord.base.membership import Configuration as Members
from tricord.base.metrics import GossipFigures
from tricord.gossip import EventKind, GossipConfig, MemberEvent, Standing
from tricord.gossip.claims import INCARNATION_MAX
from tricord.server.configuration import Configuration
from tricord.server.gossip_driver import GossipDriver, GossipHooks
from tricord.server.peer_addresses import peer_addresses
from tricord.server.peer_links import PeerTls, dialling_tls, read_secret
from tricord.server.telling import Tells
from tricord.storage.identity import Identity

LEAVE_SECONDS = 1.0
"""How long a stop may wait until the others were told."""
_KEY_CONTEXT = b"tricord gossip key 1\x00"


class MemberGossip:
    """Who of the members can be reached, as this one sees it. ``driver`` carries broadcasts and metadata."""

    def __init__(
        self,
        environment: Environment,
        configuration: Configuration,
        identity: Identity,
        tells: Tells,
        name: Callable[[int], str],
        fault: Callable[[BaseException, str], None],
        *,
        tls: PeerTls | None = None,
    ) -> None:
        """``name`` says what people call a member. Raises ConfigurationError."""
        self._member = identity.member
        self._tells = tells
        self._name = name
        self._is_started = False
        self._members: Members | None = None
        secret = read_secret(environment.disk, configuration.cluster_secret_file)
        config = GossipConfig(
            member=identity.member,
            cluster=identity.cluster,
            incarnation=min(max(environment.clock.wall_ns() // 1_000_000, 1), INCARNATION_MAX),
            keys=(gossip_key(secret),) if secret else (),
            leave_timeout=LEAVE_SECONDS,
        )
        self.driver = GossipDriver(
            environment,
            config,
            GossipHooks(changed=self._changed, fault=fault),
            insecure=configuration.insecure,
            tcp_only=configuration.gossip == "tcp",
            tls=tls.dialling if tls is not None else dialling_tls(configuration),
        )

    def accept(self) -> asyncio.Protocol:
        """For a stream that another member opened."""
        return self.driver.accept()

    async def start(self, host: str, port: int) -> None:
        """Begin beside the listener for peers at this address. Raises ConfigurationError, OSError."""
        await self.driver.start_beside(host, port)
        self._is_started = True
        if self._members is not None:
            self.configured(self._members)

    def configured(self, members: Members) -> None:
        """These are the members, and so those who belong."""
        self._members = members
        if self._is_started:
            known = peer_addresses(members, self._member)
            self.driver.belong({member: addresses[0] for member, addresses in known.items() if addresses})

    async def stop(self) -> None:
        """Tell the others that this member goes; then say nothing more."""
        if self._is_started:
            await self.driver.leave()
        self.close()

    def close(self) -> None:
        """Say and hear nothing more, without a word."""
        self._is_started = False
        self.driver.close()

    def figures(self) -> GossipFigures:
        """For a scrape."""
        core = self.driver.core
        standings = dict.fromkeys((standing.name.lower() for standing in Standing), 0)
        for view in core.members():
            standings[view.standing.name.lower()] += 1
        refused = {reason.value: count for reason, count in core.counts.refused.items()}
        return GossipFigures(standings, core.health, core.waiting, core.counts.numbers(), refused)

    def _changed(self, event: MemberEvent) -> None:
        name = self._name(event.member)
        if event.kind is EventKind.ALIVE:
            self._tells.info("a member can be reached", peer=name)
        elif event.kind is EventKind.DEAD:
            self._tells.warning("a member cannot be reached", peer=name)
        elif event.kind is EventKind.LEFT:
            self._tells.info("a member says that it stops", peer=name)


def gossip_key(secret: bytes) -> bytes:
    """32 bytes that follow from the cluster's secret, and do not tell it."""
    return hmac.digest(secret, _KEY_CONTEXT, hashlib.sha256)
