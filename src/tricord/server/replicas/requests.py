# SPDX-License-Identifier: Apache-2.0
"""Requests about causal and eventual keyspaces, in members and in edges: checked, carried out by the replica that is
here, and answered with its stamp. etcd's requests are carried out as far as the keyspace's model has them.

Reads show one moment, and are answered once all of that is durable here. A token makes reads and writes wait until all
that it has seen is here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from tricord.auth.authorise import authorise
from tricord.base.changes import Overwrite, PutLast, Remove
from tricord.base.context import Context
from tricord.base.environment import Environment
from tricord.base.errors import (
    DeadlineExceeded,
    KeyspaceNotFound,
    OutcomeUnknown,
    ReplicaCatchingUp,
    RequestTooLarge,
    Stopping,
    TooManyRequests,
    TricordError,
)
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.levels import Level, Stamp
from tricord.base.metrics import Metrics
from tricord.base.operations import (
    DeleteRange,
    DeleteRangeResult,
    KeyValue,
    Put,
    PutResult,
    Range,
    RangeResult,
    Request,
    Result,
)
from tricord.base.replica_sets import ReplicaHere
from tricord.base.token import Token
from tricord.base.typed import Fetch, FetchResult, KeyChange, TypedStream, Update, UpdateResult
from tricord.base.values import DataType
from tricord.base.watching import WatchStream
from tricord.crdt.cell import Cell
from tricord.server.engine import Outcome, Reply
from tricord.server.local_reads import MARGIN_SECONDS
from tricord.server.replicas.asked import check_asked, level_served
from tricord.server.replicas.etcd_stream import EtcdWatchStream
from tricord.server.replicas.keyspace_replica import KeyspaceReplica
from tricord.server.replicas.open_keyspace import OpenKeyspace
from tricord.server.replicas.ranges import fetch_range, looked_at, read_range, removed
from tricord.server.replicas.shown_keys import beside
from tricord.server.replicas.typed_stream import TypedWatchStream
from tricord.server.tickets import Tickets, Waiting

REQUEST_SECONDS_MAX = 7.0
"""How long a request without a deadline of its own may wait."""
OPENING_SECONDS = 6.0
"""So long a request waits for a replica that is being opened, or new and waits for another one's word (five seconds at
most): that of a new keyspace is both."""
LOOK_AGAIN_SECONDS = 0.02
DOT_BYTES = 24
"""What a removal says of each value that it takes away."""
_READS: frozenset[type[Request]] = frozenset({Range, Fetch})
_ANY = Level.ANY

Find: TypeAlias = Callable[[KeyspaceRecord], KeyspaceReplica]
Answer: TypeAlias = Callable[[UpdateResult], Result]


def not_here(record: KeyspaceRecord) -> KeyspaceReplica:
    """Until replicas are opened."""
    raise ReplicaCatchingUp(f"the replica of keyspace {record.name!r} is not open yet")


class ReplicaRequests:
    """``find`` gives the replica of a keyspace that is here; it raises ReplicaCatchingUp while that is being opened.
    ``term``: what stamps say of that."""

    def __init__(
        self,
        environment: Environment,
        metrics: Metrics,
        *,
        find: Find = not_here,
        cluster: int,
        member: int,
        history: int,
        term: Callable[[], int],
        report: Callable[[BaseException, str], None],
        waiting_max: int,
        request_bytes_max: int,
        progress_seconds: float,
    ) -> None:
        self._environment = environment
        self._clock = environment.clock
        self._metrics = metrics
        self.find = find
        self._cluster = cluster
        self._member = member
        self._history = history
        self._term = term
        self._report = report
        self._waiting_max = waiting_max
        self._request_bytes_max = request_bytes_max
        self._progress_seconds = progress_seconds
        self._tickets = Tickets()
        self._spaces: dict[int, OpenKeyspace] = {}
        self._known: tuple[bytes, Token | None] = (b"", None)
        self._last = Stamp(cluster, member, 0, 0)
        self._stopped = False

    @property
    def waiting(self) -> int:
        """Requests between call and reply."""
        return len(self._tickets)

    # --- what doors call, by way of the engine ------------------------------------------------------------------

    def call(self, record: KeyspaceRecord, request: Request, context: Context, reply: Reply) -> None:
        """See ``Engine.call``."""
        try:
            self._call(record, request, context, reply)
        except TricordError as error:
            reply(error, self.stamp(record))

    def read_now(self, record: KeyspaceRecord, request: Request, context: Context) -> tuple[Result, Stamp] | None:
        """The answer of a read that waits for nothing; None: ``call`` for it. Raises TricordError.

        Cost: 2 us for a key that was read lately, 8 us for another.
        """
        space = self._spaces.get(record.id)
        if space is None or type(request) not in _READS or self._stopped:
            return None
        replica = space.replica
        if not replica.is_durable or (type(request) is Fetch and request.replicas > 1):
            return None
        replica.check_open()
        level = level_served(record, context)
        check_asked(record, request, self._request_bytes_max)
        authorise(context, request)
        if context.token and not self._has_seen(space, context, level):
            return None
        self._metrics.ranges += 1
        if type(request) is Range:
            result, siblings = read_range(replica, space.keys, request)
            return result, self._stamp_at(space, replica.sequence, level, siblings, token=context.token)
        fetched, siblings = self._fetched(space, cast(Fetch, request))
        return fetched, self._stamp_at(space, replica.sequence, level, siblings, token=context.token)

    def stamp(self, record: KeyspaceRecord) -> Stamp:
        """What an answer given now would say; without a token where the replica is not here."""
        space = self._spaces.get(record.id)
        if space is not None:
            return self._stamp_at(space, space.replica.sequence, space.level, 0)
        return Stamp(self._cluster, self._member, self._term(), 0, Level.ANY, None)

    def describe(self, record: KeyspaceRecord) -> ReplicaHere | None:
        """How the replica is; None where there is none."""
        space = self._spaces.get(record.id)
        if space is None:
            return None
        status = space.replica.status()
        figures = status.sequence, status.keys, status.bytes, status.unsent
        return ReplicaHere(status.replica, status.is_open, *figures, dict(status.agreement_seconds))

    def open_watch(self, record: KeyspaceRecord, context: Context, wake: Callable[[], None]) -> WatchStream:
        """See ``Engine.open_watch``."""
        space = self._open(record)
        return EtcdWatchStream(self._environment, space.hub, context, wake, self._progress_seconds)

    def open_typed_watch(self, record: KeyspaceRecord, context: Context, wake: Callable[[], None]) -> TypedStream:
        """See ``Engine.open_typed_watch``."""
        space = self._open(record)
        token = self._token(context.token) if context.token else None
        seen = token.keyspaces.get(record.id) if token is not None and space.is_causal else None
        space.replica.check_open()
        return TypedWatchStream(self._environment, space.hub, context, wake, seen)

    # --- what happens around ------------------------------------------------------------------------------------

    def opened(self, replica: KeyspaceReplica) -> None:
        """A replica is there, or is there again under another number."""
        space = self._spaces.get(replica.record.id)
        if space is None:
            self._spaces[replica.record.id] = OpenKeyspace(self._environment, replica.record, replica, self._report)
        elif space.replica is not replica:
            space.attach(replica)

    def placed(self, former: int, replica: KeyspaceReplica, *, cluster: int, history: int) -> None:
        """As ``opened``, at an edge: what had the id ``former`` here may be known by another one since, as of that
        cluster."""
        record = replica.record
        self._cluster, self._history = cluster, history
        self._known, self._last = (b"", None), Stamp(cluster, self._member, 0, 0)
        space = self._spaces.pop(former, None)
        if space is not None:
            space.record = record
            self._spaces[record.id] = space
        for waiting in self._tickets.waiting.values():
            if waiting.keyspace == former:
                waiting.keyspace = record.id
        self.opened(replica)

    def dropped(self, keyspace: int) -> None:
        """A keyspace is no more: answer who waits in it, and end its watches."""
        space = self._spaces.pop(keyspace, None)
        for ticket, waiting in list(self._tickets.waiting.items()):
            if waiting.keyspace == keyspace:
                self._tickets.take(ticket)
                name = waiting.context.keyspace
                self._answer(waiting, KeyspaceNotFound(f"keyspace {name!r} was dropped"), self._no_stamp())
        if space is not None:
            space.hub.end(KeyspaceNotFound(f"keyspace {space.record.name!r} was dropped"))

    def expire(self) -> None:
        """Answer what waited past its deadline. Called at times."""
        for _, waiting in self._tickets.take_overdue(self._clock.monotonic()):
            self._answer(waiting, OutcomeUnknown() if waiting.is_write else DeadlineExceeded(), self._no_stamp())

    def stop(self) -> None:
        """Take no new request, answer those that wait, end all watches."""
        self._stopped = True
        for _, waiting in self._tickets.take_overdue(float("inf")):
            self._answer(waiting, OutcomeUnknown() if waiting.is_write else Stopping(), self._no_stamp())
        self.end_watches()

    def end_watches(self) -> None:
        """Before a stop: they would never finish."""
        for space in self._spaces.values():
            space.hub.end(Stopping())

    # --- inner --------------------------------------------------------------------------------------------------

    def _open(self, record: KeyspaceRecord) -> OpenKeyspace:
        if self._stopped:
            raise Stopping
        replica = self.find(record)
        space = self._spaces.get(replica.record.id)
        if space is None or space.replica is not replica:
            self.opened(replica)
            space = self._spaces[replica.record.id]
        return space

    def _call(self, record: KeyspaceRecord, request: Request, context: Context, reply: Reply) -> None:
        check_asked(record, request, self._request_bytes_max)
        authorise(context, request)
        self._count(type(request))
        level = level_served(record, context) if type(request) in _READS else None
        now = self._clock.monotonic()
        deadline = now + REQUEST_SECONDS_MAX if context.deadline is None else context.deadline
        waiting = Waiting(request, context, reply, record.id, deadline, False)
        # A little before the caller gives up, so that the answer says why.
        patience = deadline - min(MARGIN_SECONDS, (deadline - now) / 10)
        self._find_open(record, waiting, level, patience, min(patience, now + OPENING_SECONDS))

    def _find_open(
        self, record: KeyspaceRecord, waiting: Waiting, level: Level | None, patience: float, until: float
    ) -> None:
        """Go on when the replica is open, or say soon that it is not: others may be."""
        try:
            space = self._open(record)
            space.replica.check_open()
        except ReplicaCatchingUp:
            if self._clock.monotonic() >= until:
                raise
            ticket = self._wait(waiting)
            self._environment.tasks.call_later(
                LOOK_AGAIN_SECONDS, lambda: self._look_again(ticket, record, level, patience, until)
            )
            return
        self._look_at_token(space, waiting, level, patience)

    def _look_again(
        self, ticket: int, record: KeyspaceRecord, level: Level | None, patience: float, until: float
    ) -> None:
        waiting = self._tickets.take(ticket)
        if waiting is None or waiting.context.cancelled:
            return
        try:
            self._find_open(record, waiting, level, patience, until)
        except TricordError as error:
            self._answer(waiting, error, self.stamp(record))

    def _look_at_token(self, space: OpenKeyspace, waiting: Waiting, level: Level | None, patience: float) -> None:
        context, record = waiting.context, space.record
        if context.token and not self._has_seen(space, context, level):
            token = self._token(context.token)
            ticket = self._wait(waiting)
            space.replica.wait_for(
                token.keyspaces[record.id], patience, lambda error: self._seen(ticket, record, level, patience, error)
            )
            return
        self._begin(space, waiting, level, patience)

    def _count(self, kind: type[Request]) -> None:
        if kind in _READS:
            self._metrics.ranges += 1
        elif kind is DeleteRange:
            self._metrics.deletes += 1
        else:
            self._metrics.puts += 1

    def _token(self, encoded: bytes) -> Token:
        """What it says. Raises InvalidToken."""
        known, token = self._known
        if known != encoded or token is None:
            token = Token.decode(encoded)
            token.check(self._cluster, self._history)
            self._known = (encoded, token)
        return token

    def _has_seen(self, space: OpenKeyspace, context: Context, level: Level | None) -> bool:
        """Whether all is here that the token has seen of this keyspace, or need not be."""
        vector = self._token(context.token).keyspaces.get(space.record.id)
        return vector is None or not space.is_causal or level is _ANY or space.replica.covers(vector)

    def _seen(
        self, ticket: int, record: KeyspaceRecord, level: Level | None, patience: float, error: TricordError | None
    ) -> None:
        """What the token had seen is here, or did not come in time."""
        waiting = self._tickets.take(ticket)
        if waiting is None or waiting.context.cancelled:
            return
        try:
            if error is not None:
                raise error
            space = self._open(record)
            space.replica.check_open()
            self._begin(space, waiting, level, patience)
        except TricordError as refused:
            self._answer(waiting, refused, self.stamp(record))

    def _begin(self, space: OpenKeyspace, waiting: Waiting, level: Level | None, patience: float) -> None:
        request = waiting.request
        if level is not None:
            if type(request) is Fetch and request.replicas > 1:
                self._fetch_from_several(space, waiting, level, patience)
            else:
                self._read(space, waiting, level)
            return
        waiting.is_write = True
        if type(request) is Update:
            self._update(space, waiting, request, patience, lambda result: result)
        elif type(request) is Put:
            self._put(space, waiting, request, patience)
        else:
            self._delete(space, waiting, cast(DeleteRange, request), patience)

    # --- reads --------------------------------------------------------------------------------------------------

    def _read(self, space: OpenKeyspace, waiting: Waiting, level: Level) -> None:
        result: RangeResult | FetchResult
        if type(waiting.request) is Range:
            result, siblings = read_range(space.replica, space.keys, waiting.request)
        else:
            result, siblings = self._fetched(space, cast(Fetch, waiting.request))
        self._when_durable(space, waiting, result, level, siblings)

    def _fetched(self, space: OpenKeyspace, request: Fetch) -> tuple[FetchResult, int]:
        replica = space.replica
        if request.range_end:
            keys, more = fetch_range(replica, space.keys, request)
        else:
            keys, more = [space.keys.get_typed(request.key)], False
        return FetchResult(replica.sequence, keys, more), sum(
            beside(key.value) for key in keys if key.value is not None
        )

    def _when_durable(
        self, space: OpenKeyspace, waiting: Waiting, result: Result, level: Level, siblings: int = 0
    ) -> None:
        """Answer once all that is shown is durable."""
        sequence, token = space.replica.sequence, waiting.context.token
        if space.replica.is_durable:
            self._answer(waiting, result, self._stamp_at(space, sequence, level, siblings, token=token))
            return
        ticket = self._wait(waiting)

        def ready(error: TricordError | None) -> None:
            found = self._tickets.take(ticket)
            if found is not None and not found.context.cancelled:
                outcome: Outcome = result if error is None else error
                self._answer(found, outcome, self._stamp_at(space, sequence, level, siblings, token=token))

        space.replica.when_durable(ready)

    def _fetch_from_several(self, space: OpenKeyspace, waiting: Waiting, level: Level, patience: float) -> None:
        request = cast(Fetch, waiting.request)
        ticket = self._wait(waiting)

        def read(cells: list[Cell] | TricordError) -> None:
            found = self._tickets.take(ticket)
            if found is None:
                return
            outcome: Outcome
            siblings = 0
            try:
                if isinstance(cells, TricordError):
                    raise cells
                typed = space.keys.typed_of(request.key, cells[0])
                siblings = 0 if typed.value is None else beside(typed.value)
                outcome = FetchResult(space.replica.sequence, [typed])
            except TricordError as error:
                outcome = error
            self._answer(found, outcome, self._stamp_at(space, space.replica.sequence, level, siblings))

        space.replica.read([request.key], request.replicas, patience, read)

    # --- writes -------------------------------------------------------------------------------------------------

    def _update(self, space: OpenKeyspace, waiting: Waiting, update: Update, patience: float, answer: Answer) -> None:
        ticket = self._wait(waiting)

        def done(outcome: UpdateResult | TricordError) -> None:
            found = self._tickets.take(ticket)
            if found is None:
                return
            if isinstance(outcome, TricordError):
                self._answer(found, outcome, self._stamp_at(space, space.replica.sequence, space.level, 0))
            else:
                self._answer(found, answer(outcome), self._stamp_at(space, outcome.sequence, space.level, 0))

        space.replica.update(update, patience, done)

    def _put(self, space: OpenKeyspace, waiting: Waiting, request: Put, patience: float) -> None:
        if request.previous:
            space.replica.settle()
        previous = space.keys.get(request.key).record if request.previous else None
        is_last = space.record.type is DataType.LAST_WRITER
        change = PutLast(request.value) if is_last else Overwrite(request.value)
        update = Update([KeyChange(request.key, change)])
        self._update(space, waiting, update, patience, lambda _: PutResult(previous))
        if request.previous:
            space.replica.settle()

    def _delete(self, space: OpenKeyspace, waiting: Waiting, request: DeleteRange, patience: float) -> None:
        """Of a causal keyspace all keys at once; of an eventual one each by itself."""
        space.replica.settle()
        records: list[KeyValue] = []
        size = 0
        for key, cell in self._cells(space, request):
            if (record := removed(space.keys, key, cell, request)) is not None:
                records.append(record)
                size += len(key) + DOT_BYTES * (1 + sum(map(len, cell.values())))
        if size > self._request_bytes_max:
            raise RequestTooLarge(f"one deletion of {len(records)} keys is too large: delete narrower ranges")
        result = DeleteRangeResult(len(records), records if request.previous else [])
        changes = [KeyChange(record.key, Remove()) for record in records]
        if not changes:
            waiting.is_write = False
            self._when_durable(space, waiting, result, space.level)
        elif space.is_causal or len(changes) == 1:
            self._update(space, waiting, Update(changes), patience, lambda _: result)
            space.replica.settle()
        else:
            self._delete_each(space, waiting, changes, patience, result)

    def _cells(self, space: OpenKeyspace, request: DeleteRange) -> list[tuple[bytes, Cell]]:
        if not request.range_end:
            return [(request.key, space.replica.cell(request.key))]
        return list(looked_at(space.replica, request.key, request.range_end))

    def _delete_each(
        self,
        space: OpenKeyspace,
        waiting: Waiting,
        changes: list[KeyChange],
        patience: float,
        result: DeleteRangeResult,
    ) -> None:
        ticket = self._wait(waiting)
        left = len(changes)

        def done(outcome: UpdateResult | TricordError) -> None:
            nonlocal left
            left -= 1
            if left and not isinstance(outcome, TricordError):
                return
            found = self._tickets.take(ticket)
            if found is not None:
                told: Outcome = outcome if isinstance(outcome, TricordError) else result
                self._answer(found, told, self._stamp_at(space, space.replica.sequence, space.level, 0))

        for change in changes:
            space.replica.update(Update([change]), patience, done)

    # --- answers ------------------------------------------------------------------------------------------------

    def _wait(self, waiting: Waiting) -> int:
        if len(self._tickets) >= self._waiting_max:
            raise TooManyRequests(f"too many requests: {self._waiting_max} are waiting already")
        return self._tickets.add(waiting)

    def _answer(self, waiting: Waiting, outcome: Outcome, stamp: Stamp) -> None:
        """A door that fails to pass on an answer is a bug of that door, and no reason to stop the member."""
        try:
            waiting.reply(outcome, stamp)
        except Exception as error:
            self._report(error, "reply")

    def _no_stamp(self) -> Stamp:
        return Stamp(self._cluster, self._member, self._term(), 0, _ANY, None)

    def _stamp_at(
        self, space: OpenKeyspace, sequence: int, level: Level, siblings: int, *, token: bytes = b""
    ) -> Stamp:
        # What the token has seen may not be here at level any: a token that said less would take its place.
        vectors = None if level is _ANY and token else space.vectors(sequence)
        # All answers between two changes say the same.
        last, term = self._last, self._term()
        if (
            last.revision == sequence
            and last.level is level
            and last.vectors is vectors
            and last.term == term
            and last.siblings == siblings
        ):
            return last
        self._last = Stamp(
            self._cluster, self._member, term, sequence, level, None, self._history, 0, vectors, siblings
        )
        return self._last
