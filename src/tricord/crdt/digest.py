# SPDX-License-Identifier: Apache-2.0
"""Hashes of what keys hold, to be added up over ranges and compared between replicas."""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

from tricord.base.encoding import put_bytes
from tricord.crdt.cell import Cell
from tricord.crdt.encoding import encode_cell

DIGEST_BITS = 64


def key_digest(key: bytes, cell: Cell) -> int:
    """64 bits over a key and all it holds, also what reads filter: equal on replicas whose cells are equal. 0 for
    nothing. The digest of a range is the sum of its keys' modulo 2**64, in any order, so a write costs two of these."""
    return encoded_digest(key, encode_cell(cell) if cell else None)


def encoded_digest(key: bytes, cell: bytes | None) -> int:
    """As ``key_digest``, of an encoded cell; None: nothing."""
    if cell is None:
        return 0
    if len(key) < 0x80:
        return xxh3_64_intdigest(bytes((len(key),)) + key + cell)
    out = bytearray()
    put_bytes(out, key)
    out += cell
    return xxh3_64_intdigest(bytes(out))


def added(total: int, digest: int) -> int:
    """A range's digest with one key's more; with ``-digest`` one less."""
    return (total + digest) % (1 << DIGEST_BITS)
