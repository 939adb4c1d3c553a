# SPDX-License-Identifier: Apache-2.0
"""Two PostgreSQL servers under Patroni: the first leader, a switchover, a leader that is killed, and its return."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.e2e.patroni.nodes import PatroniPair

TOLD = [
    "one leads, the other follows it and has: one",
    "the lead was switched over, the other has: one two",
    "the leader was killed, the other leads and has: one two",
    "the killed one is back, follows and has: one two three",
]


def write(pair: PatroniPair, leader: str, word: str) -> str:
    """Write a row where the leader is: what the other has when it has it too."""
    node = pair.nodes[leader]
    node.ask("CREATE TABLE IF NOT EXISTS words (word text)", f"INSERT INTO words VALUES ('{word}')")
    place = node.ask("SELECT pg_current_wal_lsn()")[0]
    other = pair.other(leader)
    while other.ask(f"SELECT pg_last_wal_replay_lsn() >= '{place}'") != ["t"]:
        pass
    return words(pair, other.name)


def words(pair: PatroniPair, name: str) -> str:
    """The rows that a node has."""
    return " ".join(pair.nodes[name].ask("SELECT word FROM words ORDER BY ctid"))


def story(pair: PatroniPair) -> Iterator[str]:
    """What happens, a line at a time. Each change of the lead begins a timeline of PostgreSQL's."""
    for node in pair.nodes.values():
        node.start()
    first = pair.wait_for_leader(1)
    second = pair.other(first).name
    yield f"one leads, the other follows it and has: {write(pair, first, 'one')}"
    pair.nodes[first].control("switchover", "--leader", first, "--candidate", second, "--force")
    assert pair.wait_for_leader(2) == second
    yield f"the lead was switched over, the other has: {write(pair, second, 'two')}"
    pair.nodes[second].kill()
    assert pair.wait_for_leader(3, followers=0) == first
    yield f"the leader was killed, the other leads and has: {words(pair, first)}"
    pair.nodes[second].start()
    assert pair.wait_for_leader(3) == first
    yield f"the killed one is back, follows and has: {write(pair, first, 'three')}"


def told(folder: Path, endpoint: str) -> list[str]:
    """The whole story over the store at ``endpoint``."""
    pair = PatroniPair(folder, endpoint)
    try:
        return list(story(pair))
    except BaseException:
        print(pair.logs())
        raise
    finally:
        pair.close()
