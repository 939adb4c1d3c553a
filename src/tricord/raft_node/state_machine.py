# SPDX-License-Identifier: Apache-2.0
"""The replicated thing itself, as whoever embeds the library gives it: an object, or a few plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from tricord.base.log import Entry, EntryKind


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

    def __init__(self, machine: StateMachine, applied_index: int, applied_term: int) -> None:
        self.machine = machine
        self.applied_index = applied_index
        self.applied_term = applied_term

    def apply(self, entries: list[Entry]) -> list[Any]:
        """One answer per entry; None for those that are Raft's own."""
        assert entries[0].index == self.applied_index + 1, "entries are applied in order"
        commands = [entry for entry in entries if entry.kind == EntryKind.NORMAL]
        answers = iter(self.machine.apply(commands) if commands else ())
        results = [next(answers) if entry.kind == EntryKind.NORMAL else None for entry in entries]
        self.applied_index = entries[-1].index
        self.applied_term = entries[-1].term
        return results
