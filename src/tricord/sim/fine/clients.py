# SPDX-License-Identifier: Apache-2.0
"""Clients: each does one thing at a time, at random moments, through any member, and notes what it saw.

All that is drawn for an operation is drawn when it begins, from the client's own stream: what the cluster answers does
not change what its clients ask.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Put,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)
from tricord.check.history import FAIL, OK, UNKNOWN, Operation
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import Applied

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host

TIMEOUTS_SECONDS = (0.25, 0.5, 1.0, 3.0)
"""How long a client waits; each has its own. Impatient ones leave more behind that may take effect yet."""
APPENDED_MAX = 120
"""Bytes of a string that grows; a longer one is begun anew."""

Request = Put | DeleteRange | Txn

_KINDS = ("put", "get", "get-here", "delete", "cas", "append", "txn")
_WEIGHTS = (30, 30, 10, 6, 10, 7, 7)


class Client:
    """One client."""

    def __init__(self, cluster: Cluster, number: int, keys: list[str], a_second: float, padding: int) -> None:
        self._cluster = cluster
        self._schedule = cluster.schedule
        self._store = cluster.watcher.store
        self._random = cluster.stream(f"client {number}")
        self._is_loyal = self._random.random() < 0.5
        """Whether it stays at its member, whatever that answers: so it is there when a leader of old goes on."""
        self.timeout_seconds = self._random.choice(TIMEOUTS_SECONDS)
        self.number = number
        self._keys = keys
        self._a_second = a_second
        self._padding = "." * padding
        self._values = 0
        self._known: dict[str, str | None] = {}
        """What it last saw of each key."""
        self._home = number
        self.call: Call | None = None
        self.stopped = False

    def begin(self) -> None:
        """Ask from now on."""
        self._plan_next()

    def _plan_next(self) -> None:
        self._schedule.after(self._random.expovariate(self._a_second), self._ask)

    def _ask(self) -> None:
        if self.stopped:
            return
        random = self._random
        self._plan_next()
        kind = random.choices(_KINDS, _WEIGHTS)[0]
        key, other = random.choice(self._keys), random.choice(self._keys)
        wanders = random.random() < 0.1
        if self.call is None and not self._cluster.clients.are_silent:
            self.ask(kind, key, other, wanders=wanders)

    def ask(self, kind: str, key: str, other: str = "", *, wanders: bool = False) -> Call | None:
        """Begin an operation now; None when no member is there to be asked."""
        host = self._host(wanders)
        if host is None:
            return None
        call = self.call = Call(self._cluster, self, host, kind, key, other)
        call.begin()
        return call

    def fresh_value(self) -> str:
        """One that nobody wrote before."""
        self._values += 1
        return f"{self.number}.{self._values}{self._padding}"

    def known(self, key: str) -> str | None:
        """What it last saw there."""
        return self._known.get(key)

    def ended(self, operation: Operation, seen: dict[str, str | None]) -> None:
        """Its call is over."""
        self.call = None
        self._known.update(seen)
        if operation.status != OK and not self._is_loyal:
            self._home += 1

    def _host(self, wanders: bool) -> Host | None:
        """Its own member, or the next that is there; where members pass nothing on, one that leads."""
        hosts = list(self._cluster.hosts.values())
        if wanders and not self._is_loyal:
            self._home += 1
        for place in range(len(hosts)):
            host = hosts[(self._home + place) % len(hosts)]
            if host.up and (self._cluster.forwards or wanders or host.replica.is_leader):
                return host
        return None


class Call:
    """One operation on its way: an ``Asker``."""

    def __init__(self, cluster: Cluster, client: Client, host: Host, kind: str, key: str, other: str) -> None:
        self._cluster = cluster
        self._client = client
        self._host = host
        self._kind = kind
        self._store = cluster.watcher.store
        self._floor = self._store.floor
        self._ticket = 0
        self._life = host.life
        self._sent_write = False
        self._then: Callable[[Applied], None] | None = None
        self.operation = Operation(client.number, kind, key, call_ns=cluster.schedule.now)
        self._other = other
        self.is_over = False

    # --- asking -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Ask."""
        operation, kind, key = self.operation, self._kind, self.operation.key
        assert key is not None
        self._cluster.schedule.after(self._client.timeout_seconds, self._too_late)
        if kind == "put":
            operation.input = self._client.fresh_value()
            self._write(Put(key.encode(), operation.input.encode()))
        elif kind == "delete":
            self._write(DeleteRange(key.encode()))
        elif kind == "cas":
            self._begin_cas(key)
        elif kind == "txn":
            self._begin_txn(key)
        elif kind == "get-here":
            self._read_here(key)
        else:
            self._ticket = self._host.read(self)  # of a get, and before an append

    def _write(self, request: Request) -> None:
        self._sent_write = True
        self._ticket = self._host.propose(self, encode_command(request, None))

    def _begin_cas(self, key: str) -> None:
        expected, value = self._client.known(key), self._client.fresh_value()
        self.operation.input = {"expect": expected, "value": value}
        self._write(Txn([_holds(key, expected)], [Put(key.encode(), value.encode())], []))

    def _begin_txn(self, key: str) -> None:
        other, value = self._other, self._client.fresh_value()
        self.operation.key = None
        writes = [["w", key, value]]
        success: list[Any] = [Range(key.encode()), Range(other.encode()), Put(key.encode(), value.encode())]
        if other != key:
            writes.append(["w", other, value + "'"])
            success.append(Put(other.encode(), (value + "'").encode()))
        self.operation.input = [["r", key, None], ["r", other, None], *writes]
        self._write(Txn([], success, []))

    def _read_here(self, key: str) -> None:
        """A serializable read: what this member has, be it old."""
        machine = self._host.machine
        revision = machine.revision()
        self._store.read(key.encode(), _value_in(machine.read(Range(key.encode()))), revision, self._words())
        self._cluster.outcome.operations += 1
        self.is_over = True
        self._client.call = None

    # --- answers ------------------------------------------------------------------------------------------------

    def readable(self, host: Host) -> None:
        """The read index is applied."""
        if self.is_over:
            return
        key, machine = self.operation.key, host.machine
        assert key is not None
        found = machine.read(Range(key.encode()))
        assert isinstance(found, RangeResult)
        value, revision = _value_in(found), machine.revision()
        self._store.answered(revision, self._floor, self._words())
        self._store.read(key.encode(), value, revision, self._words())
        text = None if value is None else value.decode()
        if self._kind == "get":
            self.operation.output = text
            self._end(OK, revision, {key: text})
            return
        self._append(key, text, found.kvs[0].mod_revision if found.kvs else 0)

    def _append(self, key: str, text: str | None, mod_revision: int) -> None:
        whole = (text or "") + self._client.fresh_value() + ";"
        self.operation.input = whole[len(text or "") :]
        self.operation.output = whole
        if len(whole) > APPENDED_MAX:
            self._end(FAIL, 0, {})
            return
        unchanged = Compare(key.encode(), CompareTarget.MOD, CompareResult.EQUAL, mod_revision)
        self._write(Txn([unchanged], [Put(key.encode(), whole.encode())], []))

    def applied(self, host: Host, applied: Applied) -> None:
        """The command took effect here."""
        if self.is_over:
            return
        operation, outcome, words = self.operation, applied.outcome, self._words()
        revision, kind, key = applied.revision, self._kind, self.operation.key
        if isinstance(outcome, TricordError):
            self._end(FAIL, 0, {})
            return
        self._store.answered(revision, self._floor, words)
        if kind == "put":
            assert key is not None
            self._store.wrote(key.encode(), operation.input.encode(), revision, self._floor, words)
            self._end(OK, revision, {key: operation.input})
        elif kind == "delete":
            assert key is not None
            self._store.wrote(key.encode(), None, revision, self._floor, words)
            self._end(OK, revision, {key: None})
        elif kind == "txn":
            assert isinstance(outcome, TxnResult)
            self._end_txn(outcome, revision)
        else:
            assert isinstance(outcome, TxnResult) and key is not None
            self._end_compared(key, outcome.succeeded, revision)

    def _end_compared(self, key: str, succeeded: bool, revision: int) -> None:
        operation, words = self.operation, self._words()
        is_cas = self._kind == "cas"
        value = operation.input["value"] if is_cas else operation.output
        if succeeded:
            self._store.wrote(key.encode(), value.encode(), revision, self._floor, words)
        if not is_cas:
            self._end(OK if succeeded else FAIL, revision, {key: value} if succeeded else {})
            return
        before = self._store.value_at(key.encode(), revision - succeeded)
        expected = operation.input["expect"]
        if succeeded != (before == (None if expected is None else expected.encode())):
            self._store.read(key.encode(), b"?", revision - succeeded, f"{words}, which compared,")
        operation.output = succeeded
        self._end(OK, revision, {key: value} if succeeded else {})

    def _end_txn(self, outcome: TxnResult, revision: int) -> None:
        operation, words = self.operation, self._words()
        seen: dict[str, str | None] = {}
        output = []
        for (what, key, written), result in zip(operation.input, outcome.results, strict=True):
            if what == "r":
                value = _value_in(result)
                self._store.read(key.encode(), value, revision - 1, words)
                output.append([what, key, None if value is None else value.decode()])
            else:
                self._store.wrote(key.encode(), written.encode(), revision, self._floor, words)
                output.append([what, key, written])
                seen[key] = written
        operation.output = output
        self._end(OK, revision, seen)

    def dropped(self, host: Host, error: TricordError) -> None:
        """It will not take effect, or nobody can say."""
        if not self.is_over:
            self._end(UNKNOWN if isinstance(error, OutcomeUnknown) else FAIL, 0, {})

    def gone(self, host: Host) -> None:
        """The member died."""
        if not self.is_over:
            self._end(UNKNOWN if self._sent_write else FAIL, 0, {})

    def ended(self, host: Host) -> None:
        """Not for what clients ask."""

    def give_up(self) -> None:
        """The client goes away."""
        if self.is_over:
            return
        host = self._host
        undone = not self._sent_write or (
            host.life == self._life and host.up and not host.paused and host.give_up(self._ticket)
        )
        self._end(FAIL if undone else UNKNOWN, 0, {})

    def _too_late(self) -> None:
        self.give_up()

    def _end(self, status: str, revision: int, seen: dict[str, str | None]) -> None:
        self.is_over = True
        operation = self.operation
        operation.status = status
        operation.revision = revision
        if status != UNKNOWN:
            operation.return_ns = self._cluster.schedule.now
        if status != OK:
            operation.output = None
        self._cluster.record(operation)
        self._client.ended(operation, seen)

    def _words(self) -> str:
        operation = self.operation
        return f"{operation.op} of {operation.key or operation.input} by client {operation.client}"


class Clients:
    """All of a run."""

    def __init__(self, cluster: Cluster) -> None:
        plan = cluster.plan
        keys = [f"k{number}" for number in range(max(plan.keys, 1))]
        padding = int(plan.options.get("values", 0))
        each = plan.load / max(plan.clients, 1)
        self._cluster = cluster
        self._lull = plan.options.get("lull", 0.0)
        self.all = [Client(cluster, number, keys, each, padding) for number in range(plan.clients)]

    def begin(self) -> None:
        """They ask from now on."""
        for client in self.all:
            client.begin()

    @property
    def are_silent(self) -> bool:
        """Whether it is one of the times in which nobody asks for anything: with lulls, every other one."""
        return bool(self._lull) and int(self._cluster.seconds / self._lull) % 2 == 1

    def go_away(self, share: float, random: Random) -> int:
        """Some give up what they wait for; how many did."""
        count = 0
        for client in self.all:
            if random.random() < share and client.call is not None:
                client.call.give_up()
                count += 1
        return count


def _holds(key: str, expected: str | None) -> Compare:
    if expected is None:
        return Compare(key.encode(), CompareTarget.CREATE, CompareResult.EQUAL, 0)
    return Compare(key.encode(), CompareTarget.VALUE, CompareResult.EQUAL, expected.encode())


def _value_in(result: Any) -> bytes | None:
    assert isinstance(result, RangeResult)
    return result.kvs[0].value if result.kvs else None
