# SPDX-License-Identifier: Apache-2.0
"""Where a member listens, and what is spoken there: one port for all by default, as many as wanted otherwise."""

from __future__ import annotations

import ssl
from enum import Enum

from tricord.base.message import message
from tricord.server.address import Address
from tricord.server.configuration import Configuration
from tricord.server.peer_links import PeerTls, listening_tls
from tricord.transport.gate import Admits


class Speaks(Enum):
    """What a listener for clients answers."""

    ALL = "grpc+http"
    GRPC = "grpc"
    HTTP = "http"
    """The JSON gateway and the pages of operators."""
    METRICS = "metrics"
    """/metrics, /health and the probes."""


@message
class Door:
    """One listener. ``admits`` looks at the certificates that were shown; one that ``may_lack`` is left out where this
    machine has no such addresses."""

    address: Address
    tls: ssl.SSLContext | None = None
    speaks: Speaks = Speaks.ALL
    admits: Admits | None = None
    may_lack: bool = False


@message
class Doors:
    """All listeners of a member. Without one for peers, they come to the first one for clients.

    The URLs are what others are told to dial; where there are none they follow from the first listener.
    """

    clients: list[Door]
    peers: list[Door]
    client_urls: list[str]
    peer_urls: list[str]
    peer_tls: PeerTls | None = None
    """How this member dials others; None: as its settings say."""
    keepalive: tuple[float, float] | None = None
    """Seconds of silence after which a client is pinged, and seconds from then on after which it is dropped; None: as
    ``Limits`` has it."""
    gateway: bool = True
    """Whether there is a JSON gateway."""
    call_times: bool = False
    """Whether /metrics shows how long calls took."""


def doors_of(configuration: Configuration, tls: ssl.SSLContext | None) -> Doors:
    """What the settings say: one port, and one for peers where it is named. Raises ConfigurationError."""
    peers = []
    if configuration.listen_peer:
        peers = [Door(configuration.listen_peer_address, listening_tls(configuration))]
    return Doors([Door(configuration.listen_address, tls)], peers, [], [])
