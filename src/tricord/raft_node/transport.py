# SPDX-License-Identifier: Apache-2.0
"""How messages reach other nodes. It may lose, double and reorder them; it never waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tricord.raft.messages import Message


class Transport(Protocol):
    """One node's way to its peers."""

    def open(self, receive: Callable[[list[Message]], None]) -> None:
        """From now on give what arrives to ``receive``, on the loop."""

    def send(self, messages: list[Message]) -> None:
        """Send each to its receiver, as far as possible, and return at once."""

    def close(self) -> None:
        """Give nothing to ``receive`` any more."""


class NoTransport:
    """For a node that is alone."""

    def open(self, receive: Callable[[list[Message]], None]) -> None:
        return

    def send(self, messages: list[Message]) -> None:
        raise AssertionError("a node alone sends nothing")

    def close(self) -> None:
        return
