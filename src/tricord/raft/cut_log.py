# SPDX-License-Identifier: Apache-2.0
"""Letting go of applied entries (section 7: what the state machine holds need not stay in the log)."""

from __future__ import annotations

from tricord.raft.events import CutLog
from tricord.raft.state import State
from tricord.raft.trace import LogCut


def cut_log(state: State, event: CutLog) -> None:
    """Keep the entries from the index on."""
    assert event.index <= state.last_applied + 1, "what was not applied is needed"
    state.log.cut_before(event.index)
    if state.tracer is not None:
        state.tracer(LogCut(state.log.base_index))
