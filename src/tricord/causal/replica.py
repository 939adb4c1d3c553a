# SPDX-License-Identifier: Apache-2.0
"""One causal keyspace at one replica: ``CausalReplica``. What the host around it has to do is in docs/causal.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tricord.base.dots import PROVISIONAL, Origin, VersionVector
from tricord.base.errors import InvalidRequest, MalformedEncoding, ReplicaCatchingUp, ReplicaRetired
from tricord.base.hybrid_clock import HybridTime
from tricord.base.reachable import reachable
from tricord.causal.closing import rows_to_cut, to_close
from tricord.causal.gathering import Gathering
from tricord.causal.operation import Operation, deltas_of, head_of, may_be_read
from tricord.causal.past import Past
from tricord.causal.peers import Have
from tricord.causal.pending import missing_for
from tricord.causal.results import BATCH_BYTES, Change, Delivered, ToSend
from tricord.causal.sending import Batch
from tricord.causal.taking_over import TakingOver

RETENTION_BYTES = 256 * 1024 * 1024
"""Of the log: who lacks more than that takes over a state."""

__all__ = ["CausalReplica", "Change", "Delivered", "ToSend"]


class CausalReplica(TakingOver):
    """Writes, reads, sessions, delivery, and what others have and lack."""

    def write(self, changes: Sequence[Change], now: int) -> Delivered:
        """One atomic operation on some keys, applied at once. ``now``: the wall clock in milliseconds.

        It is answered, sent, and its result shown to anybody only when the host has logged it (``persisted``). Raises
        what mutators raise, ``KeyTooLarge``, ``ReplicaCatchingUp``, ``InvalidRequest`` and ``RequestTooLarge``: then
        nothing was changed.
        """
        gathering = self.gather(now)
        gathering.add(changes)
        return self.write_gathered(gathering)

    def gather(self, now: int) -> Gathering:
        """An operation that takes in the writes of several requests; ``write_gathered`` is to follow before anything
        else changes here. Raises ``ReplicaCatchingUp``."""
        self._check_open()
        return Gathering(self, now)

    def write_gathered(self, gathering: Gathering) -> Delivered:
        """As ``write``, of what was gathered. Raises nothing."""
        self.clock = gathering.clock
        result = Delivered()
        self._apply(gathering.operation(), gathering.before, gathering.after, result, mine=True)
        return result

    def _check_open(self) -> None:
        if self.fetching:
            raise ReplicaCatchingUp
        if not self.origin[1]:
            raise ReplicaCatchingUp("the replica has not started yet")
        if self.past.is_closed(self.origin):
            raise ReplicaCatchingUp("the replica was retired, or its disk is an older one: it has to come back")

    def covers(self, vector: VersionVector) -> bool:
        """Whether all that a session has seen is here."""
        return not self.fetching and all(
            self._has_for_sessions(origin, counter) for origin, counter in vector.entries.items()
        )

    def wait(self, ticket: int, vector: VersionVector) -> bool:
        """Whether it is; if not, ``ticket`` will be among ``satisfied``, or is forgotten (``tickets.forget``)."""
        if self.fetching:
            self.tickets.hold(ticket, vector)
            return False
        return self.tickets.wait(ticket, vector)

    def token(self) -> VersionVector:
        """What is here, for the token of an answer. Former starts are left out where a later one stands for them."""
        return self._token(self.past)

    def durable_token(self) -> VersionVector:
        """The same of what is durable here."""
        return self._token(self.durable)

    def _token(self, past: Past) -> VersionVector:
        continued = self._continued
        if not continued:
            return past.vector()
        found: dict[Origin, int] = {}
        for origin, counter in past.entries.items():
            until, later = continued.get(origin, (0, origin))
            if counter > until or not past.has(later, 1):
                found[origin] = counter
        return VersionVector(found)

    def lacks(self, data: bytes) -> bool:
        """Whether the bytes of an operation, which may be anybody's, are worth decoding: not those of one that is here.
        Cost: 1 us; decoding costs 10."""
        if not may_be_read(data):
            return True
        head = head_of(data)
        return not self.past.has(head.origin, head.last)

    def receive(self, sender: int, operations: Iterable[Operation], now: int) -> Delivered:
        """Operations that came from a peer, its own or others'. Raises ``ReplicaRetired`` for a sender that is not of
        the set. Cost of one that is delivered at once: 15 us."""
        if sender not in self.peers.active:
            raise ReplicaRetired(f"replica {sender} is not, or no longer, one of the keyspace's")
        result = Delivered()
        if not self.takes_operations:
            result.full = True
            return result
        newest = HybridTime(0)
        for operation in operations:
            if not operation.origin[0]:
                result.refused.append((operation, MalformedEncoding("an origin without an id")))
            elif not self.past.has(operation.origin, operation.last) and self._take(operation, result):
                newest = max(newest, operation.stamp)
        if newest:
            observed = self.clock.observe(newest, now)
            self.clock, result.ahead = observed.clock, observed.ahead
        if self.fetching:
            self._end_fetch(result)
        elif result.operations:
            origins = list(dict.fromkeys(operation.origin for operation in result.operations))
            result.satisfied = self.tickets.satisfied(origins)
        return result

    def _take(self, operation: Operation, result: Delivered) -> bool:
        """Whether it can be taken in, now or when what it needs has come."""
        try:
            if self._is_next(operation) and missing_for(operation, self.past) is None:
                self._deliver(operation, result)
            else:
                deltas_of(operation)  # what cannot be read is refused now, not when its turn comes
                self._keep_waiting(operation, result)
                return True
        except InvalidRequest as error:  # what else is wrong, is wrong here
            result.refused.append((operation, error))
            return False
        if self.pending.origins:
            for waiting in self.pending.ready(operation.origin, self.past):
                self._deliver(waiting, result)
        return True

    def _keep_waiting(self, operation: Operation, result: Delivered) -> None:
        reachable("an operation came before what it needs")
        if self.pending.add(operation):
            self.pending.wait_for(operation, self.past)
        else:
            reachable("an operation found no room to wait")
            result.full = True

    def change_set(self, epoch: int, active: Iterable[int], retired: Iterable[int]) -> None:
        """The replica set after the ``epoch``-th change of the catalogue: ``retired`` has all ids that ever left."""
        before = self.peers.epoch
        gone = self.peers.change(epoch, active, retired)
        if gone:
            if self.persisted_to >= self._gone_at:
                self._told_before = before
            self._gone_at = self.sequence
        for replica in gone:
            for origin in [origin for origin in self.pending.origins if origin[0] == replica]:
                self.pending.forget(origin)

    @property
    def is_retired(self) -> bool:
        """Whether the others take nothing from this id any more: come back under a new one."""
        return self.replica in self.peers.retired

    def have(self) -> Have:
        """What to tell the others, again and again: what is durable here. Of a change that retired somebody it says
        that it is known only when all is durable that was taken from that one before: nothing more comes of it then."""
        epoch = self.peers.epoch if self.persisted_to >= self._gone_at else self._told_before
        own = None if self._own is None else self._but_former(self._own)
        return Have(
            self.replica, self.origin[1], epoch, self._but_former(self.durable), self.fetching, self._is_bare, own
        )

    def _but_former(self, past: Past) -> Past:
        """Former ids are not told of until they are closed, and what nobody has of them got new names."""
        entries = {origin: counter for origin, counter in past.entries.items() if origin[0] not in self._former}
        return Past(entries, dict(past.closed))

    @property
    def may_end_fetch(self) -> bool:
        """Whether all take over a state and nobody is left who could give a better one than this replica has."""
        if not self.fetching or not self.origin[1] or self.outdated or self.past.is_closed(self.origin):
            return False
        if self.replica not in self.peers.active or not self.peers.epoch:
            return False
        return self.peers.with_most(self.have()) == self.replica

    def end_fetch(self) -> Delivered:
        """Open with what is here, where ``may_end_fetch`` said so; the others take it over. What was written under a
        former id is told and sent under it now: nobody has closed that."""
        assert self.may_end_fetch, "somebody else may have more"
        reachable("a replica ended its fetch alone, as all were fetching")
        result = Delivered()
        self._former.clear()
        self._open(result)
        return result

    def heard(self, have: Have, *, first_hand: bool = True) -> int:
        """What a replica told of itself; second hand the same word may come often. Gives 0, or its newest incarnation
        where this is of an older one: if it is connected, it has to be told (``outdated_by``)."""
        self._look_for_myself(have.past)
        peer = self.peers.peers.get(have.replica)
        if peer is None:
            return 0
        known = peer.have
        if known is not None and have.incarnation < known.incarnation:
            return known.incarnation
        if known is not None and have.incarnation == known.incarnation and not have.past.includes(known.past):
            return 0  # an older word, that came late
        peer.hear(have, first_hand=first_hand)
        peer.lagging = not have.past.includes(self.base.past)
        self._adopt(have.past)
        return 0

    def _look_for_myself(self, past: Past) -> None:
        closed = past.closed.get(self.replica)
        if closed is not None and self.origin[1] and closed.incarnation >= self.origin[1]:
            reachable("a replica found its incarnation closed")
            self.outdated_by(closed.incarnation + 1 if closed.incarnation == self.origin[1] else closed.incarnation)
        for origin in past.entries:
            if origin[0] == self.replica:
                self.outdated_by(origin[1])

    def _adopt(self, other: Past) -> None:
        """Close what another one has closed, where all of it is here."""
        for replica, closed in other.closed.items():
            mine = self.past.closed.get(replica)
            if mine is not None and mine.incarnation >= closed.incarnation:
                continue
            if (
                self.past.total_to(replica, closed.incarnation)
                == closed.total
                == self.durable.total_to(replica, closed.incarnation)
            ):
                self._close(replica, closed.incarnation)

    def to_send(self, peer: int, bytes_max: int = BATCH_BYTES, *, relay_to: int | None = None) -> ToSend:
        """What a peer lacks, in order, at least one operation if there is any. It goes on where it was, and begins
        anew where the peer's next word brings nothing new.

        ``relay_to``: what others made is held back if its sequence is above that, unless it has no other way
        (``peers.leaves``): whoever made it sends it, and until that sequence is given the peer can say that it has it.
        None: nothing is held back."""
        found = self.peers.peers.get(peer)
        if found is None or found.have is None or self.is_retired or not self.replica:
            return ToSend([])
        if found.lagging and not self._mixed_now:
            return ToSend([], lagging=True)
        to = self.persisted_to
        batch = Batch(self.log, self.peers, peer, bytes_max)
        if batch.take_held(to if relay_to is None else relay_to):
            batch.take_rows(to, to if relay_to is None else relay_to, self._former, self._own)
        return ToSend(batch.operations, more=batch.is_full)

    @property
    def unsent(self) -> int:
        """How many writes of this replica may be nowhere else, as far as others told; of those that it made under an id
        that was retired it knows nothing until it has a state of another one."""
        words = [peer.have.past for peer in self.peers.peers.values() if peer.have is not None]
        count = 0
        for origin, counter in self.past.entries.items():
            if origin[0] in (self.replica, PROVISIONAL):
                known = (counter if past.is_closed(origin) else past.entries.get(origin, 0) for past in words)
                count += max(0, counter - max(known, default=0))
        return count

    def rewind(self, peer: int) -> None:
        """Begin anew with what the peer said last: its connection is new."""
        found = self.peers.peers.get(peer)
        if found is not None:
            found.rewind()

    def cut(self, retention: int = RETENTION_BYTES) -> int:
        """Drop rows that all active replicas have, and the oldest beyond ``retention`` bytes; close incarnations that
        are over. Called now and then; drops 1,000 rows at most and gives how many. Nothing is known to be everywhere
        by one that was not told yet who belongs."""
        if self.fetching or self.is_retired or self.outdated or not self.peers.epoch:
            return 0  # that others closed this id says nothing of what this log has of it
        rows, stable = rows_to_cut(self.log, self.durable, self.persisted_to, self.peers, retention)
        past = self.base.past
        owed = set(self.base.owed) if not stable else set[Origin]()
        for row in rows:
            if not past.is_closed(row.origin):
                past.entries[row.origin] = max(row.last, past.entries.get(row.origin, 0))
        if not stable:
            reachable("the log was cut before all had what it said")
            owed |= past.entries.keys()
        elif self.base.owed:
            owed = {origin for origin in self.base.owed if not self._is_everywhere(origin)}
        writes = [self.log.drop_write(row) for row in rows]
        closing = to_close(self.past, self.durable, self.peers, self.origin[1])
        if rows:
            self.base = self._base(past, frozenset(owed))
            self.store.write([*writes, self.log.base_write(self.base)])
            for peer in self.peers.peers.values():
                peer.lagging = peer.have is None or not peer.have.past.includes(past)
        for replica, incarnation in closing:
            self._close(replica, incarnation)
        return len(rows)

    def _is_everywhere(self, origin: Origin) -> bool:
        counter = self.base.past.entries.get(origin, 0)
        return self.peers.counter_everywhere(origin, self.durable.entries.get(origin, 0)) >= counter
