# SPDX-License-Identifier: Apache-2.0
"""Takes snapshots that leaders offer. One is kept aside, whole and checked, until its InstallSnapshot message is here.

Until the core says so it is under no name that a start would find.
"""

from __future__ import annotations

import logging

from crc32c import crc32c

from tricord.base.errors import StorageError
from tricord.base.membership import Configuration, decode_configuration
from tricord.raft.messages import InstallSnapshot
from tricord.raft_node.stores import SnapshotInfo, SnapshotSink, SnapshotStore
from tricord.wire.peer.snapshot import SnapshotOffer

_logger = logging.getLogger("tricord.raft_node")


class SnapshotReceiver:
    """At most one snapshot at a time, arriving or waiting."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._arriving: ArrivingSnapshot | None = None

    def offered(self, offer: SnapshotOffer, applied_index: int) -> ArrivingSnapshot | None:
        """Where its bytes go; None while another one arrives, or when its state is old news."""
        if offer.index <= applied_index:
            return None
        before = self._arriving
        if before is not None:
            if before.is_open:
                return None
            if before.offer == offer:
                before.is_open = True
                return before
            before.abandon()
        try:
            configuration = decode_configuration(offer.configuration)
        except ValueError as error:
            _logger.warning("a snapshot that is offered is refused: %s", error)
            return None
        self._arriving = ArrivingSnapshot(self._store, offer, configuration)
        return self._arriving

    def take(self, message: InstallSnapshot) -> bool:
        """Whether the snapshot that the message speaks of is here, whole."""
        arriving = self._arriving
        return arriving is not None and arriving.complete and arriving.is_of(message)

    def sink(self, message: InstallSnapshot) -> SnapshotSink:
        """Give it away, to be committed."""
        assert self.take(message), "only a snapshot that is here is installed"
        arriving, self._arriving = self._arriving, None
        assert arriving is not None and arriving.sink is not None
        return arriving.sink


class ArrivingSnapshot:
    """One of them. ``write`` and ``finish`` run on the transport's thread."""

    def __init__(self, store: SnapshotStore, offer: SnapshotOffer, configuration: Configuration) -> None:
        self.offer = offer
        self.is_open = True
        self.complete = False
        self.sink: SnapshotSink | None = None
        self._store = store
        self._info = SnapshotInfo(offer.index, offer.term, configuration, offer.index + 1, installed=True)
        self._size = 0
        self._checksum = 0

    @property
    def have(self) -> int:
        return self._size

    def write(self, offset: int, data: bytes) -> None:
        if offset != self._size or offset + len(data) > self.offer.size:
            raise OSError(f"a snapshot's bytes at {offset} do not follow those before them")
        try:
            self._open().write(data)
        except StorageError as error:
            raise OSError(str(error)) from error
        self._size += len(data)
        self._checksum = crc32c(data, self._checksum)

    def finish(self) -> str:
        try:
            self._open()
        except StorageError as error:
            return str(error)
        if (self._size, self._checksum) == (self.offer.size, self.offer.checksum):
            self.complete = True
            return ""
        _logger.error("the snapshot of index %d was damaged on its way and is refused", self.offer.index)
        self.abandon()
        return "the snapshot does not match its checksum"

    def close(self) -> None:
        # What came is kept: another connection may go on where this one ended.
        self.is_open = False

    def abandon(self) -> None:
        """Forget what came."""
        self.complete = False
        self._size = self._checksum = 0
        sink, self.sink = self.sink, None
        if sink is not None:
            sink.abandon()

    def is_of(self, message: InstallSnapshot) -> bool:
        """Whether the message speaks of this one."""
        return (message.last_included_index, message.last_included_term) == (self.offer.index, self.offer.term)

    def _open(self) -> SnapshotSink:
        if self.sink is None:
            self.sink = self._store.create(self._info)
        return self.sink
