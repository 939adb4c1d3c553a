# SPDX-License-Identifier: Apache-2.0
"""Letting go of applied entries (section 7: what the state machine holds need not stay in the log)."""

from __future__ import annotations

from tricord.raft.events import Applied, CutLog
from tricord.raft.state import State
from tricord.raft.trace import LogCut


def applied(state: State, event: Applied) -> None:
    """The host has applied what was handed out, up to the index."""
    assert state.config.asynchronous_apply, "without asynchronous_apply, handed out is applied"
    assert event.index <= state.last_applied, "nothing is applied that was not handed out"
    state.applied_index = max(state.applied_index, event.index)


def cut_log(state: State, event: CutLog) -> None:
    """Keep the entries from the index on."""
    assert event.index <= state.applied_index + 1, "what was not applied is needed"
    state.log.cut_before(event.index)
    state.configurations.cut_to(state.log.base_index)
    if state.tracer is not None:
        state.tracer(LogCut(state.log.base_index))
