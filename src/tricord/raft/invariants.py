# SPDX-License-Identifier: Apache-2.0
"""What holds after every step, whatever happened. A core that breaks one stops loudly rather than answer wrongly."""

from __future__ import annotations

from tricord.raft.state import Role, State


class Invariants:
    """Compares a state with what it was after the step before. Cost: a microsecond a step."""

    __slots__ = ("_commit_index", "_last_applied", "_persisted_index", "_term", "_vote")

    def __init__(self, state: State) -> None:
        self._remember(state)

    def check(self, state: State) -> None:
        """Raises AssertionError."""
        persistent, log = state.persistent, state.log
        term = persistent.current_term
        assert term >= self._term, "the term never goes back"
        assert term > self._term or self._vote in (0, persistent.voted_for), "one vote in a term (section 5.2)"
        assert persistent.durable_term <= term, "the disk knows no term that was not decided"
        assert state.commit_index >= self._commit_index, "commit never goes back"
        assert state.last_applied >= self._last_applied, "applied never goes back"
        assert state.applied_index <= state.last_applied
        assert log.base_index <= state.last_applied <= state.commit_index <= log.last_index
        assert log.persisted_index <= log.last_index
        assert state.last_applied <= log.persisted_index, "what was applied survives a restart"
        assert log.last_term <= term, "no entry is ahead of the term"
        if state.role is Role.LEADER:
            assert state.leader_id == state.config.id
            assert persistent.voted_for == state.config.id and persistent.is_durable
            assert state.progress[state.config.id].match_index == log.persisted_index
            for member, progress in state.progress.items():
                assert progress.match_index <= log.last_index, "nobody holds more than its leader"
                if member != state.config.id:
                    assert progress.match_index < progress.next_index <= log.last_index + 1
            assert state.installing is None
        else:
            assert not state.transferee, "only a leader hands over"
            assert state.leader_id != state.config.id
            assert not state.reads_asked and not state.reads_in_rounds, "only a leader answers reads"
        self._remember(state)

    def _remember(self, state: State) -> None:
        self._term = state.persistent.current_term
        self._vote = state.persistent.voted_for
        self._commit_index = state.commit_index
        self._last_applied = state.last_applied
        self._persisted_index = state.log.persisted_index
