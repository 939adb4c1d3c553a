# SPDX-License-Identifier: Apache-2.0
"""What the host of an eventual keyspace keeps beside its core's records, in META of the replica's own tables."""

from __future__ import annotations

from tricord.base.dots import PROVISIONAL
from tricord.base.errors import ConfigurationError
from tricord.base.ordered import OrderedStore, Table, Write
from tricord.eventual.config import next_incarnation
from tricord.eventual.renumbering import renumber
from tricord.eventual.store import incarnation_in

CELLS = Table.CELLS
"""Where the core's records are."""
_INCARNATION = b"eventual incarnation"
_JOINED = b"eventual joined"
_REPLICA = b"eventual replica"
_SEQUENCE = b"eventual sequence"
_SUPERSEDED = b"eventual superseded"
_NUMBER_BYTES = 8


class HostRecords:
    """As of the start; ``joined``, ``superseded`` and ``sequence`` are written by what their methods give."""

    def __init__(self, store: OrderedStore) -> None:
        self._store = store
        self.sequence = self._read(_SEQUENCE)
        """Of the delivery of the last change here."""
        self.joined = bool(self._read(_JOINED))
        """Whether it has had the state of others, or there were none."""
        self.superseded = bool(self._read(_SUPERSEDED))
        """Whether others know a later start of this replica: it needs a new number."""

    def begin(self, replica: int, seconds: int, random: int) -> int:
        """The incarnation of this start, among the writes to make durable before anything is handed out. What was
        written without a number becomes this number's. Raises ConfigurationError where it is another's."""
        number = self._store.get(Table.META, _REPLICA)
        former = replica if number is None else int.from_bytes(number, "big")
        if former == PROVISIONAL != replica:
            renumber(self._store, CELLS, replica)
        elif former != replica:
            raise ConfigurationError(f"the tables are those of replica {former}, not of {replica}")
        last = max(self._read(_INCARNATION), incarnation_in(self._store, CELLS, replica))
        incarnation = next_incarnation(seconds, random, last)
        self._store.write([_record(_REPLICA, replica), _record(_INCARNATION, incarnation)])
        return incarnation

    def go_on_from(self, sequence: int) -> None:
        """A former number had told so much to watchers."""
        self.sequence = max(self.sequence, sequence)

    def deliver(self, changes: int) -> int:
        """The first of so many numbers in the sequence."""
        first = self.sequence + 1
        self.sequence += changes
        self._store.write([_record(_SEQUENCE, self.sequence)])
        return first

    def join(self) -> None:
        """The state of others is here."""
        self.joined = True
        self._store.write([_record(_JOINED, 1)])

    @property
    def unheard(self) -> int:
        """The start that others held for past; 0: none."""
        return self._read(_INCARNATION) if self.superseded else 0

    def supersede(self) -> None:
        """Others know a later start."""
        self.superseded = True
        self._store.write([_record(_SUPERSEDED, 1)])

    def _read(self, name: bytes) -> int:
        return int.from_bytes(self._store.get(Table.META, name) or b"", "big")


def _record(name: bytes, number: int) -> Write:
    return Table.META, name, number.to_bytes(_NUMBER_BYTES, "big")
