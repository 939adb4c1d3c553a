# SPDX-License-Identifier: Apache-2.0
"""What holds after every step, whatever happened. A core that breaks one stops loudly rather than answer wrongly."""

from __future__ import annotations

from tricord.raft.state import LEADER, State


class Invariants:
    """Compares a state with what it was after the step before. Cost: half a microsecond a step."""

    __slots__ = ("_numbers",)

    def __init__(self, state: State) -> None:
        self._numbers = _numbers(state)

    def check(self, state: State) -> None:
        """Raises AssertionError."""
        before, numbers = self._numbers, _numbers(state)
        if numbers != before:  # most steps change none of them
            self._numbers = numbers
            _check_numbers(before, numbers)
        assert state.applied_index <= state.last_applied
        if state.role is LEADER:
            _check_leader(state)
            return
        assert not state.transferee, "only a leader hands over"
        assert state.leader_id != state.config.id
        assert not state.reads_asked and not state.reads_in_rounds, "only a leader answers reads"


Numbers = tuple[int, int, int, int, int, int, int, int, int]


def _numbers(state: State) -> Numbers:
    persistent, log = state.persistent, state.log
    return (
        persistent.current_term,
        persistent.voted_for,
        persistent.durable_term,
        state.last_applied,
        state.commit_index,
        log.base_index,
        log.persisted_index,
        log.last_index,
        log.last_term,
    )


def _check_numbers(before: Numbers, now: Numbers) -> None:
    old_term, old_vote, _, old_last_applied, old_commit_index, *_ = before
    term, vote, durable_term, last_applied, commit_index, base_index, persisted_index, last_index, last_term = now
    assert term >= old_term, "the term never goes back"
    assert term > old_term or old_vote in (0, vote), "one vote in a term (section 5.2)"
    assert durable_term <= term, "the disk knows no term that was not decided"
    assert commit_index >= old_commit_index, "commit never goes back"
    assert last_applied >= old_last_applied, "applied never goes back"
    assert base_index <= last_applied <= commit_index <= last_index
    assert persisted_index <= last_index
    assert last_applied <= persisted_index, "what was applied survives a restart"
    assert last_term <= term, "no entry is ahead of the term"


def _check_leader(state: State) -> None:
    own, persistent = state.config.id, state.persistent
    assert state.leader_id == own
    assert persistent.voted_for == own == persistent.durable_vote, "its vote for itself is durable"
    assert persistent.durable_term == persistent.current_term and persistent.is_durable
    assert state.progress[own].match_index == state.log.persisted_index
    assert state.installing is None


def check_followers(state: State) -> None:
    """Of a leader, where anything about its followers changed. Raises AssertionError."""
    own, end = state.config.id, state.log.last_index + 1
    for member, progress in state.progress.items():
        # So nobody holds more than its leader, whose own part is looked at after each step.
        assert progress.match_index < progress.next_index <= end or member == own, "what is sent next is in the log"
