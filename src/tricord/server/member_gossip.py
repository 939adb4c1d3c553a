# SPDX-License-Identifier: Apache-2.0
"""A member's gossip: those whom the cluster's configuration names, on the port that peers dial.

UDP has the same port number. Streams come to the peers' listener, where their preface tells them apart. Keys derive
from the cluster's secret, so nothing has to be set. It begins with the first keyspace that needs it, or at the start
where ``gossip`` says so; until then it costs nothing, not even its import.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

from tricord.base.environment import Environment
from tricord.base.errors import ConfigurationError
from tricord.base.keyspaces import Model
from tricord.base.membership import Configuration as Members
from tricord.base.message import message
from tricord.base.metrics import GossipFigures
from tricord.server.configuration import Configuration
from tricord.server.peer_addresses import peer_addresses
from tricord.server.peer_links import PeerTls, dialling_tls, read_secret
from tricord.server.telling import Tells
from tricord.statemachine.machine import StateMachine
from tricord.storage.identity import Identity
from tricord.transport.gossip.frames import PREFACE

if TYPE_CHECKING:  # AES-GCM alone costs a member 6 MiB
    from tricord.gossip import Delivery, GossipConfig, MemberEvent
    from tricord.server.gossip_driver import GossipDriver

LEAVE_SECONDS = 1.0
"""How long a stop may wait until the others were told."""
AGAIN_SECONDS = 60.0
"""After this a start that failed is tried again, where no person asked for it."""
_KEY_CONTEXT = b"tricord gossip key 1\x00"

Prefaces = dict[bytes, Callable[[], asyncio.Protocol]]


@message
class _Place:
    host: str
    port: int
    prefaces: Prefaces


class MemberGossip:
    """Who of the members can be reached, as this one sees it. ``driver`` is None until it begins."""

    def __init__(
        self,
        environment: Environment,
        configuration: Configuration,
        identity: Identity,
        machine: StateMachine,
        tells: Tells,
        name: Callable[[int], str],
        fault: Callable[[BaseException, str], None],
        *,
        tls: PeerTls | None = None,
    ) -> None:
        """``name`` says what people call a member."""
        self.driver: GossipDriver | None = None
        self.changed: Callable[[MemberEvent], None] = lambda event: None
        """Told what becomes of other members."""
        self.topics: dict[int, Callable[[Delivery], None]] = {}
        """Who takes the broadcasts of a topic."""
        self._environment = environment
        self._configuration = configuration
        self._identity = identity
        self._machine = machine
        self._tells = tells
        self._name = name
        self._fault = fault
        self._tls = tls
        self._place: _Place | None = None
        self._members: Members | None = None
        self._starting: asyncio.Task[None] | None = None
        self._is_closed = False
        self._keyspaces_seen = 0
        self._again_at = 0.0

    async def beside(self, host: str, port: int, prefaces: Prefaces) -> None:
        """Peers are listened to at this address; ``prefaces`` says there who takes which connections. Begins where the
        settings say so. Raises ConfigurationError, OSError."""
        self._place = _Place(host, port, prefaces)
        if self._configuration.gossip in ("udp", "tcp"):
            await self._start(self._place)

    def look(self) -> None:
        """Every so often: begin, if there is a keyspace that needs it. Asks once for each that is made."""
        place, seen = self._place, self._machine.catalogue.next_id
        now = self._environment.clock.monotonic()
        if self._configuration.gossip != "auto" or place is None or self.driver is not None or self._is_closed:
            return
        if seen == self._keyspaces_seen or self._starting is not None or now < self._again_at:
            return
        if all(record.model is Model.STRONG for record in self._machine.catalogue.by_name.values()):
            self._keyspaces_seen = seen
            return
        self._again_at = now + AGAIN_SECONDS
        self._starting = self._environment.tasks.spawn(self._start_as_needed(place), "gossip")

    def configured(self, members: Members) -> None:
        """These are the members, and so those who belong."""
        self._members = members
        if self.driver is not None:
            known = peer_addresses(members, self._identity.member)
            self.driver.belong({member: addresses[0] for member, addresses in known.items() if addresses})

    async def stop(self) -> None:
        """Tell the others that this member goes; then say nothing more."""
        if self.driver is not None and not self._is_closed:
            await self.driver.leave()
        self.close()

    def close(self) -> None:
        """Say and hear nothing more, without a word."""
        self._is_closed = True
        if self._starting is not None:
            self._starting.cancel()
        if self.driver is not None:
            self.driver.close()

    def figures(self) -> GossipFigures | None:
        """For a scrape; None: it has not begun."""
        if self.driver is None:
            return None
        core = self.driver.core
        standings = dict.fromkeys(("absent", "alive", "suspect", "dead", "left"), 0)
        for view in core.members():
            standings[view.standing.name.lower()] += 1
        refused = {reason.value: count for reason, count in core.counts.refused.items()}
        return GossipFigures(standings, core.health, core.waiting, core.counts.numbers(), refused)

    # --- inner ---------------------------------------------------------------------------------------------

    async def _start_as_needed(self, place: _Place) -> None:
        try:
            await self._start(place)
        except (ConfigurationError, OSError) as error:
            self._tells.warning("a keyspace needs gossip, which cannot begin", why=str(error))
        finally:
            self._starting = None

    async def _start(self, place: _Place) -> None:
        from tricord.server.gossip_driver import GossipDriver, GossipHooks

        configuration = self._configuration
        driver = GossipDriver(
            self._environment,
            self._config(),
            GossipHooks(self._changed, self._delivered, self._fault),
            insecure=configuration.insecure,
            tcp_only=configuration.gossip == "tcp",
            tls=self._tls.dialling if self._tls is not None else dialling_tls(configuration),
        )
        await driver.start(place.host, place.port)
        self.driver = driver
        place.prefaces[PREFACE] = driver.accept
        if self._members is not None:
            self.configured(self._members)

    def _config(self) -> GossipConfig:
        from tricord.gossip import GossipConfig

        secret = read_secret(self._environment.disk, self._configuration.cluster_secret_file)
        return GossipConfig(
            member=self._identity.member,
            cluster=self._identity.cluster,
            incarnation=max(self._environment.clock.wall_ns() // 1_000_000, 1),
            keys=(gossip_key(secret),) if secret else (),
            leave_timeout=LEAVE_SECONDS,
        )

    def _changed(self, event: MemberEvent) -> None:
        name = self._name(event.member)
        match event.kind.value:
            case "alive":
                self._tells.info("a member can be reached", peer=name)
            case "dead":
                self._tells.warning("a member cannot be reached", peer=name)
            case "left":
                self._tells.info("a member says that it stops", peer=name)
        self.changed(event)

    def _delivered(self, delivery: Delivery) -> None:
        take = self.topics.get(delivery.topic)
        if take is not None:
            take(delivery)


def gossip_key(secret: bytes) -> bytes:
    """32 bytes that follow from the cluster's secret, and do not tell it."""
    return hmac.digest(secret, _KEY_CONTEXT, hashlib.sha256)
