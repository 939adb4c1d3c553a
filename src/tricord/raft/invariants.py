# SPDX-License-Identifier: Apache-2.0
"""What holds after every step, whatever happened. A core that breaks one stops loudly rather than answer wrongly."""

from __future__ import annotations

from tricord.raft.state import LEADER, State


class Invariants:
    """Compares a state with what it was after the step before. Cost: a microsecond a step."""

    __slots__ = ("_commit_index", "_last_applied", "_term", "_vote")

    def __init__(self, state: State) -> None:
        self._term = state.persistent.current_term
        self._vote = state.persistent.voted_for
        self._commit_index = state.commit_index
        self._last_applied = state.last_applied

    def check(self, state: State) -> None:
        """Raises AssertionError."""
        persistent, log = state.persistent, state.log
        term, vote = persistent.current_term, persistent.voted_for
        commit_index, last_applied, last_index = state.commit_index, state.last_applied, log.last_index
        if term != self._term or vote != self._vote:
            assert term >= self._term, "the term never goes back"
            assert term > self._term or self._vote in (0, vote), "one vote in a term (section 5.2)"
            self._term, self._vote = term, vote
        assert persistent.durable_term <= term, "the disk knows no term that was not decided"
        assert commit_index >= self._commit_index, "commit never goes back"
        assert last_applied >= self._last_applied, "applied never goes back"
        assert state.applied_index <= last_applied
        assert log.base_index <= last_applied <= commit_index <= last_index
        assert log.persisted_index <= last_index
        assert last_applied <= log.persisted_index, "what was applied survives a restart"
        assert log.last_term <= term, "no entry is ahead of the term"
        self._commit_index, self._last_applied = commit_index, last_applied
        own = state.config.id
        if state.role is LEADER:
            assert state.leader_id == own
            assert vote == own and persistent.durable_term == term and persistent.durable_vote == own
            assert state.progress[own].match_index == log.persisted_index
            assert state.installing is None
            return
        assert not state.transferee, "only a leader hands over"
        assert state.leader_id != own
        assert not state.reads_asked and not state.reads_in_rounds, "only a leader answers reads"


def check_followers(state: State) -> None:
    """Of a leader, where anything about its followers changed. Raises AssertionError."""
    own, end = state.config.id, state.log.last_index + 1
    for member, progress in state.progress.items():
        # So nobody holds more than its leader, whose own part is looked at after each step.
        assert progress.match_index < progress.next_index <= end or member == own, "what is sent next is in the log"
