# SPDX-License-Identifier: Apache-2.0
"""How long a client waits and how often it tries; and the TLS material it was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tricord.base.errors import ConfigurationError
from tricord.client.endpoints import Endpoint
from tricord.transport.tls_reason import reason_of

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Times are seconds. The defaults suit a user who waits at a terminal."""

    timeout: float = 5.0
    """What a call may take, all its attempts together."""
    dial_timeout: float = 5.0
    """What opening a connection may take. Where it takes long, the next endpoint is dialled beside it."""
    attempts: int = 5
    """How many rounds over the endpoints a call may take where trying again is safe. 1: each is asked once at most."""
    first_pause: float = 0.1
    """The pause before a second round over the endpoints; it doubles each time, and a random part up to half is cut."""
    longest_pause: float = 0.5
    """The pause does not grow beyond this."""

    def __post_init__(self) -> None:
        for name in ("timeout", "dial_timeout"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} must be above 0 seconds: no call waits for ever, none for nothing")
        if self.attempts < 1:
            raise ConfigurationError("attempts must be at least 1")


def tls_context(
    endpoints: list[Endpoint], tls: ssl.SSLContext | None, ca: str | None, cert: str | None, key: str | None
) -> ssl.SSLContext | None:
    """The context for the endpoints that want TLS, None if none does. File names are of PEM files.

    Raises ConfigurationError, naming the file, and where http:// contradicts the TLS material.
    """
    configured = tls is not None or ca is not None or cert is not None or key is not None
    for endpoint in endpoints:
        if configured and endpoint.secure is False:
            raise ConfigurationError(f"http://{endpoint} is without TLS, but TLS was configured: write https://")
    if not configured and not any(endpoint.secure for endpoint in endpoints):
        return None
    if tls is not None and (ca or cert or key):
        raise ConfigurationError("give either tls or the files ca, cert and key")
    if key is not None and cert is None:
        raise ConfigurationError("key was given without cert")
    if tls is None:
        tls = _context_of_files(ca, cert, key)
    tls.set_alpn_protocols(["h2"])
    return tls


def _context_of_files(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if ca is not None:
            context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        named = " or ".join(name for name in (ca, cert, key) if name is not None)
        raise ConfigurationError(f"cannot use {named} for TLS: {reason_of(error)}") from error
    return context
