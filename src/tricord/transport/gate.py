# SPDX-License-Identifier: Apache-2.0
"""Looks at a connection before its protocol does: whether the certificate that was shown is one of those wanted.

OpenSSL has verified the chain by then. One that is turned away sees its connection closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

Admits = Callable[[dict[str, Any]], bool]
"""Takes a certificate as ``ssl.SSLSocket.getpeercert`` gives it; empty: none was shown."""


class Gate(asyncio.Protocol):
    """Stands before the protocol that ``factory`` makes."""

    def __init__(self, admits: Admits, factory: Callable[[], asyncio.Protocol]) -> None:
        self._admits = admits
        self._factory = factory

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        certificate = transport.get_extra_info("peercert") or {}
        if not self._admits(certificate):
            assert hasattr(transport, "abort")
            transport.abort()
            return
        protocol = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


def gated(admits: Admits | None, factory: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
    """A factory whose protocols stand behind a gate; None: behind none."""
    return factory if admits is None else lambda: Gate(admits, factory)


def names_one_of(hosts: tuple[str, ...]) -> Admits:
    """The certificate is valid for one of the hosts (RFC 6125): names may have a wildcard as their first label."""

    def admits(certificate: dict[str, Any]) -> bool:
        names = certificate.get("subjectAltName", ())
        return any(_names(names, host) for host in hosts)

    return admits


def has_common_name(wanted: tuple[str, ...]) -> Admits:
    """The subject's common name is one of these."""

    def admits(certificate: dict[str, Any]) -> bool:
        parts = [part for relative in certificate.get("subject", ()) for part in relative]
        return any(kind == "commonName" and name in wanted for kind, name in parts)

    return admits


def _names(names: tuple[tuple[str, str], ...], host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return any(kind == "DNS" and _matches(name.lower(), host.lower().rstrip(".")) for kind, name in names)
    return any(kind == "IP Address" and _same_address(name, str(address)) for kind, name in names)


def _same_address(name: str, address: str) -> bool:
    try:
        return str(ip_address(name)) == address
    except ValueError:
        return False


def _matches(pattern: str, host: str) -> bool:
    first, dot, rest = pattern.partition(".")
    host_first, _, host_rest = host.partition(".")
    return pattern == host or (first == "*" and bool(dot) and bool(host_first) and rest == host_rest)
