# SPDX-License-Identifier: Apache-2.0
"""Ranges of keys, to be asked which of them hold a key: a treap by start and end; a node has its subtree's last end.

Finding costs the depth of the tree and one step for each range that holds the key; adding and removing the depth. The
priorities come from a counter that is mixed well, so that no order of ranges makes the tree deep.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1


class _Node(Generic[T]):
    __slots__ = ("end", "last", "left", "priority", "right", "start", "value")

    def __init__(self, start: bytes, end: bytes | None, value: T, priority: int) -> None:
        self.start = start
        self.end = end
        """None: to the last key."""
        self.value = value
        self.priority = priority
        self.left: _Node[T] | None = None
        self.right: _Node[T] | None = None
        self.last = end
        """The greatest end in this subtree."""


class IntervalTree(Generic[T]):
    """A value per range ``[start, end)``; an end of None means all keys from ``start`` on."""

    __slots__ = ("_count", "_mixed", "_root")

    def __init__(self) -> None:
        self._root: _Node[T] | None = None
        self._count = 0
        self._mixed = 0

    def __len__(self) -> int:
        return self._count

    def get(self, start: bytes, end: bytes | None) -> T | None:
        """The value of exactly this range."""
        node = self._root
        while node is not None and (node.start, node.end) != (start, end):
            node = node.left if _before(start, end, node) else node.right
        return None if node is None else node.value

    def set(self, start: bytes, end: bytes | None, value: T) -> None:
        """Give the range a value, in place of the one it may have."""
        node = self._root
        while node is not None:
            if (node.start, node.end) == (start, end):
                node.value = value
                return
            node = node.left if _before(start, end, node) else node.right
        self._count += 1
        self._mixed = (self._mixed + 0x9E3779B97F4A7C15) & _MASK
        priority = ((self._mixed ^ (self._mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        self._root = _inserted(self._root, _Node(start, end, value, priority))

    def remove(self, start: bytes, end: bytes | None) -> None:
        """Forget the range; one that is not there is fine."""
        if self.get(start, end) is not None:
            self._count -= 1
            self._root = _removed(self._root, start, end)

    def first(self) -> T | None:
        """The value of the first range, by start."""
        node = self._root
        while node is not None and node.left is not None:
            node = node.left
        return None if node is None else node.value

    def holding(self, key: bytes) -> list[T]:
        """The values of all ranges that hold ``key``."""
        found: list[T] = []
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            if node is None or (node.last is not None and node.last <= key):
                continue
            waiting.append(node.left)
            if node.start <= key:
                if node.end is None or key < node.end:
                    found.append(node.value)
                waiting.append(node.right)
        return found


def _before(start: bytes, end: bytes | None, node: _Node[T]) -> bool:
    """Whether the range comes before the node's: by start, then by end, None last."""
    if start != node.start:
        return start < node.start
    return end is not None and (node.end is None or end < node.end)


def _settle(node: _Node[T]) -> None:
    last = node.end
    for child in (node.left, node.right):
        if last is not None and child is not None and (child.last is None or child.last > last):
            last = child.last
    node.last = last


def _inserted(root: _Node[T] | None, node: _Node[T]) -> _Node[T]:
    if root is None:
        return node
    if node.priority > root.priority:
        node.left, node.right = _split(root, node)
        _settle(node)
        return node
    if _before(node.start, node.end, root):
        root.left = _inserted(root.left, node)
    else:
        root.right = _inserted(root.right, node)
    _settle(root)
    return root


def _split(root: _Node[T] | None, at: _Node[T]) -> tuple[_Node[T] | None, _Node[T] | None]:
    """The nodes before ``at`` and those after it."""
    if root is None:
        return None, None
    if _before(at.start, at.end, root):
        low, root.left = _split(root.left, at)
        _settle(root)
        return low, root
    root.right, high = _split(root.right, at)
    _settle(root)
    return root, high


def _removed(root: _Node[T] | None, start: bytes, end: bytes | None) -> _Node[T] | None:
    assert root is not None, "the range is there"
    if (root.start, root.end) == (start, end):
        return _merged(root.left, root.right)
    if _before(start, end, root):
        root.left = _removed(root.left, start, end)
    else:
        root.right = _removed(root.right, start, end)
    _settle(root)
    return root


def _merged(low: _Node[T] | None, high: _Node[T] | None) -> _Node[T] | None:
    """One tree of two; all of ``low`` comes before ``high``."""
    if low is None or high is None:
        return low or high
    if low.priority > high.priority:
        low.right = _merged(low.right, high)
        _settle(low)
        return low
    high.left = _merged(low, high.left)
    _settle(high)
    return high
