# SPDX-License-Identifier: Apache-2.0
"""A Merkle tree over ranges of keys: for each range the sum of its keys' digests, kept as keys change.

A key's place is the hash of it, so ranges are equally full whatever keys look like. A range has 16 parts; four levels
down are 65,536 leaves, of 15 keys each where there are a million. Sums take the place of hashes of hashes: a write
costs a subtraction and an addition on each level. A sum is no proof against somebody who makes digests to fit:
replicas trust each other.
"""

from __future__ import annotations

from collections.abc import Iterator

from xxhash import xxh3_64_intdigest

LEVELS = 4
PARTS = 16
_PART_BITS = 4
LEAVES = 1 << LEVELS * _PART_BITS
_POSITION_BITS = 64
_LEAF_SHIFT = _POSITION_BITS - LEVELS * _PART_BITS
_SUMS = 1 << 64


def position(key: bytes) -> int:
    """Where the key stands: 64 bits."""
    return xxh3_64_intdigest(key)


def leaf_of(place: int) -> int:
    """Its leaf."""
    return place >> _LEAF_SHIFT


def leaf_start(leaf: int) -> bytes:
    """The first place of a leaf, as 8 bytes; that of the leaf after the last has 9, and is after all."""
    return (leaf << _LEAF_SHIFT).to_bytes(8, "big") if leaf < LEAVES else b"\xff" * 9


class Tree:
    """Sums by level and number of the range. Empty ranges take no room. What changed is added up when a level is looked
    at: 0.3 us for each change, and 1.5 us for each leaf that differs then."""

    __slots__ = ("_changed", "_levels", "root")

    def __init__(self) -> None:
        self.root = 0
        self._changed: dict[int, int] = {}
        self._levels: list[dict[int, int]] = [{} for _ in range(LEVELS)]

    def change(self, place: int, before: int, after: int) -> None:
        """A key's digest is another."""
        difference = after - before
        self.root = (self.root + difference) % _SUMS
        leaf = place >> _LEAF_SHIFT
        self._changed[leaf] = self._changed.get(leaf, 0) + difference

    def parts(self, level: int, number: int) -> list[int]:
        """The sums of the 16 parts of a range; the root is range 0 of level 0."""
        if self._changed:
            self._add_up()
        sums = self._levels[level]
        first = number << _PART_BITS
        return [sums.get(part, 0) for part in range(first, first + PARTS)]

    def differing(self, level: int, number: int, theirs: list[int]) -> Iterator[int]:
        """Which parts of a range (numbers one level down) are not as another replica's."""
        first = number << _PART_BITS
        return (first + part for part, mine in enumerate(self.parts(level, number)) if mine != theirs[part])

    def _add_up(self) -> None:
        for leaf, difference in self._changed.items():
            number = leaf
            for sums in reversed(self._levels):
                total = (sums.get(number, 0) + difference) % _SUMS
                if total:
                    sums[number] = total
                else:
                    sums.pop(number, None)
                number >>= _PART_BITS
        self._changed.clear()
