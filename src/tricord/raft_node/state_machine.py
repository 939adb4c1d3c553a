# SPDX-License-Identifier: Apache-2.0
"""The replicated thing itself, as whoever embeds the library gives it: an object, or a few plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, runtime_checkable

from tricord.base.log import Entry, EntryKind
from tricord.base.membership import Configuration, decode_configuration

_NORMAL = int(EntryKind.NORMAL)
_CONFIGURATION = int(EntryKind.CONFIGURATION)


class StateMachine(Protocol):
    """A pure function of the log. The node calls it from the loop's thread, one call at a time."""

    def apply(self, batch: list[Entry]) -> list[Any]:
        """Take committed commands, in order; one answer for each goes to whoever called ``Node.apply``.

        An exception stops the node: a command that makes no sense is an answer, not an exception.
        """

    def snapshot(self, stream: BinaryIO) -> None:
        """Write the whole state."""

    def restore(self, stream: BinaryIO) -> None:
        """Replace the whole state by what ``snapshot`` wrote."""


@runtime_checkable
class Capturing(Protocol):
    """A state machine that need not stand still while its state is written: it gives a view of it instead."""

    def capture(self) -> Callable[[BinaryIO], object]:
        """At once, a function that writes the state as it is now. It is called on another thread, while ``apply`` goes
        on. Used in place of ``snapshot``."""


class FunctionStateMachine:
    """A state machine made of functions: one that takes a command, and two that write and read a snapshot."""

    def __init__(
        self,
        *,
        write_snapshot: Callable[[BinaryIO], object],
        read_snapshot: Callable[[BinaryIO], object],
        apply: Callable[[bytes], Any] = lambda _: None,
    ) -> None:
        self._apply = apply
        self._write_snapshot = write_snapshot
        self._read_snapshot = read_snapshot

    def apply(self, batch: list[Entry]) -> list[Any]:
        return [self._apply(entry.data) for entry in batch]

    def snapshot(self, stream: BinaryIO) -> None:
        self._write_snapshot(stream)

    def restore(self, stream: BinaryIO) -> None:
        self._read_snapshot(stream)


class AppliedLog:
    """A state machine as the replica sees it: with an applied index, and with all kinds of entries."""

    def __init__(
        self, machine: StateMachine, applied_index: int, applied_term: int, configuration: Configuration
    ) -> None:
        self.machine = machine
        self.applied_index = applied_index
        self.applied_term = applied_term
        self.applied_bytes = 0
        """Bytes of commands applied since the node's start."""
        self.configuration = configuration
        """The one in force at ``applied_index``."""

    def apply(self, entries: list[Entry]) -> list[tuple[int, Any]]:
        """For each entry its index and the machine's answer, None for those that are Raft's own."""
        first, last = entries[0].index, entries[-1].index
        assert first == self.applied_index + 1, "entries are applied in order"
        commands = [entry for entry in entries if entry.kind == _NORMAL]
        answers = self.machine.apply(commands) if commands else []
        assert len(answers) == len(commands), "the state machine gives one answer for each command"
        self.applied_bytes += sum([len(entry.data) for entry in commands])
        self.applied_index = last
        self.applied_term = entries[-1].term
        if len(commands) == len(entries):
            return list(zip(range(first, last + 1), answers, strict=True))
        rest = iter(answers)
        results = []
        for entry in entries:
            if entry.kind == _CONFIGURATION:
                self.configuration = decode_configuration(entry.data)
            results.append((entry.index, next(rest) if entry.kind == _NORMAL else None))
        return results

    def restored(self, index: int, term: int, configuration: Configuration) -> None:
        """The machine holds a snapshot's state now."""
        self.applied_index = index
        self.applied_term = term
        self.configuration = configuration
