# SPDX-License-Identifier: Apache-2.0
"""The members of a new cluster as the command line lists them, and the ids that derive from the list.

All members are started with the same list and token. So they agree on the ids, and on the configuration that the log
begins with, before they have spoken to each other.
"""

from __future__ import annotations

import hashlib
from dataclasses import field
from urllib.parse import urlsplit

from tricord.base.errors import ConfigurationError
from tricord.base.members import MemberInfo, encode_member_info
from tricord.base.membership import Configuration
from tricord.base.message import message
from tricord.server.address import Address


@message
class InitialMember:
    """One member of the list. ``others`` are further addresses of it; ``urls`` is how the list writes them all, and
    empty where it gives addresses."""

    name: str
    address: Address
    others: tuple[Address, ...] = ()
    urls: tuple[str, ...] = field(default=(), compare=False)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All of them."""
        return (self.address, *self.others)

    def urls_of(self, scheme: str) -> list[str]:
        """As URLs of this scheme; empty: as they were written."""
        return [f"{scheme}://{address}" for address in self.addresses] if scheme else list(self.urls)

    def __str__(self) -> str:
        return ",".join(f"{self.name}={address}" for address in self.addresses)


@message
class InitialCluster:
    """The list, ascending by name, and the token. Raises ConfigurationError for one that makes no sense."""

    members: tuple[InitialMember, ...]
    token: str

    @classmethod
    def parse(cls, text: str, token: str) -> InitialCluster:
        """``NAME=HOST:PORT,...``; an address may be written as a URL: ``NAME=http://HOST:PORT``. A member that has
        several URLs is listed with each."""
        entries = [_entry(part.strip()) for part in text.split(",") if part.strip()]
        named: dict[str, list[InitialMember]] = {}
        for one in entries:
            named.setdefault(one.name, []).append(one)
        names = [name for name, of_name in named.items() if len(of_name) > 1 and not all(one.urls for one in of_name)]
        for what, doubles in (("name", names), ("address", _doubles([str(one.address) for one in entries]))):
            if doubles:
                double = doubles[0]
                raise ConfigurationError(f"initial_cluster has the {what} {double} twice: each member is listed once")
        return cls(tuple(_joined(named[name]) for name in sorted(named)), token)

    def address_of(self, name: str) -> Address:
        """Where the member of that name is. Raises ConfigurationError when none is called so."""
        for member in self.members:
            if member.name == name:
                return member.address
        names = ", ".join(member.name for member in self.members)
        raise ConfigurationError(f"initial_cluster does not list this member's name {name}, only {names}: see --name")

    @property
    def cluster_id(self) -> int:
        """The cluster's id."""
        return _id("cluster", self.token, *map(str, self.members))

    @property
    def history_id(self) -> int:
        """The id of its first history."""
        return _id("history", str(self.cluster_id))

    def member_id(self, member: InitialMember) -> int:
        """A member's id."""
        return _id("member", str(self.cluster_id), member.name, *map(str, member.addresses))

    def configuration(self, scheme: str) -> Configuration:
        """What the log begins with: all of them vote, and no data directory has claimed a member yet.

        ``scheme`` is the one that peers speak, http or https; empty: the list says it, with URLs.
        """
        info = {
            self.member_id(member): encode_member_info(MemberInfo(member.name, member.urls_of(scheme), []))
            for member in self.members
        }
        voters = tuple(sorted(info))
        return Configuration(voters, info={voter: info[voter] for voter in voters})


def _doubles(values: list[str]) -> list[str]:
    return [value for place, value in enumerate(values) if value in values[:place]]


def _joined(entries: list[InitialMember]) -> InitialMember:
    """One member of all its entries, in an order that does not depend on theirs."""
    if len(entries) == 1:
        return entries[0]
    ordered = sorted(entries, key=lambda entry: entry.urls)
    first, *others = (entry.address for entry in ordered)
    urls = tuple(url for entry in ordered for url in entry.urls)
    return InitialMember(ordered[0].name, first, tuple(others), urls)


def _entry(text: str) -> InitialMember:
    name, equals, address = text.partition("=")
    if not equals or not name:
        raise ConfigurationError(f"initial_cluster: {text!r} is not NAME=HOST:PORT")
    urls: tuple[str, ...] = ()
    if "://" in address:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ConfigurationError(f"initial_cluster: {address!r} is not the URL of a peer: write http://HOST:PORT")
        address = parts.netloc
        urls = (f"{parts.scheme}://{address}",)
    try:
        return InitialMember(name, Address.parse(address), urls=urls)
    except ConfigurationError as error:
        raise ConfigurationError(f"initial_cluster: {name}: {error}") from None


def _id(*parts: str) -> int:
    """63 bits of a hash, not 0."""
    digest = hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1 or 1
