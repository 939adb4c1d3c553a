# SPDX-License-Identifier: Apache-2.0
"""Whether somebody speaks from this machine: what proves nothing is heard from there alone."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def is_loopback(host: str) -> bool:
    """``host`` is an address as a socket gives it; IPv4 within IPv6 counts as IPv4."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
