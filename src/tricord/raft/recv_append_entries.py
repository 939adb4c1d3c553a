# SPDX-License-Identifier: Apache-2.0
"""AppendEntries, the receiver's part (figure 2; section 5.3)."""

from __future__ import annotations

from typing import NoReturn

from tricord.base.errors import EntriesLost
from tricord.base.log import Entry, EntryKind
from tricord.base.membership import decode_configuration
from tricord.base.reachable import reachable
from tricord.raft import commit, outbox, quiesce, roles
from tricord.raft.log import consecutive
from tricord.raft.messages import AppendEntries, AppendEntriesResult
from tricord.raft.state import FOLLOWER, LEADER, State
from tricord.raft.trace import Appended, AppendRefused, ConfigurationReverted, Truncated

_CONFIGURATION = int(EntryKind.CONFIGURATION)


def receive(state: State, message: AppendEntries) -> None:
    """The leader of the current term speaks. Raises EntriesLost."""
    prev_log_index, entries = message.prev_log_index, message.entries
    if entries and not _well_formed(message):
        return
    assert state.role is not LEADER, "a term has one leader at most (election safety, figure 3)"
    if state.role is not FOLLOWER or state.leader_id != message.sender:
        roles.become_follower(state, message.term, message.sender)
    roles.reset_election_timer(state)
    state.promised_ticks = state.now_ticks + state.config.election_ticks
    if state.installing is not None:
        # The log is to go. That its sender leads is true all the same.
        if not message.entries and not message.commit_only:
            acknowledge(state, message.read_round)
        return
    known_term = state.log.term_at(prev_log_index)
    if prev_log_index < state.commit_index:
        # What is committed here is the same there (leader completeness): only what lies behind it is news.
        if entries:
            reachable("entries came that were committed already")
        entries = entries[state.commit_index - prev_log_index :]
    elif known_term is None:
        reachable("a follower lacked entries")
        _refuse(state, message, state.log.last_index, "the log is too short")
        return
    elif known_term != message.prev_log_term:
        reachable("a follower had entries of another term")
        _refuse(state, message, _last_possible_match(state, message), "another term there")
        return
    if entries:
        _store(state, message, entries)
    verified = prev_log_index + len(message.entries)
    state.verified_index = max(state.verified_index, verified)
    if message.leader_commit > state.commit_index:
        # Only as far as this message vouches for: what lies behind it may be from another leader.
        commit.advance_to(state, min(message.leader_commit, verified))
    if message.quiesce:
        quiesce.agreed(state, message)
    if not message.commit_only and (not message.entries or verified <= state.log.persisted_index):
        acknowledge(state, message.read_round)


def acknowledge(state: State, read_round: int = 0) -> None:
    """Tell the leader how far the durable log is its own. New entries are acknowledged when the disk has them."""
    match_index = min(state.verified_index, state.log.persisted_index)
    term = state.persistent.current_term
    outbox.send(state, AppendEntriesResult(state.config.id, state.leader_id, term, True, match_index, 0, read_round))


def refuse_old_term(state: State, message: AppendEntries) -> None:
    """The sender's term is over; the current one tells it so."""
    reachable("a leader of an older term was told so")
    _answer_no(state, message, match_index=0, read_round=0)


def _well_formed(message: AppendEntries) -> bool:
    """Whether a leader could have sent these entries; else they are ignored, for no peer may stop this server."""
    entries = message.entries
    if not consecutive(entries, message.prev_log_index, message.prev_log_term):
        return False
    if entries[-1].term > message.term:
        return False
    try:
        for entry in entries:
            if entry.kind == _CONFIGURATION:
                decode_configuration(entry.data)
    except ValueError:
        return False
    return True


def _store(state: State, message: AppendEntries, entries: list[Entry]) -> None:
    """Append what is new. Section 5.3: an entry that conflicts goes, with all behind it; one that agrees stays."""
    log = state.log
    for position, entry in enumerate(entries):
        known_term = log.term_at(entry.index)
        if known_term == entry.term:
            continue
        if known_term is not None:
            assert entry.index > state.commit_index, "a committed entry is never replaced (leader completeness)"
            reachable("a conflicting suffix was cut")
            log.truncate_after(entry.index - 1)
            _revert_configuration(state, entry.index - 1)
            if state.tracer is not None:
                state.tracer(Truncated(entry.index - 1))
        news = entries[position:]
        log.append(news)
        state.configurations.append(news)
        state.output.entries.extend(news)
        if state.tracer is not None:
            state.tracer(Appended(news[0].index, news[-1].index, message.term))
        return


def _revert_configuration(state: State, index: int) -> None:
    """Section 4.1: a configuration whose entry is replaced is in force no more."""
    configurations = state.configurations
    before = configurations.current_index
    configurations.truncate_after(index)
    if configurations.current_index != before:
        reachable("a configuration was reverted with its entry")
        if state.tracer is not None:
            state.tracer(ConfigurationReverted(configurations.current_index, configurations.current))


def _last_possible_match(state: State, message: AppendEntries) -> int:
    """Below the refused index, the last one whose term does not rule a match out: whole terms are skipped at once.

    The leader does the same with its log; together they need one message for each term in which the logs differ.
    """
    index = message.prev_log_index - 1
    while index > state.commit_index and (state.log.term_at(index) or 0) > message.prev_log_term:
        index -= 1
    return index


def _refuse(state: State, message: AppendEntries, match_index: int, reason: str) -> None:
    if message.heartbeat:
        _stop(state, message)
    if state.tracer is not None:
        state.tracer(AppendRefused(message.prev_log_index, message.prev_log_term, reason))
    # It does not fit, but its sender leads all the same: the round is confirmed.
    _answer_no(state, message, match_index=match_index, read_round=message.read_round)


def _stop(state: State, message: AppendEntries) -> NoReturn:
    """A heartbeat names what this server acknowledged in the term at hand. That was durable, and the leader of a term
    replaces nothing: if it is not here, the disk forgot it. It would never be sent again.
    """
    reachable("a member had lost what it had acknowledged")
    log, index = state.log, message.prev_log_index
    term = log.term_at(index)
    here = f"the log ends at {log.last_index} of term {log.last_term}" if term is None else f"here it is of term {term}"
    raise EntriesLost(
        f"this member acknowledged log entry {index} of term {message.prev_log_term} to the leader of term "
        f"{message.term} and lost it: {here}"
    )


def _answer_no(state: State, message: AppendEntries, *, match_index: int, read_round: int) -> None:
    outbox.send(
        state,
        AppendEntriesResult(
            sender=state.config.id,
            receiver=message.sender,
            term=state.persistent.current_term,
            success=False,
            match_index=match_index,
            refused_index=message.prev_log_index,
            read_round=read_round,
            match_term=state.log.term_at(match_index) or 0,
        ),
    )
