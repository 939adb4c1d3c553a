# SPDX-License-Identifier: Apache-2.0
"""What members decided, noted as they do it and compared at once: one leader a term, one history, one chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.api.serving import Serving
from tricord.base.operations import Event
from tricord.sim.watch_account import RevisionHistory, bare
from tricord.statemachine.machine import Applied

Violate = Callable[[str, str], None]
"""Which checker noticed, and in words what."""


class Record:
    """The account of one cluster over all its processes."""

    def __init__(self, violate: Violate, now: Callable[[], float], tell: Callable[[str], None]) -> None:
        self._violate = violate
        self._now = now
        self._tell = tell
        self.history = RevisionHistory()
        """Of the default keyspace."""
        self._histories = {0: self.history}
        self.times: dict[int, float] = {}
        """When each revision was first applied by anybody."""
        self.chains: dict[int, int] = {}
        """The running hash at each applied index that ended a turn."""
        self.leaders: dict[int, str] = {}
        """Who led in each term."""
        self.turns = 0

    def follow(self, name: str, serving: Serving) -> None:
        """Note what this process decides from here on."""
        member = serving.member
        turns = member.turns
        told, after = turns.watched, turns.after_turn

        def applied(results: list[Applied]) -> None:
            self._applied(name, member, results)
            told(results)

        def turned() -> None:
            self.turns += 1
            if member.replica.is_leader:
                self._led(name, member.replica.term)
            after()

        turns.watched, turns.after_turn = applied, turned

    def _led(self, name: str, term: int) -> None:
        if term not in self.leaders:
            self.leaders[term] = name
            self._tell(f"{name} leads in term {term}")
        elif (other := self.leaders[term]) != name:
            self._violate("election safety", f"{name} leads in term {term}, as {other} does")

    def _applied(self, name: str, member: Any, results: list[Applied]) -> None:
        for one in results:
            if one.events:
                self._noted(name, one.keyspace, one.revision, one.events)
            for keyspace, revision, events in one.elsewhere:
                self._noted(name, keyspace, revision, events)
        machine = member.machine
        chain = self.chains.setdefault(machine.applied_index, machine.chain)
        if chain != machine.chain:
            self._violate("equal hashes", f"{name} has another chain than others at index {machine.applied_index}")

    def _noted(self, name: str, keyspace: int, revision: int, events: list[Event]) -> None:
        history = self._histories.setdefault(keyspace, RevisionHistory())
        if revision == history.newest + 1:
            history.add(revision, events)
            if not keyspace:
                self.times[revision] = self._now()
        elif revision > history.newest:
            self._violate("state machine safety", f"{name} applied revision {revision} after {history.newest}")
        elif list(map(bare, events)) != list(map(bare, history.events[revision - 2])):
            self._violate("state machine safety", f"{name} applied other changes at revision {revision} than others")
