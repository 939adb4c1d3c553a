# SPDX-License-Identifier: Apache-2.0
"""What tests of watches share: a record of all that members apply, and watches of all kinds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tricord.base.log import Entry
from tricord.base.watching import WatchSpec
from tricord.sim.watch_account import RevisionHistory, bare
from tricord.statemachine.machine import Applied, StateMachine


def record(monkeypatch: pytest.MonkeyPatch) -> RevisionHistory:
    """Everything that any member applies from here on; all must apply the same."""
    history = RevisionHistory()
    apply = StateMachine.apply

    def applying(machine: StateMachine, entries: list[Entry]) -> list[Applied]:
        results = apply(machine, entries)
        for one in results:
            if not one.events:
                continue
            if one.revision > history.newest:
                history.add(one.revision, one.events)
            at = history.revisions.index(one.revision)
            assert list(map(bare, one.events)) == list(map(bare, history.events[at])), "members differ"
        return results

    monkeypatch.setattr(StateMachine, "apply", applying)
    return history


def specs() -> list[WatchSpec]:
    """Watches of all kinds, over keys that begin with a letter."""
    everything = WatchSpec(b"\0", b"\0", previous=True)
    return [
        everything,
        replace(everything, deletes=False, previous=False),
        replace(everything, puts=False),
        WatchSpec(b"a"),
        WatchSpec(b"a", b"b", previous=True),
        WatchSpec(b"b", b"\0"),
        WatchSpec(b"b/2", b"c/3"),
    ]
