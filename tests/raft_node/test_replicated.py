# SPDX-License-Identifier: Apache-2.0
"""Objects of one's own and dictionaries: what is called, what is refused, and what a snapshot brings back."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest

from tricord.base.errors import ConfigurationError, InvalidRequest, OutcomeUnknown
from tricord.base.log import Entry, EntryKind
from tricord.raft_node import NodeConfig, Replicated, ReplicatedDict
from tricord.raft_node.object_machine import ObjectMachine, Raised


@dataclass
class Inventory:
    stock: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    last: datetime | None = None

    def add(self, item: str, count: int = 1) -> int:
        self.seen.add(item)
        self.stock[item] = self.stock.get(item, 0) + count
        return self.stock[item]

    def take(self, item: str) -> int:
        if not self.stock.get(item):
            raise LookupError(item)
        self.stock[item] -= 1
        return self.stock[item]

    def _wipe(self) -> None:
        self.stock.clear()


def test_calls_travel_and_the_state_survives_a_restart_with_and_without_a_snapshot(tmp_path: Path) -> None:
    for start in range(1, 4):
        with Replicated(Inventory(), NodeConfig("a"), str(tmp_path)) as shared:
            assert shared.call(Inventory.add, "apple") == start
            assert shared.call(Inventory.add, "pear", count=2) == 2 * start
            assert shared.read(lambda inventory: inventory.seen) == {"apple", "pear"}
            assert shared.read_local(lambda inventory: inventory.stock["apple"]) == start
            if start == 2:
                shared.node.snapshot()


def test_what_a_method_raises_goes_to_its_caller_and_the_node_lives() -> None:
    with Replicated(Inventory(), NodeConfig("a")) as shared:
        with pytest.raises(LookupError, match="plum"):
            shared.call(Inventory.take, "plum")
        shared.call(Inventory.add, "plum")
        assert shared.call(Inventory.take, "plum") == 0


def test_only_public_methods_are_called_and_only_with_plain_values() -> None:
    with Replicated(Inventory(), NodeConfig("a")) as shared:
        with pytest.raises(InvalidRequest, match="_wipe"):
            shared.call(Inventory._wipe)
        with pytest.raises(InvalidRequest, match="cannot be sent"):
            shared.call(Inventory.add, object())  # type: ignore[arg-type]


def test_an_error_of_the_process_stops_the_node_rather_than_make_it_differ() -> None:
    class Exhausted:
        def fill(self) -> None:
            raise MemoryError

    with Replicated(Exhausted(), NodeConfig("a")) as shared:
        with pytest.raises(OutcomeUnknown):
            shared.call(Exhausted.fill)
        assert isinstance(shared.node.failure, MemoryError)


@pytest.mark.parametrize(
    "command",
    [b"", b"\xc1", b"\x91" * 100_000, msgspec.msgpack.encode(["_wipe", [], {}]), msgspec.msgpack.encode({"add": 1})],
)
def test_bytes_that_are_no_call_are_answered_and_change_nothing(command: bytes) -> None:
    machine = ObjectMachine(Inventory(stock={"a": 1}))
    (answer,) = machine.apply([Entry(1, 1, EntryKind.NORMAL, command)])
    assert isinstance(answer, Raised) and isinstance(answer.error, InvalidRequest)
    assert machine.target.stock == {"a": 1}


def test_a_snapshot_keeps_the_types_that_the_class_names() -> None:
    first = ObjectMachine(Inventory({"a": 1}, {"a"}, datetime(2026, 1, 1, tzinfo=UTC)))
    stream = io.BytesIO()
    first.snapshot(stream)
    second = ObjectMachine(Inventory({"b": 2}))
    second.restore(io.BytesIO(stream.getvalue()))
    assert second.target == first.target


def test_an_attribute_that_a_snapshot_would_change_is_named_at_once() -> None:
    class Untyped:
        def __init__(self) -> None:
            self.tags = {"a"}

    class Impossible:
        def __init__(self) -> None:
            self.lock: Any = object()

    with pytest.raises(ConfigurationError, match=r"Untyped\.tags"):
        ObjectMachine(Untyped())
    with pytest.raises(ConfigurationError, match=r"Impossible\.lock"):
        ObjectMachine(Impossible())


def test_a_class_may_write_its_own_snapshots() -> None:
    class Own:
        def __init__(self, text: str) -> None:
            self.text = text
            self.cache: Any = object()

        def snapshot(self, stream: BinaryIO) -> None:
            stream.write(self.text.encode())

        def restore(self, stream: BinaryIO) -> None:
            self.text = stream.read().decode()

    stream = io.BytesIO()
    ObjectMachine(Own("first")).snapshot(stream)
    second = ObjectMachine(Own("second"))
    second.restore(io.BytesIO(stream.getvalue()))
    assert second.target.text == "first"


def test_a_dictionary_is_one() -> None:
    with ReplicatedDict(NodeConfig("a")) as shared:
        shared["a"] = [1, {"b": None}]
        shared.update({"c": 2.5}, d="text")
        assert shared == {"a": [1, {"b": None}], "c": 2.5, "d": "text"}
        assert shared.local() == shared.copy()
        assert ("a" in shared, "z" in shared, len(shared), sorted(shared)) == (True, False, 3, ["a", "c", "d"])
        assert shared.setdefault("a", 1) == [1, {"b": None}]
        assert shared.setdefault("e", 5) == 5
        shared["a"].append("only a copy")
        assert shared["a"] == [1, {"b": None}]
        assert (shared.pop("e"), shared.pop("e", None), shared.get("e", 7)) == (5, None, 7)
        for missing in (lambda: shared["e"], lambda: shared.pop("e"), lambda: shared.__delitem__("e")):
            with pytest.raises(KeyError):
                missing()
        del shared["d"]
        assert shared.popitem() == ("c", 2.5)
        shared.clear()
        assert not shared
        with pytest.raises(InvalidRequest, match="texts"):
            shared.update({1: 2})
        with pytest.raises(InvalidRequest, match="cannot be sent"):
            shared["f"] = object()
