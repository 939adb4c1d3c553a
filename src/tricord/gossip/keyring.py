# SPDX-License-Identifier: Apache-2.0
"""Keys that seal packets, by AES-GCM (NIST SP 800-38D).

The first key seals, each of them opens; so a key is changed without a break: add the new one behind the old on every
member, then put it first, then take the old one away.

A nonce must never be used twice under one key. It is 8 random bytes, drawn at the start, and a count of 4 bytes; when
the count is at its end, others are drawn. So only two starts could meet, with a chance of 1 in 10^7 after a million of
starts under one key, however many packets there are.
"""

from __future__ import annotations

from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tricord.base.environment import Random
from tricord.base.errors import ConfigurationError
from tricord.gossip.refusals import PacketRefused, Reason

KEYS_MAX = 8
NONCE_SIZE = 12
TAG_SIZE = 16
NAME_SIZE = 4
"""A key's name is the first bytes of its SHA-256: it tells keys apart, it proves nothing."""
_COUNT_MAX = 2**32 - 1


class KeyRing:
    """The keys of one member. Raises ConfigurationError for keys that are none."""

    __slots__ = ("_ciphers", "_count", "_prefix", "_primary", "_random")

    def __init__(self, keys: tuple[bytes, ...], random: Random) -> None:
        if len(keys) > KEYS_MAX:
            raise ConfigurationError(f"gossip: a key ring has at most {KEYS_MAX} keys")
        if any(len(key) not in {16, 24, 32} for key in keys):
            raise ConfigurationError("gossip: a key has 16, 24 or 32 bytes")
        self._ciphers = {_name(key): AESGCM(key) for key in keys}
        if len(self._ciphers) < len(keys):
            raise ConfigurationError("gossip: a key is in the ring twice")
        self._primary = _name(keys[0]) if keys else b""
        self._random = random
        self._prefix = b""
        self._count = _COUNT_MAX

    def __bool__(self) -> bool:
        return bool(self._primary)

    @property
    def primary(self) -> bytes:
        """The name of the key that seals."""
        return self._primary

    def seal(self, data: bytes, context: bytes) -> tuple[bytes, bytes]:
        """The nonce and what is sealed: ``TAG_SIZE`` bytes longer. ``context`` is proved with it and not sent."""
        nonce = self._nonce()
        return nonce, self._ciphers[self._primary].encrypt(nonce, data, context)

    def open(self, name: bytes, nonce: bytes, sealed: bytes, context: bytes) -> bytes:
        """What was sealed. Raises PacketRefused."""
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise PacketRefused(Reason.KEY, "sealed with a key that is not known here")
        try:
            return cipher.decrypt(nonce, sealed, context)
        except InvalidTag:
            raise PacketRefused(Reason.FORGED, "the seal is broken") from None

    def _nonce(self) -> bytes:
        if self._count == _COUNT_MAX:
            self._prefix = self._random.bits(64).to_bytes(8)
            self._count = -1
        self._count += 1
        return self._prefix + self._count.to_bytes(4)


def _name(key: bytes) -> bytes:
    return sha256(b"tricord gossip key\x00" + key).digest()[:NAME_SIZE]
