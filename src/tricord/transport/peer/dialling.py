# SPDX-License-Identifier: Apache-2.0
"""How this member reaches others: who it says it is, under which secret and certificates."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable

from tricord.base.environment import Environment
from tricord.transport.peer.connection import ConnectionOwner, PeerConnection
from tricord.transport.peer.hooks import LocalMember
from tricord.wire.peer.dialler import DiallerSession
from tricord.wire.peer.hello import NONCE_SIZE, Hello, Lane

Address = tuple[str, int]
"""(host, port)."""

DialTls = ssl.SSLContext | Callable[[], ssl.SSLContext] | None
"""How to dial; None: in plain text."""

_NOBODY = LocalMember(0, 0, 0, 0)
_REFUSED = f"[Errno {errno.ECONNREFUSED}]"


def context_of(tls: DialTls) -> ssl.SSLContext | None:
    """What to dial with now."""
    return tls() if callable(tls) else tls


class Dialler:
    """Makes connections; it keeps none. ``local`` is None until this member knows who it is."""

    def __init__(self, environment: Environment, timeout: float, *, secret: bytes = b"", tls: DialTls = None) -> None:
        """``timeout``: seconds to connect, TLS included. ``tls`` may be asked anew for each connection."""
        self.local: LocalMember | None = None
        self._environment = environment
        self._timeout = timeout
        self._secret = secret
        self._tls = tls

    async def dial(self, address: Address, member: int, lane: Lane, owner: ConnectionOwner) -> PeerConnection:
        """Connect and begin to greet ``member`` (0: whoever is there).

        Raises OSError for whatever goes wrong, an address that is none included.
        """
        host, port = address
        connection = PeerConnection(self._environment.clock, self._session(member, lane), owner)
        connected = False
        tls = context_of(self._tls)
        try:
            async with asyncio.timeout(self._timeout):
                await self._environment.network.connect(host, port, lambda: connection, tls)
            connected = True
        except TimeoutError:
            raise TimeoutError(f"no answer within {self._timeout:g} s") from None
        except (ValueError, OverflowError) as error:  # a name or port that no address can have
            raise OSError(str(error)) from None
        finally:
            if not connected:
                connection.drop()
        return connection

    def _session(self, member: int, lane: Lane) -> DiallerSession:
        local = self.local or _NOBODY
        hello = Hello(
            local.cluster, local.history, local.member, local.incarnation, member, lane, nonce(self._environment)
        )
        return DiallerSession(hello, self._secret)


def is_refused(error: OSError) -> bool:
    """Whether nobody listens there. A name of several addresses counts when all of them said so."""
    if isinstance(error, ConnectionRefusedError):
        return True
    text = str(error)
    return error.errno is None and _REFUSED in text and text.count("[Errno") == text.count(_REFUSED)


def nonce(environment: Environment) -> bytes:
    """Random bytes that no other connection has."""
    return environment.random.bits(NONCE_SIZE * 8).to_bytes(NONCE_SIZE)
