# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.Watch: many watches in one stream.

The handler's coroutine reads what the client asks; what the watches tell is sent by a function that runs when there is
something and the caller takes it. So a stream costs one task, however many watches it has, and what its caller does not
take stays in the member's queue, whose size is bounded.
"""

from __future__ import annotations

import asyncio

from tricord.api.etcd.errors import describe, fail, stream_error
from tricord.api.etcd.required_leader import RequiredLeader
from tricord.api.keyspaces import keyspace_of, open_watch
from tricord.api.malformed import malformed_in_stream
from tricord.base.context import Context
from tricord.base.errors import (
    InvalidRequest,
    KeyspaceNotFound,
    MalformedMessage,
    PermissionDenied,
    Stopping,
    TricordError,
)
from tricord.base.levels import Stamp
from tricord.base.watching import WatchCompacted, WatchEvents, WatchItem, WatchProgress
from tricord.server.engine import Engine
from tricord.wire.etcd.responses import encode_header
from tricord.wire.etcd.watches import (
    FROM_KEY,
    WITH_PREVIOUS,
    WITHOUT_PREVIOUS,
    WatchCancel,
    WatchCreate,
    decode_watch_request,
    encode_canceled,
    encode_compacted,
    encode_created,
    encode_event,
    encode_events,
    encode_fragments,
    encode_progress,
    encode_refused,
    encode_watch_id,
)
from tricord.wire.grpc.service import Method, StreamCall

SERVICE = "/etcdserverpb.Watch/"
TAKE_BYTES = 64 << 10
"""How much is taken from the member's queue and sent at a time."""
MAX_REQUEST_BYTES = 1536 << 10
OVERHEAD_BYTES = 512 << 10
"""What a response may have above the largest request before it is fragmented, as in etcd."""
DUPLICATE = "mvcc: duplicate watch ID provided on the WatchStream"
EMPTY_RANGE = "mvcc: watcher range is empty"


def methods(engine: Engine, max_request_bytes: int = MAX_REQUEST_BYTES) -> list[Method]:
    """The service's methods."""
    required_leader = RequiredLeader(engine)

    async def handle(call: StreamCall) -> None:
        watches = _Call(engine, call, max_request_bytes + OVERHEAD_BYTES)
        required_leader.add(watches)
        try:
            await watches.run()
        finally:
            required_leader.remove(watches)

    return [Method(SERVICE + "Watch", handle, client_streaming=True, server_streaming=True)]


class _Watch:
    """One watch as its client knows it."""

    __slots__ = ("fragment", "id", "id_field", "variant")

    def __init__(self, watch_id: int, create: WatchCreate) -> None:
        self.id = watch_id
        self.id_field = encode_watch_id(watch_id)
        self.variant = WITH_PREVIOUS if create.spec.previous else WITHOUT_PREVIOUS
        self.fragment = create.fragment


class _Call:
    """One stream. Watches have ids, which the client may choose, and the engine's numbers."""

    def __init__(self, engine: Engine, call: StreamCall, fragment_bytes: int) -> None:
        self._engine = engine
        self._call = call
        self._fragment_bytes = fragment_bytes
        self._watches: dict[int, _Watch] = {}
        self._numbers: dict[int, int] = {}
        self._next_id = 0
        self._waits_for_room = False
        self.metadata = call.metadata
        self._keyspace = keyspace_of(call.metadata)
        self.over = False
        self.fail = call.fail

    async def run(self) -> None:
        """Serve until the caller is gone; its last message ends nothing."""
        try:
            self._stream = await open_watch(self._engine, Context(self._keyspace), self._tell)
        except TricordError as error:
            raise stream_error(self._call, error) from None
        try:
            async for data in self._call.messages():
                answer = self._answer(data)
                if answer is not None:
                    await self._call.send(answer)
            await asyncio.get_running_loop().create_future()
        except MalformedMessage as error:
            raise malformed_in_stream(error) from None
        finally:
            self._stream.close()

    # --- what the client asks ---------------------------------------------------------------------------------

    def _answer(self, data: bytes) -> bytes | None:
        request = decode_watch_request(data)
        if isinstance(request, WatchCreate):
            return self._create(request)
        if isinstance(request, WatchCancel):
            number = self._numbers.pop(request.watch_id, None)
            if number is None:
                return None
            self._stream.remove(number)
            self._watches.pop(number, None)
            return encode_canceled(self._engine.stamp(self._keyspace), request.watch_id)
        if request is not None:
            self._stream.ask_progress()
        return None

    def _create(self, create: WatchCreate) -> bytes:
        stamp = self._engine.stamp(self._keyspace)
        refusal = self._refusal(create)
        if refusal:
            return encode_refused(stamp, refusal)
        try:
            number = self._stream.add(create.spec)
        except (Stopping, KeyspaceNotFound) as error:
            raise stream_error(self._call, error) from None
        except (InvalidRequest, PermissionDenied) as error:
            return encode_refused(stamp, _reason(error))
        watch_id = create.watch_id or self._free_id()
        self._watches[number] = _Watch(watch_id, create)
        self._numbers[watch_id] = number
        return encode_created(stamp, watch_id)

    def _refusal(self, create: WatchCreate) -> str:
        spec = create.spec
        if spec.range_end and spec.range_end != FROM_KEY and spec.range_end <= spec.key:
            return EMPTY_RANGE
        return DUPLICATE if create.watch_id and create.watch_id in self._numbers else ""

    def _free_id(self) -> int:
        while self._next_id in self._numbers:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    # --- what the watches tell --------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Send what there is, for as long as the caller takes it; then wait for either."""
        if self._waits_for_room:
            return
        try:
            while items := self._stream.take(TAKE_BYTES):
                messages = self._encode(items)
                if not self._call.post(messages):
                    self._waits_for_room = True
                    self._call.on_room(self._go_on)
                    return
        except TricordError as error:
            fail(self._call, error)

    def _go_on(self) -> None:
        self._waits_for_room = False
        self._tell()

    def _encode(self, items: list[WatchItem]) -> list[bytes]:
        """The answers that tell these. The hot path: about a microsecond an item."""
        messages: list[bytes] = []
        now = self._engine.stamp(self._keyspace)
        watches = self._watches
        revision, header = -1, b""
        for item in items:
            watch = watches.get(item.watch)
            if type(item) is not WatchEvents:
                self._encode_other(item, watch, now, messages)
            elif watch is not None:
                if item.revision != revision:
                    revision, header = item.revision, _header(now, item.revision)
                events = item.events
                if watch.fragment:
                    messages += encode_fragments(header, watch.id_field, events, watch.variant, self._fragment_bytes)
                elif len(events) == 1:
                    encoded = events[0].encoded.get(watch.variant) or encode_event(events[0], watch.variant)
                    messages.append(header + watch.id_field + encoded)
                else:
                    messages.append(encode_events(header, watch.id_field, events, watch.variant))
        return messages

    def _encode_other(self, item: WatchItem, watch: _Watch | None, now: Stamp, messages: list[bytes]) -> None:
        if isinstance(item, WatchProgress) and (watch is not None or item.watch < 0):
            messages.append(encode_progress(_header(now, item.revision), -1 if watch is None else watch.id))
        elif isinstance(item, WatchCompacted) and watch is not None:  # else canceled while its end was on the way
            # Its id stays taken until its client cancels it, as in etcd.
            del self._watches[item.watch]
            unrevised = Stamp(now.cluster, now.member, now.term, 0)
            messages.append(encode_compacted(unrevised, watch.id, item.compacted))


def _header(now: Stamp, revision: int) -> bytes:
    return encode_header(Stamp(now.cluster, now.member, now.term, revision))


def _reason(error: TricordError) -> str:
    """A refusal in etcd's words: of a permission, as its clients' errors are printed."""
    _, text = describe(error)
    return f"rpc error: code = PermissionDenied desc = {text}" if isinstance(error, PermissionDenied) else text
