# SPDX-License-Identifier: Apache-2.0
"""A member with its doors open: etcd's gRPC and JSON, health, reflection, probes and metrics, on one port."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Callable, Mapping

from tricord.api import etcd, native, ops
from tricord.api.health import HealthService
from tricord.api.reflection import reflection_methods
from tricord.base.environment import Environment
from tricord.base.metrics import Traffic
from tricord.base.version import __version__
from tricord.server.address import Address
from tricord.server.configuration import Configuration
from tricord.server.founding import Invitation
from tricord.server.member import Member
from tricord.server.peer_links import listening_tls
from tricord.server.telling import Tells
from tricord.transport.limits import Limits
from tricord.transport.server import Server
from tricord.wire.grpc.service import Method
from tricord.wire.http.routes import Routes
from tricord.wire.schemas import pool

OnFault = Callable[[BaseException, str], None]


class Serving:
    """Make it, ``start`` it, and ``stop`` it when ``member.until_failed`` returns or somebody says so."""

    def __init__(
        self,
        environment: Environment,
        configuration: Configuration,
        *,
        tls: ssl.SSLContext | None = None,
        invitation: Invitation | None = None,
        tells: Tells | None = None,
        on_fault: OnFault | None = None,
    ) -> None:
        """Opens the data directory; takes and raises what ``Member`` does."""
        self._configuration = configuration
        self._tls = tls
        self.member = Member(environment, configuration, invitation=invitation, tells=tells, on_fault=on_fault)
        methods = self._methods()
        routes = Routes()
        etcd.add_routes(self.member.engine, routes)
        ops.add_routes(self.member.engine, self.member.metrics, routes)
        self.server = Server(
            environment,
            methods,
            routes,
            limits_of(configuration),
            on_fault=on_fault,
            peers=None if configuration.listen_peer else self.member.links.accept,
        )
        self.member.metrics.traffic = self._traffic
        self.listening = configuration.listen_address
        self.advertised = configuration.advertise_address

    async def start(self) -> None:
        """Bind, start the member, serve. Raises OSError when an address cannot be bound, what ``Member.start`` raises,
        and ConfigurationError."""
        address = self.listening
        listener = await self.server.listen(address.host, address.port, self._tls)
        port = listener.addresses()[0][1]
        self.listening = Address(address.host, port)
        advertised = self.advertised
        self.advertised = Address(advertised.host, advertised.port or port)
        scheme = "https" if self._configuration.tls else "http"
        self.member.client_urls.append(f"{scheme}://{self.advertised}")
        await self._listen_to_peers()
        self.member.leader_changed = self.health.changed
        await self.member.start()
        self.health.changed()

    async def stop(self, grace: float) -> None:
        """Hand the lead over, let calls under way finish within ``grace`` seconds, then close the member."""
        await self.member.hand_over()
        await self.server.drain(grace)
        await self.member.stop()

    async def _listen_to_peers(self) -> None:
        configuration = self._configuration
        advertised = configuration.advertise_peer_address
        if configuration.listen_peer:
            address = configuration.listen_peer_address
            tls = listening_tls(configuration)
            port = (await self.member.links.listen(address.host, address.port, tls)).addresses()[0][1]
        else:
            port = self.listening.port
        scheme = "https" if configuration.peer_tls else "http"
        self.member.peers.peer_urls.append(f"{scheme}://{Address(advertised.host, advertised.port or port)}")

    def _methods(self) -> list[Method]:
        engine = self.member.engine
        methods = etcd.methods(engine, self._configuration.max_request_bytes) + native.methods(engine, __version__)
        self.health = HealthService(self._is_serving)
        methods += self.health.methods()
        methods += reflection_methods(self._services, _files)
        self._service_names = sorted({method.path.split("/")[1] for method in methods})
        return methods

    def _is_serving(self, service: str) -> bool | None:
        if service and service not in self._service_names:
            return None
        return all(check.ok for check in self.member.engine.health() if check.name != "alarm_nospace")

    def _traffic(self) -> Traffic:
        server = self.server
        methods = server.registry.methods.values()
        calls = [(method.path, method.counts.started, method.counts.ended) for method in methods]
        return Traffic(server.connection_count(), server.received_bytes, server.sent_bytes, calls)

    def _services(self) -> list[str]:
        return self._service_names


def limits_of(configuration: Configuration) -> Limits:
    """The bounds of connections that follow from the settings."""
    limits = Limits()
    return dataclasses.replace(
        limits,
        max_message_size=configuration.max_message_bytes,
        http2=dataclasses.replace(limits.http2, max_concurrent_streams=configuration.max_concurrent_streams),
    )


def _files() -> Mapping[str, bytes]:
    return pool.SERIALIZED
