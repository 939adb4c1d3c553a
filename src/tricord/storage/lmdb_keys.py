# SPDX-License-Identifier: Apache-2.0
"""Keys of any length over LMDB, whose keys end at 511 bytes.

A key of at most 510 bytes is stored as it is. A longer one is cut: its first 510 bytes and a zero byte name a pointer
to a
*node*, a range of the database of long keys that begins with the node's number (8 bytes); there the rest is stored in
the same way, in steps of 502 bytes. This is the trie of B+ trees of Masstree (Mao, Kohler, Morris 2012), with wider
steps.

```
table-1:  "aaa...a" (510) "\\0"        -> node 7
long:     7 "bbb...b" (90)             -> value          (a key of 600 bytes)
```

Order holds: a pointer sorts after the 510 bytes themselves and before any other key that follows them. A key of n
bytes costs n / 502 look-ups more; a node that becomes empty goes, with its pointer.
"""

from __future__ import annotations

FIRST_BYTES = 510
NODE_BYTES = 8
NEXT_BYTES = FIRST_BYTES - NODE_BYTES


def split(key: bytes) -> tuple[bytes, list[bytes]]:
    """A long key's first pointer and the parts that follow; the last part is stored as it is, those before are
    pointers."""
    parts = [key[at : at + NEXT_BYTES] for at in range(FIRST_BYTES, len(key), NEXT_BYTES)]
    return key[:FIRST_BYTES] + b"\0", [part + b"\0" for part in parts[:-1]] + parts[-1:]


def lower_bound(start: bytes, step: int) -> bytes:
    """The first physical key (within a node) that can hold a key at or after ``start``."""
    return start if len(start) <= step else start[:step] + b"\0"


def upper_bound(end: bytes, step: int) -> bytes:
    """A physical key before which all keys before ``end`` are."""
    return end if len(end) <= step else end[:step] + b"\1"


def inner(bound: bytes | None, offset: int, pointer: bytes) -> int:
    """How much of a bound leads to the node of ``pointer`` (its part without the node number), of which ``offset``
    bytes led to the node that it stands in; -1: it bounds nothing there."""
    step = len(pointer) - 1
    if bound is not None and offset >= 0 and len(bound) > offset + step and bound.startswith(pointer[:step], offset):
        return offset + step
    return -1


def part_of(bound: bytes | None, offset: int) -> bytes:
    """What of a bound counts in the node to which ``offset`` bytes of it lead. Two bytes more than a step tell it from
    the node's pointers; a megabyte is not copied for each node."""
    return b"" if bound is None or offset < 0 else bound[offset : offset + NEXT_BYTES + 2]
