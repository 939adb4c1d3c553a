# SPDX-License-Identifier: Apache-2.0
"""Where members listen, as users write it: ``host:port``, ``http://host:port``, ``https://host``, lists of them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from tricord.base.errors import ConfigurationError
from tricord.base.message import message

DEFAULT_PORT = 2379


@message
class Endpoint:
    """One member's address. ``secure`` is None where the user did not say: then TLS is used if TLS was configured."""

    host: str
    port: int
    secure: bool | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_endpoints(given: str | Iterable[str]) -> list[Endpoint]:
    """One endpoint, a comma-separated list, or several strings of either. Order is kept, doubles are dropped.

    Raises ConfigurationError, naming the part that is wrong.
    """
    texts = [given] if isinstance(given, str) else list(given)
    endpoints: dict[tuple[str, int, bool | None], Endpoint] = {}
    for text in texts:
        for part in text.split(","):
            if part.strip():
                endpoint = _parse(part.strip())
                endpoints.setdefault((endpoint.host, endpoint.port, endpoint.secure), endpoint)
    if not endpoints:
        raise ConfigurationError("no endpoint was given: write one as localhost:2379")
    return list(endpoints.values())


def _parse(text: str) -> Endpoint:
    secure: bool | None = None
    rest = text
    if "://" in text:
        scheme = text.partition("://")[0].lower()
        if scheme not in ("http", "https"):
            raise ConfigurationError(f"endpoint {text!r}: the scheme is http or https, not {scheme!r}")
        secure = scheme == "https"
    else:
        rest = f"//{text}"
    try:
        parts = urlsplit(rest)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigurationError(f"endpoint {text!r}: write it as host:port or http://host:port")
    if port == 0:
        raise ConfigurationError(f"endpoint {text!r}: port 0 cannot be dialled")
    return Endpoint(host, port or DEFAULT_PORT, secure)
