# SPDX-License-Identifier: Apache-2.0
"""An edge that starts 10,000 times: what its operations, its vector and what it tells others take in bytes.

    .venv/bin/python -m bench.restarts
    .venv/bin/python -m bench.restarts causal --starts 1000

Two members and an edge. Each start of the edge writes three operations. Every fifth one meets the members after the
first of them, and the members write as well; two long series of starts, a twentieth of all each, meet nobody. No disk
and no network: the cores alone. Printed after 100, 1,000 and 10,000 starts: bytes of an operation as it travels (mean
of the last 100 starts), numbers in the vector of the edge when it had met the others, bytes of the message in which it
told them what it has, bytes of a counter to which it added; and the most numbers in its vector so far, which is in the
series that met nobody.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from tricord.base.changes import Add, Put
from tricord.base.ordered import Table
from tricord.causal.operation import decode_operation
from tricord.causal.past import next_incarnation
from tricord.causal.peers import Have
from tricord.causal.replica import CausalReplica, Change
from tricord.crdt import counter, register
from tricord.crdt.cell import Cell
from tricord.crdt.encoding import encode_cell
from tricord.eventual.codec import decode_message
from tricord.eventual.config import EventualConfig
from tricord.eventual.messages import Root
from tricord.eventual.replica import EventualReplica
from tricord.eventual.turn import Input, WriteRequest
from tricord.sim.causal.store import Tables

EDGE = 3
MEMBERS = (1, 2)
ALL = (*MEMBERS, EDGE)
KEYSPACE = 7
WALL = 1_700_000_000_000
WRITES = 3
MEETS_EVERY = 5
SPAN = 100


@dataclass(slots=True)
class Row:
    """What stands in one line: see the head of this file."""

    starts: int
    operation_bytes: float
    numbers: int
    told_bytes: int
    numbers_most: int
    counter_bytes: int


def meets(number: int, starts: int) -> bool:
    """Whether the start meets the others: not in two series of a twentieth of all starts each."""
    series = max(starts // 20, 1)
    alone = any(first < number <= first + series for first in (starts // 4, starts // 2))
    return number % MEETS_EVERY == 0 and not alone


def marks(starts: int) -> list[int]:
    """Where a line is printed."""
    return [mark for mark in (100, 1_000, 10_000, 100_000) if mark <= starts]


class Causal:
    """The three replicas of a causal keyspace; all that they log is durable at once."""

    def __init__(self) -> None:
        self.stores = {number: Tables() for number in ALL}
        self.replicas: dict[int, CausalReplica] = {}
        for number in MEMBERS:
            self.start(number)

    def start(self, number: int) -> None:
        """In a new process."""
        replica = self.replicas[number] = CausalReplica(self.stores[number], KEYSPACE, number)
        replica.change_set(1, ALL, ())
        replica.start(next_incarnation(replica.highest_incarnation, number * 7_919))

    def write(self, number: int, value: int) -> int:
        """One operation; gives its bytes."""
        replica = self.replicas[number]
        mutate = partial(counter.add, amount=1) if value % 2 else partial(register.put, value=b"%06d" % value)
        key = b"total" if value % 2 else b"key %02d" % (value % 20)
        data = replica.write([Change(key, mutate)], WALL).operations[0].data
        replica.persisted(replica.sequence)
        return len(data)

    def meet(self) -> None:
        """All speak to all until nobody has anything to say."""
        for _ in range(3):
            for one in ALL:
                for other in ALL:
                    if one != other:
                        self._speak(one, other)
            for replica in self.replicas.values():
                while replica.cut():
                    pass

    def _speak(self, one: int, other: int) -> None:
        sender, receiver = self.replicas[one], self.replicas[other]
        receiver.heard(Have.decode(sender.have().encode()))
        sender.heard(Have.decode(receiver.have().encode()))
        while operations := sender.to_send(other).operations:
            receiver.receive(one, [decode_operation(data) for data in operations], WALL)
            receiver.persisted(receiver.sequence)

    def numbers(self) -> int:
        """In a token of the edge."""
        return len(self.replicas[EDGE].token())

    def told(self) -> int:
        """Bytes of what the edge tells of itself."""
        return len(self.replicas[EDGE].have().encode())

    def cell(self, key: bytes) -> Cell:
        """What the edge has of a key."""
        return self.replicas[EDGE].get(key)

    def equal(self) -> bool:
        """Whether all hold the same."""
        return len({tuple(str(pair) for pair in replica.range(b"")) for replica in self.replicas.values()}) == 1


class Eventual:
    """The same of an eventual keyspace. What an operation takes is what the edge sends after one write to one peer."""

    def __init__(self) -> None:
        self.stores = {number: Tables() for number in ALL}
        self.replicas: dict[int, EventualReplica] = {}
        self.incarnations = dict.fromkeys(ALL, 0)
        self.now = 0.0
        self.done = dict.fromkeys(ALL, 0)
        self.told_bytes = 0
        for number in MEMBERS:
            self.start(number)

    def start(self, number: int) -> None:
        """In a new process."""
        self.incarnations[number] += 1
        config = EventualConfig(cluster=1, keyspace=KEYSPACE, replica=number, incarnation=self.incarnations[number])
        self.replicas[number] = EventualReplica(config, self.stores[number], Table.HEAD)
        self.done[number] = 0

    def write(self, number: int, value: int) -> int:
        """One operation, sent to nobody yet; gives its bytes in the message that would carry it."""
        change = Add(1) if value % 2 else Put(b"%06d" % value)
        key = b"total" if value % 2 else b"key %02d" % (value % 20)
        sent = self._turn(number, [WriteRequest(value, key, change)], [])
        return max(len(data) for _, data in sent)

    def meet(self) -> None:
        """Messages of seven seconds: whole rounds of all with all."""
        boxes: dict[int, list[bytes]] = {number: [] for number in ALL}
        for _ in range(70):
            self.now += 0.1
            for number in ALL:
                received, boxes[number] = boxes[number], []
                for receiver, data in self._turn(number, [], received):
                    boxes[receiver].append(data)
                    if number == EDGE and isinstance(decode_message(data)[1], Root):
                        self.told_bytes = len(data)

    def _turn(self, number: int, writes: list[WriteRequest], received: list[bytes]) -> list[tuple[int, bytes]]:
        wall = WALL + round(self.now * 1000)
        given = Input(self.now, wall, writes, [], received, self.done[number], ALL)
        output = self.replicas[number].turn(given)
        self.done[number] = output.turn
        return output.messages

    def numbers(self) -> int:
        """In the context of the edge."""
        return self.replicas[EDGE].entries

    def told(self) -> int:
        """Bytes of what the edge told of itself when it met the others last."""
        return self.told_bytes

    def cell(self, key: bytes) -> Cell:
        """What the edge has of a key."""
        return self.replicas[EDGE].cell(key)

    def equal(self) -> bool:
        """Whether all hold the same."""
        return len({replica.digest for replica in self.replicas.values()}) == 1


MODELS: dict[str, Callable[[], Causal | Eventual]] = {"causal": Causal, "eventual": Eventual}


def rows(model: str, starts: int, at: Sequence[int]) -> Iterator[Row]:
    """Start the edge so often; a row of each of the starts ``at``, which have to be some that meet the others."""
    company = MODELS[model]()
    sizes: list[int] = []
    values = count(1)
    most = 0
    for number in range(1, starts + 1):
        company.start(EDGE)
        sizes.append(company.write(EDGE, next(values)))
        most = max(most, company.numbers())
        if meets(number, starts):
            for member in MEMBERS:
                company.write(member, next(values))
            company.meet()
        if number in at:
            last = sizes[-SPAN * WRITES :]
            cell = len(encode_cell(company.cell(b"total")))
            yield Row(number, sum(last) / len(last), company.numbers(), company.told(), most, cell)
        sizes += [company.write(EDGE, next(values)) for _ in range(WRITES - 1)]
    company.meet()
    assert company.equal(), "the replicas differ"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.restarts", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="causal or eventual; both, if none is named")
    parser.add_argument("--starts", type=int, default=10_000)
    options = parser.parse_args(arguments)
    heads = f"{'starts':>8}{'operation':>12}{'vector':>9}{'told':>9}{'counter':>9}{'vector at most':>17}"
    print(f"{'':<10}{heads}")
    for model in options.models or MODELS:
        for row in rows(model, options.starts, marks(options.starts)):
            sizes = f"{row.operation_bytes:>10.1f} B{row.numbers:>9}{row.told_bytes:>7} B{row.counter_bytes:>7} B"
            words = f"{sizes}{row.numbers_most:>17}"
            print(f"{model:<10}{row.starts:>8}{words}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
