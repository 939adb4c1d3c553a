# SPDX-License-Identifier: Apache-2.0
"""From a cluster's configuration to where its members listen for each other."""

from __future__ import annotations

from urllib.parse import urlsplit

from tricord.base.membership import Configuration
from tricord.server.membership_rules import member_info

PeerAddress = tuple[str, int]


def addresses_of(urls: list[str]) -> list[PeerAddress]:
    """(host, port) of each URL that has both."""
    found = []
    for url in urls:
        try:
            parts = urlsplit(url)
            if parts.hostname and parts.port:
                found.append((parts.hostname, parts.port))
        except ValueError:
            continue
    return found


def peer_addresses(configuration: Configuration, own: int) -> dict[int, list[PeerAddress]]:
    """All members but this one, and where they can be dialled."""
    return {
        member: addresses_of(member_info(configuration, member).peer_urls)
        for member in configuration.members()
        if member != own
    }
