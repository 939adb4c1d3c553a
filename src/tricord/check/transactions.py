# SPDX-License-Identifier: Apache-2.0
"""Operations as transactions: what each read of others, and what it left behind.

``{"op":"txn","input":[["r","x",null],["append","y",1],["w","z",2]],"output":[["r","x",7],["append","y",1],["w","z",2]]}``
is a transaction of three micro-operations: read x, append 1 to the list y, write 2 to z. A put, get, delete, cas or
append (of text) is a transaction of one. What a transaction reads of its own writes is compared here; only its reads
of others go on. Keys become numbers, and values become hashable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tricord.check.finding import Finding, Verdict
from tricord.check.history import OK, STATUSES, UNKNOWN, BadHistory, History, Operation

Value = Any
"""Null, a number, text; of lists and objects a tuple."""
NEVER = 1 << 62
"""When an operation that did not return returned."""


@dataclass(slots=True)
class Read:
    """A read of what others wrote, of a key that holds one value."""

    key: int
    values: tuple[Value, ...]
    """What it read: one of these (more than one: the answer does not tell them apart)."""
    equal: bool = True
    """False: what it read is none of these (a compare-and-swap that failed)."""

    def fits(self, value: Value) -> bool:
        """Whether it may have read this value."""
        return (value in self.values) == self.equal


@dataclass(slots=True)
class ListRead:
    """A read of a list that is only appended to."""

    key: int
    items: list[Value]
    own: int = 0
    """How many of the last items the transaction itself had appended before."""


@dataclass(slots=True)
class Transaction:
    """One operation as a transaction."""

    index: int
    client: int | str
    call: int
    back: int
    status: str
    revision: int = 0
    reads: list[Read] = field(default_factory=list)
    lists: list[ListRead] = field(default_factory=list)
    writes: dict[int, Value] = field(default_factory=dict)
    """The last value written to each key."""
    replaced: list[tuple[int, Value]] = field(default_factory=list)
    """Values that it wrote and then wrote over itself: nobody else may see them."""
    appends: dict[int, list[Value]] = field(default_factory=dict)
    suffix: tuple[int, str] | None = None
    """Key and text of an append whose outcome was not told: what it wrote ends with the text."""


@dataclass(slots=True)
class Parsed:
    """A history as transactions."""

    transactions: list[Transaction]
    keys: list[str]
    """The names of the keys, by number."""
    wrong: list[Finding]
    """Transactions whose own answers contradict each other."""


def frozen(value: Any) -> Value:
    """A value that can be a key of a table; true and 1 stay apart."""
    if value is None or type(value) is str or type(value) is int:
        return value
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (list, tuple)):
        return ("list", *map(frozen, value))
    if isinstance(value, dict):
        return ("object", *sorted((str(name), frozen(part)) for name, part in value.items()))
    return value


def bad(operation: Operation, what: str) -> BadHistory:
    """The error that names the operation's line."""
    return BadHistory(f"line {operation.index + 1}: {what}")


def violated(name: str, sentence: str, operations: Iterable[int]) -> Finding:
    """A violation that one sentence explains."""
    return Finding(Verdict.VIOLATED, sentence, [sentence], sorted(set(operations)), name)


def show(value: Value) -> str:
    """A value as a reader of the finding knows it."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, tuple) and value and value[0] == "list":
        return show(list(value[1:]))
    if isinstance(value, tuple) and value and value[0] == "bool":
        return "true" if value[1] else "false"
    return repr(value) if isinstance(value, str) else str(value)


def parse(history: History) -> Parsed:
    """The history as transactions, those without effect or answer left out. Raises BadHistory."""
    return _Parser(history).run()


class _Parser:
    def __init__(self, history: History) -> None:
        self.history = history
        self.numbers: dict[Any, int] = {}
        self.lists: set[Any] = set()
        self.registers: set[Any] = set()
        self.wrong: list[Finding] = []
        self.single: dict[str, Callable[[Operation, Transaction], None]] = {
            "put": self._put, "get": self._get, "delete": self._delete, "cas": self._cas, "append": self._append,
            "txn": self._txn,
        }  # fmt: skip

    def run(self) -> Parsed:
        for operation in self.history.operations:
            self._look_at_kinds(operation)
        transactions = []
        for operation in self.history.operations:
            back = operation.return_ns
            one = Transaction(
                operation.index, operation.client, operation.call_ns, NEVER if back is None else back, operation.status
            )
            one.revision = operation.revision
            if operation.status == UNKNOWN:
                one.back = NEVER
            self.single[operation.op](operation, one)
            if operation.status == OK or one.writes or one.appends or one.suffix:
                transactions.append(one)
        return Parsed(transactions, [str(name) for name in self.numbers], self.wrong)

    def _look_at_kinds(self, operation: Operation) -> None:
        """Which keys hold lists is known before any read is looked at."""
        if operation.op not in self.single:
            raise bad(operation, f"{operation.op!r} is no operation of a transaction")
        if operation.status not in STATUSES:
            raise bad(operation, f"{operation.status!r} is no status")
        if operation.op != "txn":
            if operation.key is None:
                raise bad(operation, f"{operation.op} names no key")
            if operation.op != "get":
                self._is(operation, operation.key, self.registers, self.lists)
            return
        for micro in micro_operations(operation):
            if micro[0] == "append":
                self._is(operation, micro[1], self.lists, self.registers)
            elif micro[0] == "w":
                self._is(operation, micro[1], self.registers, self.lists)

    def _is(self, operation: Operation, key: Any, kind: set[Any], other: set[Any]) -> None:
        if key in other:
            raise bad(operation, f"{key!r} is both appended to as a list and written as a whole")
        kind.add(key)

    def _number(self, key: Any) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def _contradiction(self, operation: Operation, what: str, name: str = "internal") -> None:
        self.wrong.append(violated(name, f"#{operation.index} {what}", [operation.index]))

    def _put(self, operation: Operation, one: Transaction) -> None:
        one.writes[self._number(operation.key)] = frozen(operation.input)

    def _delete(self, operation: Operation, one: Transaction) -> None:
        one.writes[self._number(operation.key)] = None

    def _get(self, operation: Operation, one: Transaction) -> None:
        if operation.status == OK:
            self._read_of_others(operation, one, operation.key, operation.output)

    def _cas(self, operation: Operation, one: Transaction) -> None:
        swap = operation.input
        if not isinstance(swap, dict) or not {"expect", "value"} <= swap.keys():
            raise bad(operation, "the input of cas is an object with expect and value")
        key, happened = self._number(operation.key), operation.output
        if operation.status == OK and not isinstance(happened, bool):
            raise bad(operation, "the output of cas is true or false")
        one.reads.append(Read(key, (frozen(swap["expect"]),), operation.status != OK or happened))
        if operation.status != OK or happened:
            one.writes[key] = frozen(swap["value"])

    def _append(self, operation: Operation, one: Transaction) -> None:
        key, text, whole = self._number(operation.key), operation.input, operation.output
        if not isinstance(text, str) or not (whole is None or isinstance(whole, str)):
            raise bad(operation, "append takes text, and its output is the whole text or null")
        if operation.status != OK or whole is None:
            one.suffix = (key, text)
        elif not whole.endswith(text):
            self._contradiction(operation, f"appended {text!r}, and the whole was {whole!r} after it")
        else:
            before = whole[: len(whole) - len(text)]
            one.reads.append(Read(key, (before,) if before else (None, "")))
            one.writes[key] = whole

    def _txn(self, operation: Operation, one: Transaction) -> None:
        answers = operation.output if operation.status == OK else None
        micros = operation.input  # its shape was looked at with the kinds of keys
        if operation.status == OK and any(micro[0] == "r" for micro in micros):
            if not isinstance(answers, (list, tuple)) or len(answers) != len(micros):
                raise bad(operation, "the output of a transaction has one entry for each of its input")
            if any(not isinstance(answer, (list, tuple)) or len(answer) != 3 for answer in answers):
                raise bad(operation, "an entry of a transaction's output is [what, key, value]")
        for place, (what, key, value) in enumerate(micros):
            if what == "append":
                one.appends.setdefault(self._number(key), []).append(frozen(value))
            elif what == "w":
                number = self._number(key)
                if number in one.writes:
                    one.replaced.append((number, one.writes[number]))
                one.writes[number] = frozen(value)
            elif operation.status == OK:
                assert answers is not None
                self._read(operation, one, key, answers[place][2])

    def _read(self, operation: Operation, one: Transaction, key: Any, value: Any) -> None:
        number = self._number(key)
        if number in one.writes:
            if one.writes[number] != frozen(value):
                self._contradiction(operation, f"wrote {key} = {show(one.writes[number])} and then read {show(value)}")
        else:
            self._read_of_others(operation, one, key, value)

    def _read_of_others(self, operation: Operation, one: Transaction, key: Any, value: Any) -> None:
        number = self._number(key)
        if key not in self.lists and (key in self.registers or not isinstance(value, (list, tuple))):
            one.reads.append(Read(number, (frozen(value),)))
            return
        if value is not None and not isinstance(value, (list, tuple)):
            raise bad(operation, f"{key!r} holds a list, and {value!r} was read")
        items = [frozen(item) for item in value or ()]
        own = one.appends.get(number, [])
        if own and items[-len(own) :] != own:
            self._contradiction(operation, f"appended {own} to {key} and then read {items}")
        else:
            one.lists.append(ListRead(number, items, len(own)))


def micro_operations(operation: Operation) -> list[Any]:
    """The input of a transaction: ``[what, key, value]`` each. Raises BadHistory."""
    if not isinstance(operation.input, (list, tuple)):
        raise bad(operation, "the input of a transaction is a list of [what, key, value]")
    for micro in operation.input:
        if not isinstance(micro, (list, tuple)) or len(micro) != 3 or micro[0] not in ("r", "w", "append"):
            raise bad(operation, f"{micro!r} is none of [r, key, null], [w, key, value], [append, key, value]")
        if not isinstance(micro[1], (str, int)):
            raise bad(operation, f"{micro[1]!r} is no key")
    return list(operation.input)
