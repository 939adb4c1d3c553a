# SPDX-License-Identifier: Apache-2.0
"""The log in memory: terms by index, the durable part, truncation and cutting."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.raft.paper import configuration_entry
from tricord.base.log import Entry
from tricord.base.membership import Configuration
from tricord.raft.configurations import Configurations
from tricord.raft.log import Log

# What may happen to a log, each with how far (in entries, from the place where it may happen at all).
happenings = st.lists(
    st.tuples(st.sampled_from(["append", "replace", "persist", "cut", "reset"]), st.integers(0, 5), st.integers(0, 2)),
    max_size=25,
)


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


@settings(deadline=None)
@given(happenings)
def test_a_log_is_a_list_with_a_base(script: list[tuple[str, int, int]]) -> None:
    """Against the plainest log there is: a list of all entries that ever were, the durable part by count."""
    log = Log(0, 0, [])
    plain: list[Entry] = []
    base, persisted, term = 0, 0, 1
    for what, count, more in script:
        if what == "append":
            term += more
            news = [entry(len(plain) + place, term) for place in range(1, count + 1)]
            plain += news
            log.append(news)
        elif what == "replace":
            keep = max(base, persisted - count, len(plain) - count)
            del plain[keep:]
            persisted = min(persisted, keep)
            log.truncate_after(keep)
            term += 1
        elif what == "persist" and persisted < len(plain):
            persisted = min(len(plain), persisted + 1 + count)
            assert log.persisted(persisted, plain[persisted - 1].term)
        elif what == "cut":
            base = max(base, persisted - count)
            log.cut_before(base + 1)
        elif what == "reset" and more == 0 and plain:
            end = len(plain) + count + 1
            plain += [entry(index, term) for index in range(len(plain) + 1, end + 1)]
            base = persisted = end
            log.reset(end, term)
        kept = plain[base:]
        assert (log.base_index, log.last_index, log.persisted_index) == (base, len(plain), persisted)
        assert log.entries(base + 1, len(plain)) == kept
        assert log.size_bytes == sum(len(one.data) for one in kept)
        assert log.last_term == (plain[-1].term if plain else 0)
        assert [log.term_at(index) for index in range(base, len(plain) + 2)] == [
            plain[base - 1].term if base else 0,
            *(one.term for one in kept),
            None,
        ]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["append", "other", "replace", "cut"]), st.integers(0, 6)), max_size=25))
def test_the_configuration_in_force_is_the_logs_last(script: list[tuple[str, int]]) -> None:
    """Section 4.1, against a list of (index, configuration) of all that are in the log."""
    first = Configuration((1,))
    configurations = Configurations(0, first, [])
    known, last, base = [(0, first)], 0, 0
    for count, (what, how_far) in enumerate(script, start=2):
        if what == "append":
            last += 1
            known.append((last, Configuration((1, count))))
            configurations.append([configuration_entry(last, 1, known[-1][1])])
        elif what == "other":
            last += how_far
            configurations.append([entry(last, 1)])
        elif what == "replace":
            last = max(base, last - how_far)
            known = [one for one in known if one[0] <= last]
            configurations.truncate_after(last)
        else:
            base = max(base, last - how_far)
            newest = max(index for index, _ in known if index <= base)
            known = [one for one in known if one[0] >= newest]
            configurations.cut_to(base)
        assert (configurations.current_index, configurations.current) == known[-1]
        for index in range(base, last + 1):
            assert configurations.at(index) == max((one for one in known if one[0] <= index), key=lambda one: one[0])[1]
