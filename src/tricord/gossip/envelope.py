# SPDX-License-Identifier: Apache-2.0
"""The outside of all that is sent: whose it is, and that nobody changed it.

```
head    format version (1), purpose (1), protection (1), cluster (8)
plain   head, CRC-32C of head and body (4), body
sealed  head, name of the key (4), nonce (12), body by AES-GCM; head and name are proved with it
```

A member with keys opens nothing in the clear, and one without keys nothing that is sealed.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from crc32c import crc32c

from tricord.gossip.keyring import NAME_SIZE, NONCE_SIZE, TAG_SIZE, KeyRing
from tricord.gossip.refusals import PacketRefused, Reason

FORMAT_VERSION = 1
_PLAIN = 0
_SEALED = 1
_HEAD = Struct(">BBBQ")
_PURPOSE_AT = 1
_CHECK = Struct(">I")


class Purpose(IntEnum):
    """What is inside. Numbers are part of the protocol."""

    PACKET = 1
    REQUEST = 2
    """By a stream; it has one answer."""
    ANSWER = 3


def is_packet(data: bytes) -> bool:
    """Whether an envelope, closed, says that a packet is inside."""
    return len(data) > _PURPOSE_AT and data[_PURPOSE_AT] == Purpose.PACKET


class Envelopes:
    """Closes and opens envelopes of one cluster."""

    __slots__ = ("_cluster", "keys")

    def __init__(self, cluster: int, keys: KeyRing) -> None:
        self._cluster = cluster
        self.keys = keys

    @property
    def overhead(self) -> int:
        """Bytes around a body."""
        return _HEAD.size + (NAME_SIZE + NONCE_SIZE + TAG_SIZE if self.keys else _CHECK.size)

    def close(self, purpose: Purpose, body: bytes) -> bytes:
        """The bytes to send."""
        if not self.keys:
            head = _HEAD.pack(FORMAT_VERSION, purpose, _PLAIN, self._cluster)
            return b"".join((head, _CHECK.pack(crc32c(body, crc32c(head))), body))
        proved = _HEAD.pack(FORMAT_VERSION, purpose, _SEALED, self._cluster) + self.keys.primary
        nonce, sealed = self.keys.seal(body, proved)
        return b"".join((proved, nonce, sealed))

    def open(self, purpose: Purpose, data: bytes) -> bytes:
        """The body. Raises PacketRefused."""
        if len(data) < _HEAD.size + _CHECK.size:
            raise PacketRefused(Reason.MALFORMED, "an envelope is cut short")
        version, found, protection, cluster = _HEAD.unpack_from(data)
        if version != FORMAT_VERSION:
            raise PacketRefused(Reason.FORMAT, f"format {version} is not known")
        if found != purpose or protection not in {_PLAIN, _SEALED}:
            raise PacketRefused(Reason.MALFORMED, "this is no envelope of that purpose")
        if cluster != self._cluster:
            raise PacketRefused(Reason.CLUSTER, f"of cluster {cluster:x}")
        if protection == _SEALED:
            return self._opened(data)
        if self.keys:
            raise PacketRefused(Reason.PLAIN, "in the clear, and this member has keys")
        body = data[_HEAD.size + _CHECK.size :]
        if _CHECK.unpack_from(data, _HEAD.size)[0] != crc32c(body, crc32c(data[: _HEAD.size])):
            raise PacketRefused(Reason.MALFORMED, "the checksum does not match")
        return body

    def _opened(self, data: bytes) -> bytes:
        name_end = _HEAD.size + NAME_SIZE
        nonce_end = name_end + NONCE_SIZE
        if len(data) < nonce_end + TAG_SIZE:
            raise PacketRefused(Reason.MALFORMED, "an envelope is cut short")
        return self.keys.open(data[_HEAD.size : name_end], data[name_end:nonce_end], data[nonce_end:], data[:name_end])
