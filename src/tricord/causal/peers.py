# SPDX-License-Identifier: Apache-2.0
"""Who is of the replica set, what each of them durably has, and so what all have."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tricord.base.dots import INCARNATION_MAX, Origin
from tricord.base.encoding import Reader, put_number
from tricord.base.message import message
from tricord.causal.past import FORMAT_VERSION, Past

FRUITLESS_TIMES = 16
FRUITLESS_EACH = 8
"""Who says again and again that nothing came, as it cannot take what it is sent, is sent all of that again at the first
so many such words, then at each eighth one."""


@message
class Have:
    """What a replica tells of itself; others may pass it on. ``epoch``: the change of the replica set that it knows;
    ``fetching``: it takes over a state, after which it has other things; ``bare``: of its own it has none to give;
    ``own``: what it had before, where ``past`` has more by a state of which it has only a part."""

    replica: int
    incarnation: int
    epoch: int
    past: Past
    fetching: bool = False
    bare: bool = False
    own: Past | None = None

    def encode(self) -> bytes:
        """Its bytes."""
        out = bytearray((FORMAT_VERSION, self.fetching | self.bare << 1 | (self.own is not None) << 2))
        for number in (self.replica, self.incarnation, self.epoch):
            put_number(out, number)
        self.past.write(out)
        if self.own is not None:
            self.own.write(out)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes) -> Have:
        """From its bytes. Raises ``MalformedEncoding``."""
        reader = Reader(data)
        reader.version(FORMAT_VERSION)
        flags = reader.number(7)
        replica, incarnation, epoch = reader.number(), reader.number(INCARNATION_MAX), reader.number()
        past = Past.read(reader)
        own = Past.read(reader) if flags & 4 else None
        reader.finish()
        return cls(replica, incarnation, epoch, past, bool(flags & 1), bool(flags & 2), own)


class Peer:
    """Another replica of the set."""

    __slots__ = ("cursor", "fruitless", "have", "held", "lagging", "sent")

    def __init__(self) -> None:
        self.have: Have | None = None
        self.cursor = 0
        """The next row to look at for it."""
        self.held: deque[tuple[int, Origin, int]] = deque()
        """Rows before that which it lacked, and which whoever made them sends it: sequence, origin and last counter."""
        self.lagging = False
        """It lacks what has no rows here any more: it needs a state."""
        self.sent: dict[Origin, int] = {}
        """What went to it and was not in its last word."""
        self.fruitless = 0
        """How many of its words, one after the other, brought nothing new although something was under way."""

    def hear(self, have: Have, *, first_hand: bool = True) -> None:
        """Its newest word. If its own brings nothing new although something is under way, that is sent again, after a
        while less often; and after a start of its own it may have less than before: its disk may be an older one."""
        before = self.have
        self.have = have
        arrived = [origin for origin, counter in self.sent.items() if have.past.has(origin, counter)]
        for origin in arrived:
            del self.sent[origin]
        if before is None or before.incarnation != have.incarnation:
            self.rewind()
        elif before.past != have.past:
            self.fruitless = 0
        elif first_hand and self.sent:
            fruitless = self.fruitless + 1
            if fruitless <= FRUITLESS_TIMES or fruitless % FRUITLESS_EACH == 0:
                self.rewind()
            self.fruitless = fruitless

    def rewind(self) -> None:
        """Begin anew with what it said last."""
        self.cursor = self.fruitless = 0
        self.held.clear()
        self.sent.clear()


class Peers:
    """``epoch`` counts the changes of the set; ``retired`` has for each id that left the epoch of that. ``leaves``: who
    speaks to this replica alone, as the host sees it: they hear of others, and others of them, by this one."""

    __slots__ = ("active", "epoch", "here", "leaves", "peers", "retired")

    def __init__(self, here: int) -> None:
        self.here = here
        self.epoch = 0
        self.active: frozenset[int] = frozenset((here,))
        self.retired: dict[int, int] = {}
        self.leaves: set[int] = set()
        self.peers: dict[int, Peer] = {}

    def change(self, epoch: int, active: Iterable[int], retired: Iterable[int]) -> list[int]:
        """The set as the catalogue says it is. Gives the ids that are retired now; an older word changes nothing."""
        if epoch <= self.epoch:
            return []
        self.epoch = epoch
        self.active = frozenset(active)
        gone = [replica for replica in sorted(retired) if replica not in self.retired]
        assert not self.active & (self.retired.keys() | frozenset(gone)), "the id of a replica is never used again"
        self.retired.update(dict.fromkeys(gone, epoch))
        others = self.active - {self.here}
        self.peers = {replica: self.peers.get(replica) or Peer() for replica in sorted(others)}
        return gone

    def sends_itself(self, maker: int, peer: int) -> bool:
        """Whether what the maker wrote goes to the peer without this replica's doing, while all can reach each other:
        it made it itself, or both speak to others as well."""
        return maker == peer or (maker not in self.leaves and peer not in self.leaves)

    def newest(self, replica: int) -> int:
        """The incarnation in which the replica speaks; 0 where what it says does not count."""
        peer = self.peers.get(replica)
        if peer is None or peer.have is None or peer.have.fetching:
            return 0
        return peer.have.incarnation

    def counter_everywhere(self, origin: Origin, own: int) -> int:
        """How many writes of the origin all active replicas have, where ``own`` are durable here."""
        least = own
        for peer in self.peers.values():
            if peer.have is None:
                return 0
            if not peer.have.past.is_closed(origin):
                least = min(least, peer.have.past.entries.get(origin, 0))
        return least

    def all_stopped_at(self, origin: Origin, counter: int) -> bool:
        """Whether each of the others has exactly so many of the origin. Where one has closed it, that is to be taken
        over, with a look at the sum. Those that take over a state and have less do not count: they get it with that."""
        for peer in self.peers.values():
            if peer.have is None:
                return False
            theirs = self.kept_by(peer.have).entries.get(origin, 0)
            if theirs > counter or (theirs < counter and not peer.have.fetching):
                return False
        return True

    def kept_by(self, have: Have) -> Past:
        """What another one has that nobody may close an id without. What came to it with a part of a state is not of
        that: who gave it may be gone, it can give it to nobody, and nobody has read it there or written on top of it.
        Once it knows who belongs now, the rest of it comes by those only who have that as well."""
        return have.past if have.own is None or have.epoch < self.epoch else have.own

    def all_know(self, epoch: int) -> bool:
        """Whether each of the others has said that it knows that change of the set."""
        return all(peer.have is not None and peer.have.epoch >= epoch for peer in self.peers.values())

    def with_most(self, own: Have) -> int:
        """Where each, this one by its own word too, has said since the set changed last that it takes over a state: who
        may go on with what it has. Of those that have a state of their own it is the first whose writes are not all
        another one's as well. Else 0: somebody may have more, or nobody has a whole state."""
        words = [own]
        for peer in self.peers.values():
            if peer.have is None:
                return 0
            words.append(peer.have)
        if not all(have.fetching and have.epoch >= self.epoch for have in words):
            return 0
        found = [have for have in words if not have.bare]
        most = [have.replica for have in found if not any(_has_more(other.past, have.past) for other in found)]
        return min(most, default=0)


def _has_more(past: Past, other: Past) -> bool:
    return past.includes(other) and not other.includes(past)
