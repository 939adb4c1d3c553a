# SPDX-License-Identifier: Apache-2.0
"""The caller over a network: etcd's gRPC to tricord or to etcd, to whichever endpoint answers.

It tries again only what is safe: reads, and writes that surely were not begun (gRPC, "transparent retries"). A write
that was sent and not answered is OutcomeUnknown, at once: only its author can tell whether repeating it is harmless.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from tricord.base.dots import VersionVector
from tricord.base.environment import Environment
from tricord.base.errors import (
    BoundNotMet,
    DeadlineExceeded,
    InvalidRequest,
    MembershipRefused,
    NoLeader,
    OutcomeUnknown,
    ServerFault,
    TokenAhead,
    TricordError,
    Unavailable,
    Unimplemented,
)
from tricord.base.keyspaces import (
    DEFAULT_RECORD,
    OWN_LEVEL,
    KeyspaceCreate,
    KeyspaceDrop,
    KeyspaceList,
    KeyspaceRecord,
    Model,
    check_backup_of,
)
from tricord.base.leases import LeaseGrant, LeaseKeepAlive, LeaseList, LeaseRevoke, LeaseTimeToLive
from tricord.base.levels import Level, ReadLevel, Stamp
from tricord.base.members import MemberRecord, MemberStatus
from tricord.base.operations import Compact, DeleteRange, Put, Range, Request, Result, Txn, is_read
from tricord.base.reachable import reachable
from tricord.base.replica_sets import KeyspaceDescribe, ReplicaRetire
from tricord.base.token import Token
from tricord.base.typed import Fetch, TypedWatch, Update
from tricord.base.watching import WatchSpec, check_needs_no_past
from tricord.client.asking import Asking
from tricord.client.caller import Caller
from tricord.client.changes import AddMember, EndpointStatus, MemberChange, MoveLeader
from tricord.client.channel import Channel, Dial, MessageStream
from tricord.client.connector import Connector
from tricord.client.endpoints import Endpoint
from tricord.client.feed import Feed, TypedFeed
from tricord.client.options import Options
from tricord.client.refusals import judge
from tricord.client.session import Session
from tricord.transport.client_connection import CallBroken
from tricord.wire.etcd import leases, requests, responses
from tricord.wire.grpc.metadata import encode_metadata
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2.header_validation import Field
from tricord.wire.native import keyspaces, replica_sets, values
from tricord.wire.native.levels import TOKEN

if TYPE_CHECKING:
    from tricord.client.remote_feed import RemoteFeed
    from tricord.client.remote_typed_feed import RemoteTypedFeed

_NONE = Stamp(0, 0, 0, 0)
"""Answers about the catalogue have no stamp."""

_METHODS: dict[type, tuple[str, Callable[[bytes, Level], tuple[Any, Stamp]]]] = {
    Range: ("/etcdserverpb.KV/Range", responses.decode_range_response),
    Put: ("/etcdserverpb.KV/Put", responses.decode_put_response),
    DeleteRange: ("/etcdserverpb.KV/DeleteRange", responses.decode_delete_range_response),
    Txn: ("/etcdserverpb.KV/Txn", responses.decode_txn_response),
    Compact: ("/etcdserverpb.KV/Compact", responses.decode_compact_response),
    LeaseGrant: ("/etcdserverpb.Lease/LeaseGrant", leases.decode_grant_response),
    LeaseRevoke: ("/etcdserverpb.Lease/LeaseRevoke", leases.decode_revoke_response),
    # A stream of one message there and one back goes as any other call, and to the next member as any other.
    LeaseKeepAlive: ("/etcdserverpb.Lease/LeaseKeepAlive", leases.decode_keep_alive_response),
    LeaseTimeToLive: ("/etcdserverpb.Lease/LeaseTimeToLive", leases.decode_time_to_live_response),
    LeaseList: ("/etcdserverpb.Lease/LeaseLeases", leases.decode_list_response),
    KeyspaceCreate: ("/tricord.v1.Keyspaces/Create", lambda data, _: (keyspaces.decode_create_response(data), _NONE)),
    KeyspaceDrop: ("/tricord.v1.Keyspaces/Drop", lambda data, _: (keyspaces.decode_drop_response(data), _NONE)),
    KeyspaceList: ("/tricord.v1.Keyspaces/List", lambda data, _: (keyspaces.decode_list_response(data), _NONE)),
    KeyspaceDescribe: (
        "/tricord.v1.Keyspaces/Describe",
        lambda data, _: (replica_sets.decode_describe_response(data), _NONE),
    ),
    Update: ("/tricord.v1.Values/Update", values.decode_update_response),
    Fetch: ("/tricord.v1.Values/Fetch", values.decode_fetch_response),
    ReplicaRetire: ("/tricord.v1.Keyspaces/Retire", lambda data, _: (replica_sets.decode_retire_response(data), _NONE)),
}
_HARMLESS = (LeaseKeepAlive, LeaseTimeToLive, LeaseList, KeyspaceList, KeyspaceDescribe, ReplicaRetire)

SILENT_SECONDS = 0.5
"""An endpoint that left a call of so much patience unanswered is not asked next, if there is another."""


class RemoteCaller:
    """See ``client.caller``. ``closing`` runs last, when the client is closed."""

    def __init__(
        self,
        environment: Environment,
        endpoints: list[Endpoint],
        dial: Dial,
        options: Options,
        closing: Callable[[], None] | None = None,
    ) -> None:
        self._clock = environment.clock
        self._random = environment.random
        self._environment = environment
        self._dial = dial
        self._endpoints = endpoints
        self._endpoint_count = len(endpoints)
        self._connector = Connector(environment, endpoints, dial, options.dial_timeout)
        self._options = options
        self._closing = closing
        self._feeds: WeakSet[RemoteFeed | RemoteTypedFeed] = WeakSet()
        self._keyspace = ""
        self._record = DEFAULT_RECORD
        self._base: RemoteCaller | None = None
        self._fields: tuple[tuple[bytes, bytes], ...] = ()
        self._session = Session()

    @property
    def own_level(self) -> Level:
        return OWN_LEVEL[self._record.model]

    def within(self, keyspace: KeyspaceRecord) -> Caller:
        bound = self._copied()
        bound._record = keyspace
        bound._keyspace = keyspace.name
        bound._fields = tuple(encode_metadata([(keyspaces.KEYSPACE, keyspace.name)]))
        return bound

    def session(self, token: Token | None) -> Caller:
        own = self._copied()
        own._session = Session(token, asks=True)
        return own

    def _copied(self) -> RemoteCaller:
        copied = copy.copy(self)
        copied._feeds = WeakSet()
        copied._base = self._base or self
        return copied

    @property
    def token(self) -> Token | None:
        return self._session.token

    def saw(self, vector: VersionVector) -> None:
        self._session.saw(self._record.id, vector)

    @property
    def environment(self) -> Environment:
        return self._environment

    async def call(self, request: Request, level: ReadLevel, timeout: float) -> tuple[Result, Stamp]:
        try:
            path, decode = _METHODS[type(request)]
        except KeyError:
            raise Unimplemented(f"{type(request).__name__} is not for clients") from None
        # To renew a lease twice, or to ask of it, is as harmless as to read twice.
        harmless = isinstance(request, _HARMLESS)
        read = harmless or is_read(request)
        # etcd knows two levels: it serves all but ANY as linearizable, which is stronger.
        plain = Level.ANY if level is Level.ANY else Level.LINEARIZABLE
        asking = Asking(self._session, level, harmless=harmless, own=self.own_level)
        try:
            body = requests.encode_request(request, plain)
        except (ValueError, TypeError) as error:
            raise InvalidRequest(f"the request cannot be encoded: {error}") from None
        answer = await self._invoke(path, body, timeout, read, self._fields + asking.fields, asking.heard)
        try:
            result, stamp = decode(answer, plain)
            return result, asking.answered(stamp)
        except ServerFault as error:
            if read:
                raise
            raise OutcomeUnknown(f"the write may or may not have happened: {error}") from error

    def call_now(self, request: Request, level: ReadLevel) -> tuple[Result, Stamp] | None:
        return None

    async def watch(self, spec: WatchSpec, timeout: float) -> Feed:
        from tricord.client.remote_feed import open_feed

        if self._record.model is not Model.STRONG:
            check_needs_no_past(spec)  # etcd's answer to a watch has no place for a code
        channel, left = await self._channel_of_a_watch(timeout)
        feed = await open_feed(channel, spec, left, lambda: self._connector.leave(channel), self._keyspace)
        self._remember(feed)
        return feed

    async def watch_typed(self, spec: TypedWatch, timeout: float) -> TypedFeed:
        from tricord.client.remote_typed_feed import open_typed_feed

        channel, left = await self._channel_of_a_watch(timeout)
        metadata: list[tuple[str, str | bytes]] = [(keyspaces.KEYSPACE, self._keyspace)] if self._keyspace else []
        if self._record.model is Model.CAUSAL:
            metadata.append((TOKEN, self._session.text))
        feed = await open_typed_feed(channel, spec, left, lambda: self._connector.leave(channel), metadata)
        self._remember(feed)
        return feed

    async def _channel_of_a_watch(self, timeout: float) -> tuple[Channel, float]:
        """A connection with room for one more, and how much of the time is left."""
        deadline = self._clock.monotonic() + timeout
        channel = await self._connector.channel(deadline)
        if channel.crowded:
            self._connector.part(channel)
            channel = await self._connector.channel(deadline)
        return channel, deadline - self._clock.monotonic()

    def _remember(self, feed: RemoteFeed | RemoteTypedFeed) -> None:
        self._feeds.add(feed)
        if self._base is not None:
            self._base._feeds.add(feed)

    async def status(self, timeout: float) -> MemberStatus:
        from tricord.client import reports

        return reports.decode_status(await self._invoke(reports.STATUS_PATH, b"", timeout, True))

    async def status_of_each(self, everyone: bool, timeout: float) -> list[EndpointStatus]:
        from tricord.client.survey import Survey, endpoints_of

        begun = self._clock.monotonic()
        endpoints = self._endpoints
        if everyone:
            members = await self.members(Level.ANY, timeout)
            endpoints = [endpoint for member in members for endpoint in endpoints_of(member)[:1]]
        left = timeout - (self._clock.monotonic() - begun)
        return await Survey(self._environment, self._dial).statuses(endpoints, left)

    async def members(self, level: ReadLevel, timeout: float) -> list[MemberRecord]:
        from tricord.client import reports

        body = reports.encode_member_list(level)
        return reports.decode_members(await self._invoke("/etcdserverpb.Cluster/MemberList", body, timeout, True))

    async def version(self, timeout: float) -> str:
        from tricord.client import reports

        try:
            return reports.decode_version(await self._invoke(reports.DESCRIBE_PATH, b"", timeout, True))
        except Unimplemented:
            return ""

    async def change_members(self, change: MemberChange, timeout: float) -> MemberRecord | None:
        from tricord.client import reports

        if isinstance(change, MoveLeader):
            await self._move_leader(change.target, timeout)
            return None
        path, body = reports.encode_change(change)
        answer = await self._invoke(path, body, timeout, False)
        try:
            return reports.decode_added(answer) if isinstance(change, AddMember) else None
        except ServerFault as error:
            raise OutcomeUnknown(f"the change may or may not have happened: {error}") from error

    async def _move_leader(self, target: int, timeout: float) -> None:
        """Look for the leader, and again when it was another already."""
        from tricord.client.survey import Survey

        survey = Survey(self._environment, self._dial)
        deadline = self._clock.monotonic() + timeout
        for attempt in range(1, self._options.attempts + 1):
            members = await self.members(Level.LINEARIZABLE, deadline - self._clock.monotonic())
            try:
                left = deadline - self._clock.monotonic()
                await survey.move_leader(self._endpoints, members, target, left)
                return
            except (MembershipRefused, NoLeader) as error:
                gone = isinstance(error, NoLeader) or error.reason == "not_leader"
                pause = self._options.first_pause
                if not gone or attempt == self._options.attempts or self._clock.monotonic() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)

    async def backup(self, take: Callable[[bytes], Awaitable[None]], timeout: float) -> None:
        from tricord.client import reports

        check_backup_of(self._record)
        channel = await self._connector.channel(self._clock.monotonic() + timeout)
        stream: MessageStream | None = None
        try:
            stream = await channel.stream(reports.SNAPSHOT_PATH)
            await stream.send(b"")
            stream.end()
            while True:
                await take(reports.decode_snapshot(await stream.__anext__()))
        except StopAsyncIteration:
            return
        except GrpcError as error:
            raise judge(error, read=True)[0] from error
        except BaseException:
            if stream is not None:
                stream.cancel()
            raise

    async def close(self) -> None:
        # Also those on connections that calls have left.
        for feed in list(self._feeds):
            feed.close()
        if self._base is not None:
            return
        await self._connector.close()
        if self._closing is not None:
            closing, self._closing = self._closing, None
            closing()

    async def _invoke(
        self,
        path: str,
        body: bytes,
        timeout: float,
        read: bool,
        fields: tuple[Field, ...] | None = None,
        heard: Callable[[list[Field]], None] | None = None,
    ) -> bytes:
        """The answer's bytes, tried as often as is safe within the time. Raises TricordError.

        After each failure the next endpoint is asked at once; between rounds over all of them there is a pause.
        """
        clock, endpoints = self._clock, self._endpoint_count
        deadline = clock.monotonic() + timeout
        fields = self._fields if fields is None else fields
        tried = 0
        behind: TricordError | None = None
        while True:
            channel: Channel | None = None
            failure: TricordError
            cause: Exception
            try:
                channel = await self._connector.channel(deadline)
                return await channel.unary(path, body, deadline - clock.monotonic(), fields, heard)
            except GrpcError as error:
                failure, again = judge(error, read=read)
                cause = error
            except Unavailable as error:
                failure, again, cause = error, True, error
            if isinstance(failure, TokenAhead | BoundNotMet):
                behind = failure
            silent = cause.status == Status.DEADLINE_EXCEEDED if isinstance(cause, CallBroken) else False
            if channel is not None and (again or not channel.usable or (silent and timeout >= SILENT_SECONDS)):
                reachable("a client left its connection for another")
                self._connector.leave(channel)
            tried += endpoints if channel is None else 1
            pause = self._pause(tried, connected=channel is not None)
            if not again or tried >= self._options.attempts * endpoints or clock.monotonic() + pause >= deadline:
                if behind is not None and isinstance(failure, DeadlineExceeded):
                    failure = behind  # it says more
                raise failure from (cause if cause is not failure else None)
            if pause:
                reachable("a client waited before it tried again")
                await asyncio.sleep(pause)

    def _pause(self, tried: int, *, connected: bool) -> float:
        """Seconds to wait after so many endpoints failed in turn; a connection in use may break once for nothing."""
        if connected and tried % self._endpoint_count:
            return 0.0
        rounds = tried // self._endpoint_count - connected
        if rounds < 1:
            return 0.0
        longest = min(self._options.longest_pause, self._options.first_pause * 2 ** min(rounds - 1, 30))
        return self._random.uniform(longest / 2, longest)
