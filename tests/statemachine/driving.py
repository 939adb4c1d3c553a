# SPDX-License-Identifier: Apache-2.0
"""Driving a state machine as the engine does: check, encode, apply as the next entry, or read."""

from __future__ import annotations

from tricord.base.alarms import AlarmChange
from tricord.base.errors import TricordError
from tricord.base.log import Entry, EntryKind
from tricord.base.operations import Compact, Range, Request, Result, Txn, is_read
from tricord.base.ordered import OrderedStore
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import Applied, StateMachine
from tricord.statemachine.validation import Limits, validate

LIMITS = Limits()


class Driver:
    """A state machine over ``store`` and the log that it has seen."""

    def __init__(self, store: OrderedStore) -> None:
        self.store = store
        self.machine = StateMachine(store)
        self.log: list[Entry] = []

    @property
    def revision(self) -> int:
        return self.machine.revision()

    def restart(self) -> None:
        """A new state machine over what the old one left."""
        self.machine = StateMachine(self.store)

    def entry(self, request: Request, *, identity: str = "") -> Entry:
        """The next entry of the log, not yet applied."""
        deciding_term = int(isinstance(request, AlarmChange) and request.automatic)
        data = encode_command(request, None, identity=identity, deciding_term=deciding_term)
        return Entry(self.machine.applied_index + 1, 1, EntryKind.NORMAL, data)

    def apply(self, request: Request) -> Applied:
        """Apply a write, refused or not."""
        entry = self.entry(request)
        (applied,) = self.machine.apply([entry])
        self.log.append(entry)
        return applied

    def call(self, request: Request) -> Result:
        """Carry out a request. Raises the refusal."""
        validate(request, LIMITS)
        if is_read(request):
            assert isinstance(request, Range | Txn)
            return self.machine.read(request)
        outcome = self.apply(request).outcome
        if isinstance(outcome, TricordError):
            raise outcome
        assert outcome is not None
        if isinstance(request, Compact) and request.physical:
            while not self.machine.sweep(2):
                pass
        return outcome
