# SPDX-License-Identifier: Apache-2.0
"""The members of a new cluster as the command line lists them, and the ids that derive from the list.

All members are started with the same list and token. So they agree on the ids, and on the configuration that the log
begins with, before they have spoken to each other.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from tricord.base.errors import ConfigurationError
from tricord.base.members import MemberInfo, encode_member_info
from tricord.base.membership import Configuration
from tricord.base.message import message
from tricord.server.address import Address


@message
class InitialMember:
    """One entry of the list."""

    name: str
    address: Address


@message
class InitialCluster:
    """The list, ascending by name, and the token. Raises ConfigurationError for one that makes no sense."""

    members: tuple[InitialMember, ...]
    token: str

    @classmethod
    def parse(cls, text: str, token: str) -> InitialCluster:
        """``NAME=HOST:PORT,...``; an address may be written as a URL: ``NAME=http://HOST:PORT``."""
        members = [_entry(part.strip()) for part in text.split(",") if part.strip()]
        for what, values in (("name", [one.name for one in members]), ("address", [str(m.address) for m in members])):
            double = next((value for value in values if values.count(value) > 1), None)
            if double is not None:
                raise ConfigurationError(f"initial_cluster has the {what} {double} twice: each member is listed once")
        return cls(tuple(sorted(members, key=lambda member: member.name)), token)

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
        return _id("cluster", self.token, *(f"{member.name}={member.address}" for member in self.members))

    @property
    def history_id(self) -> int:
        """The id of its first history."""
        return _id("history", str(self.cluster_id))

    def member_id(self, member: InitialMember) -> int:
        """A member's id."""
        return _id("member", str(self.cluster_id), member.name, str(member.address))

    def configuration(self, scheme: str) -> Configuration:
        """What the log begins with: all of them vote, and no data directory has claimed a member yet.

        ``scheme`` is the one that peers speak: http or https.
        """
        info = {
            self.member_id(member): encode_member_info(MemberInfo(member.name, [f"{scheme}://{member.address}"], []))
            for member in self.members
        }
        voters = tuple(sorted(info))
        return Configuration(voters, info={voter: info[voter] for voter in voters})


def _entry(text: str) -> InitialMember:
    name, equals, address = text.partition("=")
    if not equals or not name:
        raise ConfigurationError(f"initial_cluster: {text!r} is not NAME=HOST:PORT")
    if "://" in address:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ConfigurationError(f"initial_cluster: {address!r} is not the URL of a peer: write http://HOST:PORT")
        address = parts.netloc
    try:
        return InitialMember(name, Address.parse(address))
    except ConfigurationError as error:
        raise ConfigurationError(f"initial_cluster: {name}: {error}") from None


def _id(*parts: str) -> int:
    """63 bits of a hash, not 0."""
    digest = hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1 or 1
