# SPDX-License-Identifier: Apache-2.0
"""The log in memory: terms by index, the durable part, truncation and cutting."""

from __future__ import annotations

import pytest

from tricord.base.log import Entry
from tricord.raft.log import Log


def entry(index: int, term: int) -> Entry:
    return Entry(index, term, 0, b"xy")


def test_a_restarted_log_is_durable_to_its_end() -> None:
    log = Log(5, 2, [entry(6, 2), entry(7, 3)])
    assert (log.last_index, log.last_term, log.persisted_index, log.size_bytes) == (7, 3, 7, 4)
    assert [log.term_at(index) for index in range(4, 9)] == [None, 2, 2, 3, None]


def test_an_empty_log_ends_at_its_base() -> None:
    log = Log(5, 2, [])
    assert (log.last_index, log.last_term, log.persisted_index) == (5, 2, 5)


def test_new_entries_are_durable_when_the_disk_says_so() -> None:
    log = Log(0, 0, [])
    log.append([entry(1, 1), entry(2, 1)])
    assert log.persisted_index == 0
    assert log.persisted(1, 1)
    assert not log.persisted(1, 1), "no news"
    assert not log.persisted(3, 1), "there is no such entry"
    assert log.persisted_index == 1


def test_an_answer_about_a_replaced_entry_is_ignored() -> None:
    log = Log(0, 0, [entry(1, 1)])
    log.append([entry(2, 1)])
    log.truncate_after(1)
    log.append([entry(2, 2)])
    assert not log.persisted(2, 1)
    assert log.persisted(2, 2)


def test_truncation_takes_the_tail_and_its_durability() -> None:
    log = Log(0, 0, [entry(1, 1), entry(2, 1), entry(3, 2)])
    log.truncate_after(1)
    assert (log.last_index, log.last_term, log.persisted_index, log.size_bytes) == (1, 1, 1, 2)
    log.truncate_after(0)
    assert (log.last_index, log.last_term) == (0, 0)


def test_a_cut_keeps_the_term_of_its_last_entry() -> None:
    log = Log(0, 0, [entry(1, 1), entry(2, 2), entry(3, 2)])
    log.cut_before(3)
    assert (log.base_index, log.base_term, log.last_index, log.size_bytes) == (2, 2, 3, 2)
    assert log.entries(3, 3) == [entry(3, 2)]
    log.cut_before(2)
    assert log.base_index == 2, "what is gone is gone"
    log.cut_before(4)
    assert (log.base_index, log.last_index, log.last_term) == (3, 3, 2)


def test_gaps_falling_terms_and_early_cuts_are_broken_invariants() -> None:
    log = Log(0, 0, [entry(1, 2)])
    for wrong in ([entry(3, 2)], [entry(1, 2)], [entry(2, 1)], [entry(2, 2), entry(4, 2)]):
        with pytest.raises(AssertionError):
            log.append(wrong)
    with pytest.raises(AssertionError):
        Log(0, 0, [entry(1, 1), entry(2, 2), entry(3, 1)])
    log.append([entry(2, 2)])
    with pytest.raises(AssertionError, match="durable"):
        log.cut_before(3)
