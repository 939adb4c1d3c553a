# SPDX-License-Identifier: Apache-2.0
"""The network between members: messages as values, each link a way of its own.

A link keeps the order of what is sent, as a stream does, but for heartbeats, and where a fault says otherwise. What is
sent in one moment to one member arrives together.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from tricord.raft.messages import AppendEntries, Message
from tricord.sim.fine.schedule import SECOND, Schedule

if TYPE_CHECKING:
    from tricord.sim.fine.host import Host
    from tricord.sim.fine.snapshots import SnapshotData

MESSAGE_BYTES = 60
"""What a message takes on a slow link beside its data, about."""


class Link:
    """The way from one member to another, and what is wrong with it."""

    __slots__ = (
        "blocked",
        "bytes_a_second",
        "clogged",
        "delay",
        "duplicate",
        "epoch",
        "frame",
        "frame_time",
        "free_at",
        "held",
        "is_faulty",
        "last",
        "loss",
        "receiver",
        "reorder",
        "sender",
    )

    def __init__(self, sender: int, receiver: int) -> None:
        self.sender = sender
        self.receiver = receiver
        self.epoch = 0
        """How often the connection broke."""
        self.last = 0
        """When the newest of what is on its way arrives."""
        self.frame: list[Any] = []
        self.frame_time = -1
        self.blocked: list[str] = []
        """By which kinds of faults."""
        self.clogged = 0
        self.held: list[Any] = []
        """What a clogged link holds."""
        self.loss = self.duplicate = self.reorder = self.delay = self.bytes_a_second = 0.0
        self.free_at = 0
        self.is_faulty = False

    def settle(self) -> None:
        """A fault of this link began or ended."""
        self.is_faulty = bool(
            self.blocked
            or self.clogged
            or self.loss
            or self.duplicate
            or self.reorder
            or self.delay
            or self.bytes_a_second
        )


class Network:
    """All links. ``fired(kind)`` is told when a fault did something to a message."""

    def __init__(
        self,
        schedule: Schedule,
        random: Random,
        hosts: dict[int, Host],
        fired: Callable[[str], None],
        latency: float,
    ) -> None:
        self._schedule = schedule
        self._random = random.random
        self._hosts = hosts
        self._fired = fired
        self._least = int(latency * SECOND / 2)
        self._spread = int(latency * SECOND)
        self._links: dict[int, dict[int, Link]] = {}
        """By sender, then by receiver."""

    def link(self, sender: int, receiver: int) -> Link:
        """The way from one to the other."""
        links = self._links.setdefault(sender, {})
        link = links.get(receiver)
        if link is None:
            link = links[receiver] = Link(sender, receiver)
        return link

    def send(self, sender: int, messages: list[Message]) -> None:
        """Bring these to their receivers, if the network wants to."""
        links = self._links.setdefault(sender, {})
        now = self._schedule.now
        for message in messages:
            link = links.get(message.receiver) or self.link(sender, message.receiver)
            if link.is_faulty:
                self._send_over(link, message)
            elif link.frame_time == now:
                link.frame.append(message)
            else:
                self._send_frame(link, [message])

    def bring(self, data: SnapshotData, seconds: float) -> None:
        """A snapshot, which takes its time."""
        link = self.link(data.sender, data.receiver)
        if link.blocked:
            self._fired(link.blocked[-1])
            return
        arrival = self._schedule.now + int(seconds * SECOND) + self._least
        self._schedule.at(arrival, self._brought, link, data, link.epoch)

    def reset(self, sender: int, receiver: int) -> bool:
        """The connection breaks: what is on its way is lost. Whether anything was."""
        link = self.link(sender, receiver)
        link.epoch += 1
        on_its_way = link.last > self._schedule.now
        link.last = 0
        link.frame_time = -1
        return on_its_way

    def free(self, link: Link) -> None:
        """A link that was clogged: all it held goes on."""
        held, link.held = link.held, []
        if held:
            self._fired("clog")
            self._send_frame(link, held)

    def _send_frame(self, link: Link, frame: list[Any]) -> None:
        schedule = self._schedule
        now = schedule.now
        arrival = now + self._least + int(self._random() * self._spread)
        if arrival <= link.last:
            first = frame[0]
            if type(first) is not AppendEntries or not first.heartbeat:
                arrival = link.last + 1
                link.last = arrival
        else:
            link.last = arrival
        link.frame = frame
        link.frame_time = now
        schedule.at(arrival, self._arrived, link, frame, link.epoch)

    def _send_over(self, link: Link, message: Any) -> None:
        """Over a link with faults: each message has a fate of its own."""
        if link.blocked:
            self._fired(link.blocked[-1])
            return
        if link.clogged:
            link.held.append(message)
            return
        draw = self._random
        if link.loss and draw() < link.loss:
            self._fired("loss")
            return
        now = self._schedule.now
        arrival = now + self._least + int(draw() * self._spread)
        if link.delay:
            arrival += int(draw() * link.delay * SECOND)
            self._fired("delay")
        if link.bytes_a_second:
            link.free_at = max(link.free_at, now) + int(_size_of(message) / link.bytes_a_second * SECOND)
            arrival = max(arrival, link.free_at)
            self._fired("slow-link")
        if link.reorder and draw() < link.reorder:
            self._fired("reorder")
            arrival += int(draw() * 20 * self._spread)
        else:
            arrival = link.last = max(arrival, link.last + 1)
        self._schedule.at(arrival, self._arrived, link, [message], link.epoch)
        if link.duplicate and draw() < link.duplicate:
            self._fired("duplicate")
            self._schedule.at(arrival + int(draw() * 200 * self._spread), self._arrived, link, [message], link.epoch)

    def _arrived(self, link: Link, frame: list[Any], epoch: int) -> None:
        if link.frame is frame:
            link.frame_time = -1
        if link.blocked:
            self._fired(link.blocked[-1])
        elif epoch == link.epoch and (host := self._hosts.get(link.receiver)) is not None:
            host.receive(frame)

    def _brought(self, link: Link, data: SnapshotData, epoch: int) -> None:
        if link.blocked:
            self._fired(link.blocked[-1])
        elif epoch == link.epoch and (host := self._hosts.get(link.receiver)) is not None:
            host.receive_snapshot(data)


def _size_of(message: Any) -> int:
    if type(message) is AppendEntries:
        return MESSAGE_BYTES + sum(MESSAGE_BYTES + len(entry.data) for entry in message.entries)
    return MESSAGE_BYTES
