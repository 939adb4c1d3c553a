# SPDX-License-Identifier: Apache-2.0
"""Any message of Raft for hypothesis, as a core could say it."""

from __future__ import annotations

from hypothesis import strategies as st

from tricord.base.log import Entry
from tricord.base.membership import Configuration
from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    ForwardedProposal,
    ForwardedProposalResult,
    ForwardedRead,
    ForwardedReadResult,
    InstallSnapshot,
    InstallSnapshotResult,
    Message,
    RequestVote,
    RequestVoteResult,
    TimeoutNow,
)

ids = st.integers(1, 2**63 - 1)
numbers = st.integers(0, 2**64 - 1)
indexes = st.integers(0, 2**62)
data = st.binary(max_size=20)
_sets = st.sets(st.integers(1, 9), max_size=4).map(lambda members: tuple(sorted(members)))
configurations = st.builds(
    Configuration,
    voters=_sets,
    outgoing=_sets,
    learners=_sets,
    learners_next=_sets,
    leave_automatically=st.booleans(),
    info=st.dictionaries(st.integers(1, 9), data, max_size=3).map(lambda info: dict(sorted(info.items()))),
)


@st.composite
def _append_entries(draw: st.DrawFn) -> AppendEntries:
    terms = sorted(draw(st.lists(st.integers(1, 2**63), max_size=8)))
    index, term = draw(indexes), draw(st.integers(0, terms[0] if terms else 2**63))
    entries = [
        Entry(index + 1 + place, entry_term, draw(st.integers(0, 255)), draw(data))
        for place, entry_term in enumerate(terms)
    ]
    newest = max([term, *terms])
    return AppendEntries(
        draw(ids),
        draw(ids),
        draw(st.integers(newest, 2**64 - 1)),
        index,
        term,
        entries,
        draw(numbers),
        draw(numbers),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
    )


_head = {"sender": ids, "receiver": ids, "term": numbers}
messages: st.SearchStrategy[Message] = st.one_of(
    _append_entries(),
    st.builds(
        RequestVote,
        **_head,
        last_log_index=numbers,
        last_log_term=numbers,
        pre_vote=st.booleans(),
        transfer=st.booleans(),
        priority=st.integers(-(2**63), 2**63 - 1),
    ),
    st.builds(RequestVoteResult, **_head, vote_granted=st.booleans(), pre_vote=st.booleans()),
    st.builds(
        AppendEntriesResult,
        **_head,
        success=st.booleans(),
        match_index=numbers,
        refused_index=numbers,
        read_round=numbers,
    ),
    st.builds(
        InstallSnapshot,
        **_head,
        last_included_index=numbers,
        last_included_term=numbers,
        configuration=configurations,
    ),
    st.builds(InstallSnapshotResult, **_head, last_included_index=numbers),
    st.builds(TimeoutNow, **_head),
    st.builds(ForwardedProposal, **_head, request=numbers, data=st.lists(data, max_size=5)),
    st.builds(ForwardedProposalResult, **_head, request=numbers, first_index=numbers),
    st.builds(ForwardedRead, **_head, contexts=st.lists(numbers, max_size=5)),
    st.builds(ForwardedReadResult, **_head, contexts=st.lists(numbers, max_size=5), index=numbers),
)
