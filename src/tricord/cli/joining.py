# SPDX-License-Identifier: Apache-2.0
"""The command line that starts a new member, to be copied to its machine."""

from __future__ import annotations

import shlex

from tricord.base.members import MemberRecord
from tricord.cli.naming import called


def command_to_start(members: list[MemberRecord], new: MemberRecord, name: str) -> str:
    """What makes ``new`` join under ``name``; ``members`` are all of them, the new one too."""
    peers = [f"{called(member)}={url}" for member in members if member.id != new.id for url in member.peer_urls]
    peers += [f"{name}={url}" for url in new.peer_urls]
    words = ["tricord", "serve", "--name", name, "--data-dir", f"{name}-data"]
    words += ["--listen", address(new.peer_urls[0]), "--initial-cluster", ",".join(map(address_of_entry, peers))]
    words += ["--initial-cluster-state", "existing"]
    return shlex.join(words)


def address(url: str) -> str:
    """``host:port`` of a URL without TLS; a URL with TLS keeps its scheme out too: ``--listen`` takes no URL."""
    return url.partition("://")[2] or url


def address_of_entry(entry: str) -> str:
    """An entry of the initial cluster, without ``http://``, which is what is meant anyway."""
    name, _, url = entry.partition("=")
    return f"{name}={url.removeprefix('http://')}"
