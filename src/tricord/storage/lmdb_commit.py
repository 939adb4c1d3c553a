# SPDX-License-Identifier: Apache-2.0
"""One batch of writes inside an LMDB transaction, with the sums kept in step.

The batch goes table by table in key order (neighbours share pages), and through calls that take whole lists, so that
most of the time is spent in C: the loop runs meanwhile, between slices small enough not to hold it up.
"""

from __future__ import annotations

from collections.abc import Collection
from struct import Struct
from typing import Any

from crc32c import crc32c
from xxhash import xxh3_64_intdigest

from tricord.base.errors import CorruptData
from tricord.base.ordered import Write
from tricord.storage.lmdb_keys import FIRST_BYTES, NODE_BYTES, split
from tricord.storage.lmdb_sums import HASH_MASK, Sums

SLICE = 200
"""Records in one call: it holds the interpreter's lock for about 0.3 ms."""

_pack = Struct("<I").pack
_join = b"".join


class Commit:
    """Writes of one transaction. ``sums`` is changed as they are made."""

    def __init__(self, path: str, transaction: Any, databases: list[Any], sums: Sums) -> None:
        self._path = path
        self._transaction = transaction
        self._databases = databases
        self._sums = sums

    def write(self, writes: Collection[Write]) -> None:
        """Carry out all of them; the last one for a key counts. Raises lmdb.Error, CorruptData."""
        puts: list[dict[bytes, bytes | None]] = [{} for _ in self._databases]
        for table, key, value in writes:
            puts[table][key] = value
        for place, records in enumerate(puts):
            if not records:
                continue
            keys = sorted(records)
            if max(map(len, keys)) > FIRST_BYTES:
                for key in keys:
                    if len(key) > FIRST_BYTES:
                        self._write_long(place, key, records[key])
                keys = [key for key in keys if len(key) <= FIRST_BYTES]
            self._write_sorted(place, keys, records)

    def _write_sorted(self, place: int, keys: list[bytes], records: dict[bytes, bytes | None]) -> None:
        cursor = self._transaction.cursor(self._databases[place])
        # Beyond the last key nothing is overwritten, and appending fills pages without a search.
        beyond = bool(keys) and (not cursor.last() or cursor.key() < keys[0])
        for at in range(0, len(keys), SLICE):
            part = keys[at : at + SLICE]
            if not beyond:
                self._forget(place, cursor.getmulti(part))
            put = [key for key in part if records[key] is not None]
            if len(put) < len(part):
                if not beyond:
                    for key in part:
                        if records[key] is None and cursor.set_key(key):
                            cursor.delete()
                if not put:
                    continue
            values: list[bytes] = [records[key] for key in put]  # type: ignore[misc]
            joined = list(map(bytes.__add__, put, values))
            checks = list(map(_pack, map(crc32c, joined)))
            self._sums.counts[place] += len(put)
            self._sums.hashes[place] += sum(map(xxh3_64_intdigest, map(bytes.__add__, joined, checks)))
            self._sums.hashes[place] &= HASH_MASK
            cursor.putmulti(list(zip(put, map(bytes.__add__, values, checks), strict=True)), append=beyond)
        cursor.close()

    def _forget(self, place: int, found: list[tuple[bytes, bytes]]) -> None:
        self._sums.counts[place] -= len(found)
        self._sums.hashes[place] -= sum(map(xxh3_64_intdigest, map(_join, found)))
        self._sums.hashes[place] &= HASH_MASK

    def _write_long(self, place: int, key: bytes, value: bytes | None) -> None:
        pointer, parts = split(key)
        physical, last = pointer, len(self._databases) - 1
        passed: list[tuple[int, bytes]] = []
        for part in parts:
            stored = self._transaction.get(physical, None, self._databases[place])
            if stored is None:
                if value is None:
                    return
                node = self._sums.next_node.to_bytes(NODE_BYTES, "big")
                self._sums.next_node += 1
                self._replace(place, physical, node)
            else:
                node = stored[:-4]
                if _pack(crc32c(physical + node)) != stored[-4:]:
                    raise CorruptData(self._path, 0, f"the pointer of {physical[:64]!r} does not match its checksum")
            passed.append((place, physical))
            physical, place = node + part, last
        self._replace(place, physical, value)
        if value is None:
            self._prune(passed, physical[:NODE_BYTES])

    def _prune(self, passed: list[tuple[int, bytes]], node: bytes) -> None:
        """Remove pointers to nodes that hold nothing any more, the innermost first."""
        for place, pointer in reversed(passed):
            with self._transaction.cursor(self._databases[-1]) as cursor:
                if cursor.set_range(node) and cursor.key()[:NODE_BYTES] == node:
                    return
            self._replace(place, pointer, None)
            node = pointer[:NODE_BYTES]

    def _replace(self, place: int, physical: bytes, value: bytes | None) -> None:
        database = self._databases[place]
        old = self._transaction.get(physical, None, database)
        if old is not None:
            self._forget(place, [(physical, old)])
        if value is None:
            if old is not None:
                self._transaction.delete(physical, db=database)
            return
        stored = value + _pack(crc32c(physical + value))
        self._transaction.put(physical, stored, db=database)
        self._sums.counts[place] += 1
        self._sums.hashes[place] = (self._sums.hashes[place] + xxh3_64_intdigest(physical + stored)) & HASH_MASK
