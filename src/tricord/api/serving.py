# SPDX-License-Identifier: Apache-2.0
"""A member with its doors open: etcd's gRPC and JSON, health, reflection, probes and metrics, on one port or more."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import ssl
from collections.abc import Callable, Mapping

from tricord.api import etcd, native, ops
from tricord.api.call_times import CallTimes
from tricord.api.doors import Door, Doors, Speaks, doors_of
from tricord.api.health import HealthService
from tricord.api.reflection import reflection_methods
from tricord.base.environment import Environment
from tricord.base.metrics import Traffic
from tricord.base.version import __version__
from tricord.server.address import Address
from tricord.server.configuration import Configuration
from tricord.server.founding import Invitation
from tricord.server.member import Member
from tricord.server.telling import Tells
from tricord.transport.limits import Limits
from tricord.transport.server import Server
from tricord.wire.grpc.service import Method
from tricord.wire.http.routes import Routes
from tricord.wire.schemas import pool

NO_SUCH_ADDRESSES = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

OnFault = Callable[[BaseException, str], None]


class Serving:
    """Make it, ``start`` it, and ``stop`` it when ``member.until_failed`` returns or somebody says so."""

    def __init__(
        self,
        environment: Environment,
        configuration: Configuration,
        *,
        tls: ssl.SSLContext | None = None,
        doors: Doors | None = None,
        invitation: Invitation | None = None,
        tells: Tells | None = None,
        on_fault: OnFault | None = None,
    ) -> None:
        """Opens the data directory; takes and raises what ``Member`` does.

        ``doors`` says where to listen in place of the settings, which ``tls`` is a part of.
        """
        self._environment = environment
        self._configuration = configuration
        self._on_fault = on_fault
        self._doors = doors or doors_of(configuration, tls)
        self.member = Member(
            environment,
            configuration,
            invitation=invitation,
            tells=tells,
            on_fault=on_fault,
            peer_tls=self._doors.peer_tls,
        )
        self._call_times = CallTimes(environment.clock) if self._doors.call_times else None
        self._all_methods = self._methods()
        self._servers: dict[Speaks, Server] = {}
        self.server = self._server(self._doors.clients[0].speaks)
        """The one behind the first listener for clients."""
        self.member.metrics.traffic = self._traffic
        self.listening = self._doors.clients[0].address
        self.advertised = configuration.advertise_address

    async def start(self) -> None:
        """Bind, start the member, serve. Raises CannotListen, what ``Member.start`` raises, and ConfigurationError."""
        doors = self._doors
        for door in doors.clients:
            await self._open(door)
        port = self.listening.port
        advertised = self.advertised
        self.advertised = Address(advertised.host, advertised.port or port)
        scheme = "https" if doors.clients[0].tls is not None else "http"
        self.member.client_urls.extend(doors.client_urls or [f"{scheme}://{self.advertised}"])
        await self._gossip_beside(await self._listen_to_peers())
        self.member.health_changed = self.health.changed
        await self.member.start()
        self.health.changed()

    async def stop(self, grace: float) -> None:
        """Hand the lead over, let calls under way finish within ``grace`` seconds, then close the member."""
        await self.member.hand_over()
        self.member.watching.stop()  # they would never finish
        self.member.replicas.end_streams()
        await asyncio.gather(*(server.drain(grace) for server in self._servers.values()))
        await self.member.stop()

    def abort(self) -> None:
        """Close all connections now."""
        for server in self._servers.values():
            server.abort()

    def connection_count(self) -> int:
        """Connections of clients that are open."""
        return sum(server.connection_count() for server in self._servers.values())

    async def _open(self, door: Door) -> None:
        address = door.address
        try:
            listener = await self._server(door.speaks).listen(address.host, address.port, door.tls, door.admits)
        except OSError as error:
            if door.may_lack and error.errno in NO_SUCH_ADDRESSES:
                return
            raise CannotListen(address, error) from error
        if door is self._doors.clients[0]:
            self.listening = Address(address.host, listener.addresses()[0][1])

    async def _listen_to_peers(self) -> Address:
        configuration, doors = self._configuration, self._doors
        advertised = configuration.advertise_peer_address
        listening = self.listening
        for number, door in enumerate(doors.peers):
            address = door.address
            try:
                listener = await self.member.links.listen(address.host, address.port, door.tls, door.admits)
            except OSError as error:
                if door.may_lack and error.errno in NO_SUCH_ADDRESSES:
                    continue
                raise CannotListen(address, error) from error
            if number == 0:
                listening = Address(address.host, listener.addresses()[0][1])
        scheme = "https" if configuration.peer_tls else "http"
        urls = doors.peer_urls or [f"{scheme}://{Address(advertised.host, advertised.port or listening.port)}"]
        self.member.peers.peer_urls.extend(urls)
        return listening

    async def _gossip_beside(self, listening: Address) -> None:
        others = self.member.links.others if self._doors.peers else self.server.others
        try:
            await self.member.gossip.beside(listening.host, listening.port, others)
        except OSError as error:
            raise CannotListen(listening, error) from error

    def _server(self, speaks: Speaks) -> Server:
        """The server of all listeners that speak the same; members are let in where clients are."""
        if speaks not in self._servers:
            at_first = not self._servers
            self._servers[speaks] = Server(
                self._environment,
                self._all_methods if speaks in (Speaks.ALL, Speaks.GRPC) else [],
                self._routes(speaks),
                limits_of(self._configuration, self._doors.keepalive),
                on_fault=self._on_fault,
                peers=self.member.links.accept if at_first and not self._doors.peers else None,
            )
        return self._servers[speaks]

    def _routes(self, speaks: Speaks) -> Routes:
        routes = Routes()
        member = self.member
        if speaks in (Speaks.ALL, Speaks.HTTP):
            if self._doors.gateway:
                etcd.add_routes(member.engine, routes)
                native.add_routes(member.engine, __version__, routes)
            ops.add_routes(member.engine, member.metrics, routes)
        elif speaks is Speaks.METRICS:
            ops.add_metrics_routes(member.engine, member.metrics, routes)
        return routes

    def _methods(self) -> list[Method]:
        engine = self.member.engine
        methods = etcd.methods(engine, self._configuration.max_request_bytes) + native.methods(engine, __version__)
        self.health = HealthService(self._is_serving)
        methods += self.health.methods()
        methods += reflection_methods(self._services, _files)
        self._service_names = sorted({method.path.split("/")[1] for method in methods})
        return methods if self._call_times is None else [self._call_times.timed(method) for method in methods]

    def _is_serving(self, service: str) -> bool | None:
        if service and service not in self._service_names:
            return None
        return all(check.ok for check in self.member.engine.health() if check.name != "alarm_nospace")

    def _traffic(self) -> Traffic:
        servers = self._servers.values()
        calls = [(method.path, method.counts.started, method.counts.ended) for method in self._all_methods]
        return Traffic(
            self.connection_count(),
            sum(server.received_bytes for server in servers),
            sum(server.sent_bytes for server in servers),
            calls,
            self._call_times.seconds if self._call_times is not None else {},
        )

    def _services(self) -> list[str]:
        return self._service_names


class CannotListen(OSError):
    """An address could not be bound; ``errno`` and ``strerror`` say why."""

    def __init__(self, address: Address, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.address = address


def limits_of(configuration: Configuration, keepalive: tuple[float, float] | None = None) -> Limits:
    """The bounds of connections that follow from the settings; ``keepalive`` as ``Doors`` has it."""
    limits = Limits()
    interval, timeout = keepalive or (limits.keepalive_interval, limits.keepalive_timeout)
    return dataclasses.replace(
        limits,
        max_message_size=configuration.max_message_bytes,
        keepalive_interval=interval,
        keepalive_timeout=timeout,
        http2=dataclasses.replace(limits.http2, max_concurrent_streams=configuration.max_concurrent_streams),
    )


def _files() -> Mapping[str, bytes]:
    return pool.SERIALIZED
