# SPDX-License-Identifier: Apache-2.0
"""Who may speak for which replica, and by which way what is said to one goes out."""

from __future__ import annotations

from tricord.server.replicas.exchange import Exchange
from tricord.wire.peer.replica import encode_head

EDGE = bytes(15) + b"e"


class Way:
    """An edge's stream."""

    def __init__(self) -> None:
        self.has_room = True
        self.sent: list[tuple[int, bytes]] = []
        self.told: list[str] = []

    def send(self, sender: int, data: bytes) -> bool:
        self.sent.append((sender, data))
        return True

    def changed(self) -> None:
        self.told.append("changed")

    def dropped(self) -> None:
        self.told.append("dropped")


class Told:
    """An exchange of member 7, whose replica 1 of keyspace 5 has replicas 2 (member 8) and 3 (an edge) beside it."""

    def __init__(self) -> None:
        self.exchange = Exchange(7)
        self.received: list[tuple[int, int, int, bytes]] = []
        self.reached: list[tuple[int, int]] = []
        self.exchange.received = lambda *said: self.received.append(said)
        self.exchange.reached = lambda *whom: self.reached.append(whom)
        self.exchange.belong(5, {1: 7, 2: 8, 3: EDGE})


def test_a_member_speaks_for_its_own_replicas_alone() -> None:
    told = Told()
    told.exchange.member_said(8, encode_head(5, 2, 1) + b"heard")
    for member, head in (
        (8, encode_head(5, 1, 1)),  # in the name of this member's own
        (8, encode_head(5, 3, 1)),  # of an edge's
        (8, encode_head(5, 9, 1)),  # of one that is not active
        (9, encode_head(5, 2, 1)),  # another member
        (8, encode_head(5, 2, 3)),  # to one that is not here: nobody passes it on
        (8, encode_head(6, 2, 1)),  # in a keyspace that is not known
    ):
        told.exchange.member_said(member, head + b"not heard")
    assert told.received == [(5, 1, 2, b"heard")]
    assert (told.exchange.counts.received, told.exchange.counts.refused) == (1, 6)


def test_a_replica_that_was_retired_is_not_heard_any_more() -> None:
    told = Told()
    told.exchange.belong(5, {1: 7, 3: EDGE, 4: 8})
    told.exchange.member_said(8, encode_head(5, 2, 1) + b"old")
    told.exchange.member_said(8, encode_head(5, 4, 1) + b"new")
    assert told.received == [(5, 1, 4, b"new")]
    told.exchange.forget(5)
    told.exchange.member_said(8, encode_head(5, 4, 1) + b"dropped")
    assert told.exchange.counts.refused == 2


def test_an_edge_is_spoken_to_by_its_stream_while_it_is_connected_here() -> None:
    told, way = Told(), Way()
    exchange = told.exchange
    assert not exchange.can_reach(5, 3) and not exchange.send(5, 1, 3, b"no way")
    exchange.join(5, 3, way)
    assert told.reached == [(5, 3)] and exchange.can_reach(5, 3) and exchange.edges(5) == [3]
    assert exchange.send(5, 1, 3, b"said") and way.sent == [(1, b"said")]
    way.has_room = False
    assert not exchange.can_reach(5, 3) and not exchange.send(5, 1, 3, b"no room")
    newer = Way()
    exchange.join(5, 3, newer)
    exchange.leave(5, 3, way)
    assert exchange.edges(5) == [3], "the older stream's end is not the newer one's"
    exchange.leave(5, 3, newer)
    assert not exchange.can_reach(5, 3)
    assert (exchange.counts.sent, exchange.counts.unsent) == (1, 2)


def test_an_edge_speaks_for_itself_to_this_members_replica() -> None:
    told = Told()
    told.exchange.edge_said(5, EDGE, 3, b"heard")
    told.exchange.edge_said(5, EDGE, 2, b"not heard")
    told.exchange.edge_said(6, EDGE, 3, b"not heard")
    assert told.received == [(5, 1, 3, b"heard")]


def test_a_member_that_is_reached_is_told_for_each_of_its_replicas() -> None:
    told = Told()
    told.exchange.belong(6, {1: 8, 2: 7})
    told.exchange.member_reached(8)
    assert told.reached == [(5, 2), (6, 1)]
