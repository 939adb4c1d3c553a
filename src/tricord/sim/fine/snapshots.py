# SPDX-License-Identifier: Apache-2.0
"""Snapshots between hosts: one for a member that lags travels as one large message, and takes the place of state and
log there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tricord.base.membership import Configuration, decode_configuration
from tricord.raft.messages import InstallSnapshot
from tricord.storage.memory_backend import Tables

if TYPE_CHECKING:
    from tricord.sim.fine.host import Host

ATTEMPT_SECONDS = 5.0
"""After which one that did not arrive is given up."""
PINNED_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class SnapshotData:
    """A whole state on its way. ``number`` tells the sender's attempts apart."""

    sender: int
    receiver: int
    index: int
    term: int
    configuration: Configuration
    tables: Tables
    number: int


class Snapshots:
    """Out of a host and into it, in one life of its process."""

    __slots__ = ("_bringing", "_count", "_host", "_incoming", "_life", "_pinned", "installing")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._life = host.life
        self._count = 0
        self._bringing: dict[int, int] = {}
        """Member -> number of the attempt."""
        self._pinned: dict[int, int] = {}
        """Member -> the index of its snapshot."""
        self._incoming: dict[tuple[int, int], SnapshotData] = {}
        """By index and term."""
        self.installing: InstallSnapshot | None = None

    def pinned_index(self) -> int | None:
        """The log must keep what follows this index; None: whatever it likes."""
        return min(self._pinned.values(), default=None)

    # --- out ----------------------------------------------------------------------------------------------------

    def bring(self, members: list[int]) -> None:
        """These members need a snapshot; each attempt ends with ``snapshots_sent``."""
        host = self._host
        cluster = host.cluster
        for member in members:
            if member in self._bringing:
                continue
            host.drain()
            machine = host.machine
            configuration = decode_configuration(machine.configuration) if machine.configuration else host.founding
            self._count += 1
            self._bringing[member] = self._count
            self._pinned[member] = machine.applied_index
            data = SnapshotData(
                host.identity,
                member,
                machine.applied_index,
                machine.applied_term,
                configuration,
                host.disk.held.tables,
                self._count,
            )
            if host.durable_index == data.index:  # else the disk is full: its tables lag, and this attempt fails
                cluster.say(f"{host.name} brings n{member} a snapshot at entry {data.index}")
                cluster.network.bring(data, cluster.snapshot_seconds())
            cluster.schedule.after(ATTEMPT_SECONDS, self._ended, member, self._count, data.index, False)
            cluster.schedule.after(PINNED_SECONDS_MAX, self._unpin, member, data.index)

    def delivered(self, data: SnapshotData) -> None:
        """It is there: say whose it was, and go on behind it."""
        host = self._host
        if host.replica.is_leader and self._bringing.get(data.receiver) == data.number:
            term = host.replica.term
            message = InstallSnapshot(host.identity, data.receiver, term, data.index, data.term, data.configuration)
            host.cluster.network.send(host.identity, [message])
        self._ended(data.receiver, data.number, data.index, True)

    def _ended(self, member: int, number: int, index: int, delivered: bool) -> None:
        host = self._host
        if host.life != self._life or self._bringing.get(member) != number:
            return
        del self._bringing[member]
        if not delivered:
            self._pinned.pop(member, None)
        host.input.snapshots_sent.append((member, index, delivered))
        host.wake()

    def _unpin(self, member: int, index: int) -> None:
        if self._pinned.get(member) == index:
            del self._pinned[member]

    # --- in -----------------------------------------------------------------------------------------------------

    def arrived(self, data: SnapshotData) -> None:
        """A whole snapshot is here; what is to become of it, a message of the leader's core says."""
        if self.installing is None:
            self._incoming[(data.index, data.term)] = data
            sender = self._host.cluster.hosts.get(data.sender)
            if sender is not None and sender.up:
                sender.snapshots.delivered(data)

    def may_take(self, message: InstallSnapshot) -> bool:
        """Whether the message is for the core: only when the snapshot that it is about is here."""
        place = (message.last_included_index, message.last_included_term)
        return self.installing is None and place in self._incoming

    def install(self, message: InstallSnapshot) -> None:
        """Put it in place of state and log, then tell the core."""
        self.installing = message
        self._host.persisting.hold(self._begin)

    def _begin(self) -> None:
        cluster = self._host.cluster
        cluster.schedule.after(cluster.snapshot_seconds(), self._finish)

    def _finish(self) -> None:
        host, message = self._host, self.installing
        if host.life != self._life:
            return
        assert message is not None
        index, term = message.last_included_index, message.last_included_term
        data = self._incoming[(index, term)]
        image = host.disk.held
        image.install(index, term, message.configuration, data.tables)
        host.backend = host.disk.backend()
        host.overlay.replace_backend(host.backend)
        host.machine.reload()
        host.hub.reload()
        host.durable_index = index
        host.seen.jump(index, term, message.configuration)
        host.seen.commit_index = index
        self.installing = None
        self._incoming.clear()
        host.cluster.say(f"{host.name} installed a snapshot at entry {index}")
        host.cluster.watcher.jumped(host)
        host.input.installed = (index, term)
        host.persisting.release()
        host.wake()
