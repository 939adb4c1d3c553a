# SPDX-License-Identifier: Apache-2.0
"""Nodes of one process that talk by calls of the loop: for tests and for trying things out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.raft.messages import Message
from tricord.raft_node.config import member_number

Receive = Callable[[list[Message]], None]


class MemoryNetwork:
    """Gives each node its transport. A message is delivered in a later turn of the loop, or lost on the way."""

    def __init__(self) -> None:
        self._receivers: dict[int, Receive] = {}
        self._cut: set[int] = set()

    def transport(self, local_id: str) -> MemoryTransport:
        """The way of the node with this name."""
        return MemoryTransport(self, member_number(local_id))

    def cut(self, local_id: str) -> None:
        """Lose everything to and from the node."""
        self._cut.add(member_number(local_id))

    def heal(self) -> None:
        """Lose nothing any more."""
        self._cut.clear()

    def attach(self, number: int, receive: Receive) -> None:
        """Deliver what is for this member."""
        self._receivers[number] = receive

    def detach(self, number: int) -> None:
        """Deliver nothing more to this member."""
        self._receivers.pop(number, None)

    def send(self, messages: list[Message]) -> None:
        """Put them on their way."""
        loop = asyncio.get_running_loop()
        for message in messages:
            loop.call_soon(self._deliver, message)

    def _deliver(self, message: Message) -> None:
        receive = self._receivers.get(message.receiver)
        if receive is not None and not self._cut & {message.sender, message.receiver}:
            receive([message])


class MemoryTransport:
    """One node's end."""

    def __init__(self, network: MemoryNetwork, number: int) -> None:
        self._network = network
        self._number = number

    def open(self, receive: Receive) -> None:
        self._network.attach(self._number, receive)

    def send(self, messages: list[Message]) -> None:
        self._network.send(messages)

    def close(self) -> None:
        self._network.detach(self._number)
