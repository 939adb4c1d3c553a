# SPDX-License-Identifier: Apache-2.0
"""How ``tricord etcd`` shows its member: etcd's log lines, the listeners that its URLs name, word to systemd."""

from __future__ import annotations

import dataclasses
import os
import socket
import ssl
from collections.abc import Iterable

from tricord.api.doors import Door, Doors, Speaks
from tricord.api.serving import Serving
from tricord.base.environment import Environment
from tricord.cli.etcd_arguments import Given
from tricord.cli.etcd_cluster import check_advertised
from tricord.cli.etcd_log import EtcdLog
from tricord.cli.etcd_plan import NotStarted, Plan, address_of
from tricord.cli.etcd_tls import Security, open_security
from tricord.cli.run_member import Manner
from tricord.runtime.logging import Logger
from tricord.runtime.network import TcpNetwork
from tricord.server.address import Address
from tricord.server.peer_links import PeerTls
from tricord.transport.gate import Admits

NEVER = float("inf")


class EtcdManner(Manner):
    """``signal`` is the number of the one that stopped the member; 0: none did."""

    invitation_rounds = 10

    def __init__(self, given: Given, plan: Plan, log: EtcdLog) -> None:
        super().__init__(plan.configuration)
        self.signal = 0
        self._given = given
        self._plan = plan
        self._log = log

    def environment(self, environment: Environment) -> Environment:
        os.umask(0o077)  # etcd's data directory is its owner's alone
        reuse_port = self._given.values["socket-reuse-port"]
        return dataclasses.replace(environment, network=TcpNetwork(reuse_port=reuse_port))

    def open_log(self, environment: Environment) -> Logger:
        return self._log.member_log(environment.clock, self.configuration.name)

    def doors(self) -> Doors:
        plan, said = self._plan, self._given.values
        self._check_founding()
        security = open_security(self._given, plan)
        for text, fields in security.warnings:
            self._log.say("warn", text, **fields)
        self._warn_of_openness()
        speaks = Speaks.GRPC if plan.http_urls else Speaks.ALL
        clients = [*_client_doors(plan.client_urls, speaks, security)]
        clients += _client_doors(plan.http_urls, Speaks.HTTP, security)
        clients += _client_doors(plan.metrics_urls, Speaks.METRICS, security)
        peers: list[Door] = []
        for url in plan.peer_urls:
            if url.startswith("https"):
                peers += _doors(url, security.peers, Speaks.ALL, security.admits_peer)
            else:
                peers += _doors(url, None, Speaks.ALL, None)
        return Doors(
            clients,
            peers,
            list(plan.advertised_clients),
            list(plan.advertised_peers),
            peer_tls=PeerTls(security.dialling.current if security.dialling is not None else None),
            keepalive=self._keepalive(),
            gateway=said["enable-grpc-gateway"],
            call_times=said["metrics"] == "extensive",
        )

    def told(self, number: int) -> None:
        """A signal came that stops the member."""
        self.signal = number

    def serves(self, serving: Serving, log: Logger) -> None:
        identity = serving.member.identity
        log.info(
            "ready to serve client requests",
            local_member_id=f"{identity.member:x}",
            cluster_id=f"{identity.cluster:x}",
            data_dir=self.configuration.data_dir,
        )
        for url in (*self._plan.client_urls, *self._plan.http_urls):
            how = "securely" if url.startswith("https") else "insecurely; this is strongly discouraged!"
            log.info(f"serving client traffic {how}", address=url.partition("://")[2])
        for url in self._plan.metrics_urls:
            log.info("serving metrics", address=url)
        notify_systemd("READY=1")

    def _keepalive(self) -> tuple[float, float] | None:
        """As the flags say; where they do not, tricord's own: etcd's two hours keep dead connections for long."""
        given = self._given
        if not (given.is_set("grpc-keepalive-interval") or given.is_set("grpc-keepalive-timeout")):
            return None
        interval, timeout = given.values["grpc-keepalive-interval"], given.values["grpc-keepalive-timeout"]
        # Connections are looked at each second; one 0 turns both off.
        return (max(interval, 1.0), timeout) if interval > 0 and timeout > 0 else (NEVER, NEVER)

    def _check_founding(self) -> None:
        configuration, plan = self.configuration, self._plan
        if os.path.exists(f"{configuration.data_dir}/identity") or not configuration.initial_cluster:
            return
        check_advertised(configuration.initial_cluster, configuration.listed_name, plan.advertised_peers)
        schemes = {url.partition("=")[2].partition(":")[0] for url in configuration.initial_cluster.split(",")}
        if len(schemes) > 1:
            raise NotStarted("--initial-cluster has http and https URLs: all members must speak the same to each other")

    def _warn_of_openness(self) -> None:
        plan = self._plan
        both = (*plan.client_urls, *plan.http_urls, *plan.peer_urls)
        reached = [url for url in both if not url.startswith("https") and not address_of(url).is_loopback]
        if reached:
            text = "whoever reaches these addresses can read and change everything: they speak plain text"
            self._log.say("warn", text, urls=reached)


def _client_doors(urls: Iterable[str], speaks: Speaks, security: Security) -> list[Door]:
    doors = []
    for url in urls:
        if url.startswith("https"):
            doors += _doors(url, security.clients, speaks, security.admits_client)
        else:
            doors += _doors(url, None, speaks, None)
    return doors


def _doors(url: str, tls: ssl.SSLContext | None, speaks: Speaks, admits: Admits | None) -> list[Door]:
    """One; two for all addresses of this machine, which for etcd are those of IPv4 and of IPv6, however written."""
    address = address_of(url)
    doors = [Door(address, tls, speaks, admits)]
    if address.is_wildcard:
        other = Address("0.0.0.0" if ":" in address.host else "::", address.port)
        doors.append(Door(other, tls, speaks, admits, may_lack=True))
    return doors


def notify_systemd(state: str) -> None:
    """Tell the service manager, if one waits for it (sd_notify's protocol)."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path[:1] not in ("/", "@") or not hasattr(socket, "AF_UNIX"):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        try:
            told.sendto(state.encode(), "\0" + path[1:] if path[0] == "@" else path)
        except OSError:
            return  # nobody listens any more
