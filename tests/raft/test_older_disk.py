# SPDX-License-Identifier: Apache-2.0
"""Who lost what it acknowledged stops; who did not goes on, however late, doubled or reordered messages are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.raft.paper import append, entries, follower, server
from tricord.base.errors import EntriesLost
from tricord.base.log import Entry, EntryKind
from tricord.base.membership import Configuration
from tricord.raft import Raft
from tricord.raft.events import EntriesPersisted, HardStatePersisted, Receive, SnapshotInstalled
from tricord.raft.messages import AppendEntries, AppendEntriesResult, InstallSnapshot


def heartbeat(prev: tuple[int, int], *, term: int, sender: int = 2, **more: Any) -> Receive:
    """It names what server 1 acknowledged to its sender in this term."""
    return Receive(AppendEntries(sender, 1, term, prev[0], prev[1], [], 0, 0, heartbeat=True, **more))


def answers(raft: Raft, *events: Any) -> list[AppendEntriesResult]:
    """What server 1 says to its leader."""
    return [one for one in raft.step(events).messages if isinstance(one, AppendEntriesResult)]


@pytest.mark.parametrize("more", [{}, {"commit_only": True}, {"quiesce": True}])
@pytest.mark.parametrize(
    ("log", "words"), [((1, 1), "the log ends at 2 of term 1"), ((1, 1, 1), "here it is of term 1")]
)
def test_a_heartbeat_that_names_what_is_gone_stops_the_server(
    log: tuple[int, ...], words: str, more: dict[str, bool]
) -> None:
    with pytest.raises(EntriesLost, match=words) as caught:
        follower(*log, term=2).step([heartbeat((3, 2), term=2, **more)])
    assert "log entry 3 of term 2 to the leader of term 2" in str(caught.value)


def test_an_older_disk_may_know_an_older_term() -> None:
    with pytest.raises(EntriesLost):
        follower(1, term=1).step([heartbeat((3, 2), term=2)])


def test_what_was_not_acknowledged_may_be_missing() -> None:
    """The leader guesses where the logs meet, and asks whether entries arrived that are on their way: no heartbeats."""
    (answer,) = answers(follower(1, 1, term=2), append((5, 2), term=2))
    assert not answer.success and answer.match_index == 2


def test_what_another_term_acknowledged_may_have_been_replaced() -> None:
    """A heartbeat of the leader before comes late: it is answered as all of an older term are."""
    raft = follower(1, 2, term=2)
    third = Entry(2, 3, EntryKind.NORMAL, b"")
    raft.step([append((1, 1), third, term=3, sender=3), HardStatePersisted(3, 0), EntriesPersisted(2, 3)])
    (answer,) = answers(raft, heartbeat((2, 2), term=2))
    assert not answer.success and answer.term == 3
    assert raft.state.log.term_at(2) == 3


def test_late_and_doubled_heartbeats_name_what_is_still_there() -> None:
    """Also those that left before a restart: what was acknowledged then was durable."""
    news = entries(1, 1, 1)
    raft = follower(term=1)
    raft.step([append((0, 0), *news, term=1), EntriesPersisted(3, 1)])
    late = [heartbeat((index, min(index, 1)), term=1) for index in (3, 0, 2, 3, 1)]
    assert all(one.success and one.match_index == 3 for one in answers(raft, *late))
    restarted = server(news, term=1)
    assert all(one.success for one in answers(restarted, *late))


def test_what_only_memory_had_was_not_acknowledged() -> None:
    """A crash loses entries before their sync; the leader's heartbeats name what came before them."""
    raft = follower(1, term=1)
    assert answers(raft, append((1, 1), Entry(2, 1, EntryKind.NORMAL, b""), term=1)) == []
    (answer,) = answers(follower(1, term=1), heartbeat((1, 1), term=1))
    assert answer.success and answer.match_index == 1


def test_what_a_snapshot_holds_is_there() -> None:
    """Entries below a snapshot are gone, and known: a heartbeat may name them, or the snapshot's last."""
    raft = follower(1, term=2)
    raft.step([Receive(InstallSnapshot(2, 1, 2, 5, 2, Configuration((1, 2, 3))))])
    assert all(one.success for one in answers(raft, heartbeat((5, 2), term=2), heartbeat((1, 1), term=2)))
    raft.step([SnapshotInstalled(5, 2)])
    found = answers(raft, heartbeat((5, 2), term=2), heartbeat((1, 1), term=2), heartbeat((0, 0), term=2))
    assert [one.match_index for one in found] == [5, 5, 5]
