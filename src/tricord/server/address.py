# SPDX-License-Identifier: Apache-2.0
"""HOST:PORT as people write it: names, IPv4, and IPv6 in brackets (RFC 3986, 3.2.2)."""

from __future__ import annotations

import ipaddress

from tricord.base.errors import ConfigurationError
from tricord.base.message import message


@message
class Address:
    """A host (without brackets) and a port (0 takes a free one)."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises ConfigurationError when it is not HOST:PORT."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            bracketed = True
        else:
            bracketed = False
        if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
            raise ConfigurationError(f"{text!r} is not an address: write HOST:PORT, for example 127.0.0.1:2379")
        if ":" in host and not bracketed:
            raise ConfigurationError(f"{text!r} is not an address: put an IPv6 host in brackets, as in [::1]:2379")
        if any(character in "/@?# " for character in host):
            raise ConfigurationError(f"{text!r} is not an address: write HOST:PORT without a scheme or path")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it. A name other than localhost may be anything, so it does not count."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower().rstrip(".") == "localhost"

    @property
    def is_ip(self) -> bool:
        """Whether the host is an address and not a name."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    @property
    def is_wildcard(self) -> bool:
        """Whether it means every address of this machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return self.host == "*"
