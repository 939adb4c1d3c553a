# SPDX-License-Identifier: Apache-2.0
"""Clients that go from replica to replica with their tokens, and write down what they did (``check.history``)."""

from __future__ import annotations

from functools import partial
from typing import Any

from tricord.base.dots import VersionVector
from tricord.base.errors import ReplicaCatchingUp
from tricord.causal.replica import Change
from tricord.check.history import OK, UNKNOWN, Operation
from tricord.crdt import add_wins_set, counter, register
from tricord.crdt.cell import dots_of
from tricord.crdt.shown import show
from tricord.sim.causal.host import Host
from tricord.sim.causal.world import Company

PATIENCE_SECONDS = 0.6
TWINS = ("twin1", "twin2")
"""Keys that are only ever written together, without a read's context: whoever reads both sees the same."""
COUNTER, SET = b"counter", b"set"


class Records:
    """What all clients did."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.torn: list[str] = []
        self.added: dict[int, tuple[Host, int]] = {}
        """Acknowledged additions to the counter and the set by number: by whom, and when (in times of disks lost)."""
        self.tried = 0


class Client:
    """One session at a time. One whose token is nowhere had by anybody begins anew."""

    def __init__(self, number: int, company: Company, records: Records) -> None:
        self.number = number
        self.session = 0
        self.company, self.records = company, records
        self.token = VersionVector()
        self.count = 0
        self.failures = 0
        self.call = 0
        self.host = company.source.choice(company.hosts)

    def begin(self) -> None:
        """The next call, at this replica or another one."""
        company = self.company
        if company.calm:
            return
        source = company.source
        if source.random() < 0.4:
            self.host = source.choice(company.hosts)
        if not self.host.up:
            self._later()
            return
        self.call += 1
        ticket = self.call * 100 + self.number
        company.after(PATIENCE_SECONDS, self._give_up, self.call, self.host, ticket)
        self.waiting = True
        self.host.wait_for(ticket, self.token, partial(self._do, self.call, self.host))

    def _later(self) -> None:
        self.call += 1
        self.company.after(self.company.source.expovariate(self.company.plan.load), self.begin)

    def _give_up(self, call: int, host: Host, ticket: int) -> None:
        if call != self.call:
            return
        if self.waiting:
            host.waiting.pop(ticket, None)
            host.replica.tickets.forget(ticket)
            self.failures += 1
        else:
            self._new_session()
        if self.failures > 4:
            self._new_session()
        self._later()

    def _new_session(self) -> None:
        self.session += 1
        self.token = VersionVector()
        self.failures = 0

    def _do(self, call: int, host: Host) -> None:
        if call != self.call or not host.up:
            return
        self.waiting = False
        kind = self.company.source.choice(
            (self._get, self._get, self._put, self._settle, self._twins, self._look, self._add)
        )
        try:
            kind(host)
        except ReplicaCatchingUp:
            self._later()

    # -- what it does --------------------------------------------------------------------------------------------------

    def _key(self) -> str:
        return f"k{self.company.source.randrange(self.company.plan.keys)}"

    def _value(self) -> str:
        self.count += 1
        return f"{self.number}-{self.count}"

    def _get(self, host: Host) -> None:
        key = self._key()
        self._answered(host, Operation(self._name, "get", key, None, self._read(host, key)))

    def _look(self, host: Host) -> None:
        seen = [self._read(host, key) for key in TWINS]
        if seen[0] != seen[1]:
            self.records.torn.append(f"client {self.number} at {host.number}: {seen[0]} beside {seen[1]}")
        steps = [["r", key, value] for key, value in zip(TWINS, seen, strict=True)]
        self._answered(host, Operation(self._name, "txn", None, [["r", key, None] for key in TWINS], steps))

    def _read(self, host: Host, key: str) -> str | None:
        shown = show(host.replica.get(key.encode()), 0)
        return None if shown is None else shown.value.decode()  # type: ignore[union-attr]

    def _put(self, host: Host) -> None:
        key, value = self._key(), self._value()
        change = Change(key.encode(), partial(register.put, value=value.encode()))
        self._write(host, [change], Operation(self._name, "put", key, value))

    def _settle(self, host: Host) -> None:
        """Read, and put with the context of the read: as one step here, with what others see as siblings in between."""
        key, value = self._key(), self._value()
        seen = dots_of(host.replica.get(key.encode()))
        change = Change(key.encode(), partial(register.put, value=value.encode()), seen)
        self._write(host, [change], Operation(self._name, "put", key, value))

    def _twins(self, host: Host) -> None:
        value = self._value()
        changes = [Change(key.encode(), partial(register.put, value=value.encode())) for key in TWINS]
        steps = [["w", key, value] for key in TWINS]
        self._write(host, changes, Operation(self._name, "txn", None, steps, steps))

    def _add(self, host: Host) -> None:
        self.records.tried += 1
        number = self.records.tried
        element = b"%06d" % number
        changes = [
            Change(COUNTER, partial(counter.add, amount=1)),
            Change(SET, partial(add_wins_set.add, element=element)),
        ]
        self._write(host, changes, None, number)

    @property
    def _name(self) -> str:
        return f"{self.number}.{self.session}"

    def _write(self, host: Host, changes: list[Change], operation: Operation | None, number: int = 0) -> None:
        result = host.replica.write(changes, self.company.wall(host))
        if operation is not None:
            operation.call_ns, operation.status = self.company.schedule.now, UNKNOWN
            self.records.operations.append(operation)
        token, lost = host.replica.token(), self.company.lost.count(host)
        call = self.call

        def then() -> None:
            if operation is not None:
                operation.status, operation.return_ns = OK, self.company.schedule.now
            else:
                self.records.added[number] = (host, lost)
            if call == self.call:
                self._told(token)

        host.took(result, then)

    def _answered(self, host: Host, operation: Operation) -> None:
        operation.call_ns = self.company.schedule.now
        token, call = host.replica.token(), self.call

        def then() -> None:
            if call == self.call:
                operation.return_ns = self.company.schedule.now
                self.records.operations.append(operation)
                self._told(token)

        from tricord.causal.replica import Delivered

        host.took(Delivered(), then)

    def _told(self, token: Any) -> None:
        self.token.merge(token)
        self.failures = 0
        self._later()
