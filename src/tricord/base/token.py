# SPDX-License-Identifier: Apache-2.0
"""What a client has seen, as bytes that it carries from answer to request, between members, clients and processes.

A hint, never authority: it can make a member wait, it opens nothing. Layout: format version, cluster, history (8 bytes
each, big-endian), groups (count, then id and log index of each in order), keyspaces (count, then id and vector of each
in order), CRC-32C of all before (4 bytes). In headers it travels as base64url without padding.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import field

from crc32c import crc32c

from tricord.base.dots import VersionVector
from tricord.base.encoding import Reader, put_number
from tricord.base.errors import (
    MalformedEncoding,
    TokenDamaged,
    TokenOfAnotherCluster,
    TokenOfAnotherHistory,
    TokenTooLarge,
)
from tricord.base.message import message

FORMAT_VERSION = 1
TOKEN_BYTES_MAX = 20 * 1024
"""The vector of the 1,024 edges and the members that a keyspace may have needs about 13 KiB. As text this is 27 KiB, so
it fits what doors read as headers (32 KiB) with room for the others."""

_IDENTITY = 1 + 8 + 8
_CHECK = 4


@message
class Token:
    """Positions that a client has seen: the log index of each group, the vector of each keyspace that has one."""

    cluster: int
    history: int
    groups: dict[int, int] = field(default_factory=dict)
    keyspaces: dict[int, VersionVector] = field(default_factory=dict)

    def joined(self, other: Token) -> Token:
        """A new one that has seen what either has. Raises ``TokenOfAnotherCluster``, ``TokenOfAnotherHistory``."""
        other.check(self.cluster, self.history)
        groups = dict(self.groups)
        for group, index in other.groups.items():
            groups[group] = max(index, groups.get(group, 0))
        keyspaces = {keyspace: vector.copy() for keyspace, vector in self.keyspaces.items()}
        for keyspace, vector in other.keyspaces.items():
            keyspaces.setdefault(keyspace, VersionVector()).merge(vector)
        return Token(self.cluster, self.history, groups, keyspaces)

    def check(self, cluster: int, history: int) -> None:
        """Whether it speaks of this cluster and this history of it. Raises ``TokenOfAnotherCluster`` and
        ``TokenOfAnotherHistory``: a restored cluster has other writes under the same numbers."""
        if self.cluster != cluster:
            raise TokenOfAnotherCluster(f"the token is of cluster {self.cluster:x}, this is cluster {cluster:x}")
        if self.history != history:
            raise TokenOfAnotherHistory(
                f"the token is of history {self.history:x}, the cluster was restored as history {history:x}"
            )

    def encode(self, most: int = TOKEN_BYTES_MAX) -> bytes:
        """Its bytes; equal tokens, equal bytes. Raises ``TokenTooLarge`` beyond ``most``."""
        out = bytearray((FORMAT_VERSION,))
        out += self.cluster.to_bytes(8, "big")
        out += self.history.to_bytes(8, "big")
        put_number(out, len(self.groups))
        for group in sorted(self.groups):
            put_number(out, group)
            put_number(out, self.groups[group])
        put_number(out, len(self.keyspaces))
        for keyspace in sorted(self.keyspaces):
            put_number(out, keyspace)
            self.keyspaces[keyspace].write(out)
        if len(out) + _CHECK > most:
            raise TokenTooLarge(f"the token has {len(out) + _CHECK} bytes, at most {most} are allowed")
        out += crc32c(bytes(out)).to_bytes(_CHECK, "big")
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes, most: int = TOKEN_BYTES_MAX) -> Token:
        """From the bytes of ``encode``. Raises ``TokenTooLarge`` before it reads, and ``TokenDamaged``."""
        if len(data) > most:
            raise TokenTooLarge(f"the token has {len(data)} bytes, at most {most} are allowed")
        body = data[:-_CHECK]
        if len(body) < _IDENTITY or crc32c(body) != int.from_bytes(data[-_CHECK:], "big"):
            raise TokenDamaged("the token's checksum does not match: its bytes were changed or cut")
        try:
            return _read(body)
        except MalformedEncoding as error:
            raise TokenDamaged(f"the token cannot be read: {error}") from error

    def text(self) -> str:
        """Its bytes for a header: base64url without padding."""
        return urlsafe_b64encode(self.encode()).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> Token:
        """From a header's text. Raises as ``decode`` does."""
        return cls.decode(token_bytes(text))


def token_bytes(text: str) -> bytes:
    """The bytes in a header's text, unread. Raises TokenTooLarge, TokenDamaged."""
    if len(text) * 3 // 4 > TOKEN_BYTES_MAX:
        raise TokenTooLarge(f"the token has {len(text)} characters, at most {TOKEN_BYTES_MAX} bytes are allowed")
    try:
        data = b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (NotBase64, ValueError) as error:
        raise TokenDamaged("the token is not base64url") from error
    if not data:
        raise TokenDamaged("the token is empty")
    return data


def _read(body: bytes) -> Token:
    reader = Reader(body)
    reader.version(FORMAT_VERSION)
    cluster, history = int.from_bytes(body[1:9], "big"), int.from_bytes(body[9:17], "big")
    reader.offset = _IDENTITY
    groups: dict[int, int] = {}
    keyspaces: dict[int, VersionVector] = {}
    last = -1
    for _ in range(reader.count(2)):
        group = reader.number()
        groups[group] = reader.number()
        last = _after(last, group)
    last = -1
    for _ in range(reader.count(2)):
        keyspace = reader.number()
        keyspaces[keyspace] = VersionVector.read(reader)
        last = _after(last, keyspace)
    reader.finish()
    return Token(cluster, history, groups, keyspaces)


def _after(last: int, following: int) -> int:
    if following <= last:
        raise MalformedEncoding(f"{following} comes after {last}")
    return following
