# SPDX-License-Identifier: Apache-2.0
"""A small network of this machine: a namespace for each host, joined by a bridge, and cuts by blackhole routes.

Needs root and iproute2. Nothing outside is touched, and everything is taken down again. A cut is one way: what one host
sends to another is dropped. So a TCP connection between the two stands still in both directions, while a new one in the
other direction is not even answered.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterable
from types import TracebackType
from typing import Self


def ip(*words: str, check: bool = True) -> None:
    """Run iproute2's `ip`."""
    subprocess.run(["ip", *words], check=check, capture_output=True)


CLIENTS = "clients"
"""Stands for this side of the bridge."""


class Network:
    """`with Network(["n1", "n2"]) as network:`; the test itself reaches every host, by the bridge."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = list(hosts)
        self._tag = f"t{os.getpid() % 100_000}"
        self._subnet = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
        self.cuts: set[tuple[str, str]] = set()

    def address(self, host: str) -> str:
        """The host's IPv4 address."""
        if host == CLIENTS:
            return f"{self._subnet}.254"
        return f"{self._subnet}.{self.hosts.index(host) + 1}"

    def relayed_address(self, host: str) -> str:
        """Where other hosts reach the host through a relay of their own: on each of them an address of itself."""
        return f"{self._subnet}.{self.hosts.index(host) + 101}"

    def inside(self, host: str) -> list[str]:
        """What to put before a command so that it runs on the host."""
        return ["ip", "netns", "exec", self._namespace(host)]

    def cut(self, sender: str, receiver: str) -> None:
        """Drop what ``sender`` sends to ``receiver`` from now on."""
        if (sender, receiver) not in self.cuts:
            self.cuts.add((sender, receiver))
            ip("-n", self._namespace(sender), "route", "add", "blackhole", f"{self.address(receiver)}/32")

    def part(self, one: str, other: str) -> None:
        """Cut both ways."""
        self.cut(one, other)
        self.cut(other, one)

    def cut_from_clients(self, host: str) -> None:
        """Drop what the host sends to this side of the bridge, where the clients are."""
        self.cut(host, CLIENTS)

    def isolate(self, host: str) -> None:
        """Part it from all other hosts."""
        for other in self.hosts:
            if other != host:
                self.part(host, other)

    def heal(self) -> None:
        """Undo all cuts."""
        for sender, receiver in sorted(self.cuts):
            ip("-n", self._namespace(sender), "route", "del", "blackhole", f"{self.address(receiver)}/32")
        self.cuts.clear()

    def _namespace(self, host: str) -> str:
        return f"{self._tag}-{host}"

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def _build(self) -> None:
        bridge = self._tag
        ip("link", "add", bridge, "type", "bridge")
        ip("addr", "add", f"{self.address(CLIENTS)}/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        for number, host in enumerate(self.hosts):
            namespace, outer = self._namespace(host), f"{self._tag}v{number}"
            ip("netns", "add", namespace)
            ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", namespace)
            ip("link", "set", outer, "master", bridge, "up")
            ip("-n", namespace, "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
            ip("-n", namespace, "link", "set", "eth0", "up")
            ip("-n", namespace, "link", "set", "lo", "up")
            for other in self.hosts:
                if other != host:
                    ip("-n", namespace, "addr", "add", f"{self.relayed_address(other)}/32", "dev", "lo")

    def _remove(self) -> None:
        for host, number in zip(self.hosts, itertools.count(), strict=False):
            ip("link", "del", f"{self._tag}v{number}", check=False)
            ip("netns", "del", self._namespace(host), check=False)
        ip("link", "del", self._tag, check=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()
