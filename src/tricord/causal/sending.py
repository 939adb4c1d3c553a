# SPDX-License-Identifier: Apache-2.0
"""What goes to a peer next: own rows at once, others' where the peer still lacks them after a while.

Whoever made an operation sends it to all. If each that got it sent it on at once, before the receivers could say that
they have it, each would get it from everybody.
"""

from __future__ import annotations

from collections.abc import Container

from tricord.base.dots import Origin
from tricord.causal.log import Log
from tricord.causal.past import Past
from tricord.causal.peers import Peers


class Batch:
    """Operations for one peer that has spoken, of so many bytes at most, or one."""

    __slots__ = ("_bytes_max", "_has", "_log", "_number", "_peer", "_peers", "_size", "is_full", "operations")

    def __init__(self, log: Log, peers: Peers, number: int, bytes_max: int) -> None:
        self.operations: list[bytes] = []
        self.is_full = False
        self._log = log
        self._peers = peers
        self._number = number
        self._peer = peers.peers[number]
        assert self._peer.have is not None
        self._has = self._peer.have.past.has
        self._bytes_max = bytes_max
        self._size = 0

    def take_held(self, relay_to: int) -> bool:
        """Rows up to that sequence that were held back, if they are lacked still. False: there is no room for more."""
        held = self._peer.held
        while held and held[0][0] <= relay_to:
            sequence, origin, last = held[0]
            data = None if self._has(origin, last) else self._log.data_of(sequence)
            if data is not None and not self._add(origin, last, data):
                return False
            held.popleft()
        return True

    def take_rows(self, last: int, relay_to: int, former: Container[int], own: Past | None) -> None:
        """Rows from where it was up to ``last``. Others' behind ``relay_to`` are held back where they have another way;
        those of ``former`` ids are not sent, nor yet what came on top of a part of a state, as ``own`` is all else."""
        peer, has, sends_itself = self._peer, self._has, self._peers.sends_itself
        for row in self._log.rows(peer.cursor, last):
            origin, counter = row.origin, row.last
            if own is not None and not own.has(origin, counter):
                return
            if not has(origin, counter) and origin[0] not in former:
                if row.sequence > relay_to and not row.mine and sends_itself(origin[0], self._number):
                    peer.held.append((row.sequence, origin, counter))
                elif not self._add(origin, counter, row.data):
                    return
            peer.cursor = row.sequence + 1

    def _add(self, origin: Origin, last: int, data: bytes) -> bool:
        if self.operations and self._size + len(data) > self._bytes_max:
            self.is_full = True
            return False
        self.operations.append(data)
        self._size += len(data)
        self._peer.sent[origin] = last
        return True
