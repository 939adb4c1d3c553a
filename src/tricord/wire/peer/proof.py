# SPDX-License-Identifier: Apache-2.0
"""Both sides prove that they know the cluster's secret, and neither says it (HMAC-SHA256, RFC 2104).

A proof covers the whole hello and challenge, so both nonces, and the role of who proves: it is of no use on another
connection, nor to be sent back. It says who opened the connection; what follows is protected by TLS or by nothing.
"""

from __future__ import annotations

import hashlib
import hmac

_CONTEXT = b"tricord peer proof 1\x00"
DIALLER = b"dialler\x00"
ACCEPTOR = b"acceptor\x00"


def proof(secret: bytes, role: bytes, hello: bytes, challenge: bytes) -> bytes:
    """32 bytes, or none without a secret. ``hello`` and ``challenge`` are payloads as they were sent."""
    if not secret:
        return b""
    said = _CONTEXT + role + len(hello).to_bytes(4) + hello + challenge
    return hmac.digest(secret, said, hashlib.sha256)


def is_proof(candidate: bytes, secret: bytes, role: bytes, hello: bytes, challenge: bytes) -> bool:
    """Whether the other side knows the secret; in constant time."""
    return hmac.compare_digest(candidate, proof(secret, role, hello, challenge))
