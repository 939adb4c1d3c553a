# SPDX-License-Identifier: Apache-2.0
"""Snapshots of one member, out and in: what its turns ask for and its links bring.

```
leader    turns want one for a follower -- a file is made or shared -- links bring it -- turns are told how it ended,
          and the follower is told by InstallSnapshot that the file was the leader's, in this term
follower  links offer a file -- it is written and verified -- InstallSnapshot comes, and goes to the turns -- they say
          install: a new backend is built beside the old one, drain and log stand still for a moment, state and log
          become the snapshot's, and the turns are told
```
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from tricord.base.environment import Environment
from tricord.base.errors import Cancelled, DiskFull, StorageError
from tricord.base.membership import decode_configuration
from tricord.base.reachable import reachable
from tricord.raft.messages import InstallSnapshot, Message
from tricord.server.drain import Drain
from tricord.server.log_writer import LogWriter
from tricord.server.outgoing_snapshots import LANE, OutgoingSnapshots
from tricord.statemachine.machine import StateMachine
from tricord.storage.member_storage import MemberStorage
from tricord.storage.snapshot_files import IncomingSnapshot, OfferedSnapshot, OutgoingSnapshot, SnapshotFiles
from tricord.storage.snapshot_format import SnapshotInfo
from tricord.transport.peer.hooks import SnapshotSink
from tricord.transport.peer.snapshot_sender import Progress, Read, SnapshotResult
from tricord.wire.peer.refusals import Refusal, RefusalCode
from tricord.wire.peer.snapshot import SnapshotOffer

T = TypeVar("T")

AGAIN_SECONDS = 1.0
"""Between attempts that failed."""
FOLLOWING_SECONDS_MAX = 120.0
"""How long the log is kept for a follower that has a snapshot and does not take entries yet."""


class KnowsProgress(Protocol):
    """The replica as this part sees it."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""

    @property
    def log_base(self) -> int:
        """The index before the first entry in memory."""

    def follows(self, member: int) -> bool:
        """Whether the member takes entries now, as the leader knows."""


class TakesTurns(Protocol):
    """The turns as this part sees them."""

    @property
    def term(self) -> int:
        """The current term."""

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return after the first turn that makes ``condition`` true, or when turns stop."""

    def snapshot_sent(self, member: int, index: int, delivered: bool) -> None:
        """An attempt to bring a snapshot to the member ended."""

    def installed(self, index: int, term: int) -> None:
        """The snapshot is in place of state and log."""


class LinksMembers(Protocol):
    """The links as this part sees them."""

    def send(self, messages: list[Message]) -> None:
        """Send each to its receiver, or drop it."""

    async def send_snapshot(
        self, member: int, offer: SnapshotOffer, read: Read, progress: Progress | None = None
    ) -> SnapshotResult:
        """Bring a snapshot to a peer."""


class Tells(Protocol):
    """A log, as far as this part needs one."""

    def info(self, event: str, **fields: Any) -> Any:
        """Something that happens in the life of a member."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Something that a person should look at."""


class MemberSnapshots:
    """On the loop; what takes long runs on lanes."""

    def __init__(
        self,
        environment: Environment,
        storage: MemberStorage,
        machine: StateMachine,
        drain: Drain,
        log: LogWriter,
        replica: KnowsProgress,
        turns: TakesTurns,
        links: LinksMembers,
        tells: Tells,
        *,
        fail: Callable[[BaseException], None],
        reloaded: Callable[[], None],
    ) -> None:
        """``fail`` hears what must stop the member; ``reloaded`` runs when the machine holds another state. Blocks on
        the disk for a moment. Raises OSError.
        """
        self._environment = environment
        self._tasks = environment.tasks
        self._storage = storage
        self._machine = machine
        self._drain = drain
        self._log = log
        self._replica = replica
        self._turns = turns
        self._links = links
        self._tells = tells
        self._fail = fail
        self._reloaded = reloaded
        identity = storage.identity
        self._member = identity.member
        self._files = SnapshotFiles(
            environment.disk, f"{storage.directory}/snapshots", cluster=identity.cluster, history=identity.history
        )
        self.outgoing = OutgoingSnapshots(
            environment,
            self._files,
            lambda: storage.backend,
            drain,
            lambda: machine.applied_index,
            lambda: replica.log_base,
        )
        self._bringing: dict[int, None] = {}
        self._running: dict[asyncio.Task[None], None] = {}
        self.progress: dict[int, tuple[int, int]] = {}
        """Of each member that gets a snapshot now: (bytes that it has, of how many)."""
        self._incoming: IncomingSnapshot | None = None
        self._installing: asyncio.Task[None] | None = None
        self._stopped = False
        self.before_installing: Callable[[], Awaitable[None]] = _nothing
        """Awaited before anything is built beside the store: whoever else does that gives way."""

    @property
    def pinned_index(self) -> int | None:
        """The log must keep what follows this index, for members that get a snapshot; None: whatever it likes."""
        return self.outgoing.pinned_index

    @property
    def is_installing(self) -> bool:
        """Whether a snapshot takes the place of state and log."""
        return self._installing is not None

    # --- out ------------------------------------------------------------------------------------------------

    def bring(self, members: list[int]) -> None:
        """These members need a snapshot; each attempt ends with ``snapshot_sent``."""
        for member in members:
            if member not in self._bringing and not self._stopped:
                self._bringing[member] = None
                task = self._tasks.spawn(self._bring(member), f"a snapshot for {member:x}")
                self._running[task] = None
                task.add_done_callback(self._running.pop)

    async def _bring(self, member: int) -> None:
        snapshot: OutgoingSnapshot | None = None
        error = ""
        try:
            try:
                snapshot = await self.outgoing.lend()
                error = await self._send(member, snapshot)
            except (StorageError, OSError, Cancelled) as problem:
                error = str(problem)
            index = 0 if snapshot is None else snapshot.info.index
            if error and not self._stopped:
                reachable("a snapshot was not brought")
                self._tells.warning("a snapshot was not brought", member=f"{member:x}", index=index, reason=error)
                await asyncio.sleep(AGAIN_SECONDS)
            if self._stopped:
                return
            if not error and snapshot is not None:
                self._say_whose_it_was(member, snapshot)
            del self._bringing[member]
            self._turns.snapshot_sent(member, index, not error)
            if not error:
                await self._until_following(member)
        except Exception as bug:
            self._fail(bug)
        finally:
            if snapshot is not None:
                self.outgoing.give_back(snapshot)

    async def _send(self, member: int, snapshot: OutgoingSnapshot) -> str:
        info = snapshot.info
        self._tells.info("bringing a snapshot", member=f"{member:x}", index=info.index, size=info.size)

        arrived = 0

        def progress(taken: int, size: int) -> None:
            nonlocal arrived
            arrived = taken
            self.progress[member] = (taken, size)

        offer = SnapshotOffer(info.id, info.index, info.term, info.size, info.checksum, info.configuration)
        try:
            result = await self._links.send_snapshot(member, offer, snapshot.read, progress)
        finally:
            self.progress.pop(member, None)
        if result.delivered:
            return ""
        damage = await self.outgoing.examine(snapshot) if arrived == info.size else ""
        return damage or result.error or "it was not taken"

    def _say_whose_it_was(self, member: int, snapshot: OutgoingSnapshot) -> None:
        if self._replica.is_leader:
            info = snapshot.info
            configuration = decode_configuration(info.configuration)
            self._links.send(
                [InstallSnapshot(self._member, member, self._turns.term, info.index, info.term, configuration)]
            )

    async def _until_following(self, member: int) -> None:
        """The loan pins the log until the follower needs no more than others do."""
        try:
            async with asyncio.timeout(FOLLOWING_SECONDS_MAX):
                await self._turns.until(lambda: not self._replica.is_leader or self._replica.follows(member))
        except TimeoutError:
            pass

    # --- in -------------------------------------------------------------------------------------------------

    def offered(self, sender: int, offer: SnapshotOffer) -> SnapshotSink | Refusal:
        """A member offers a snapshot: where to write it, or why not."""
        if self._stopped or self._installing is not None:
            return Refusal(RefusalCode.BUSY, "this member installs a snapshot already")
        try:
            incoming = self._files.receive(
                OfferedSnapshot(offer.id, offer.index, offer.term, offer.size, offer.checksum)
            )
        except (StorageError, OSError) as error:
            return Refusal(RefusalCode.FAILED, str(error))
        reachable("a snapshot was offered")
        self._tells.info("a snapshot comes in", member=f"{sender:x}", index=offer.index, size=offer.size)
        self._incoming = incoming
        return incoming

    def arrived(self, message: InstallSnapshot) -> bool:
        """Whether the snapshot that the message is about is here, whole and verified: else it is not for the turns."""
        info = None if self._incoming is None else self._incoming.info
        if info is None or self._installing is not None:
            return False
        return (info.index, info.term) == (message.last_included_index, message.last_included_term)

    def install(self, snapshot: InstallSnapshot) -> None:
        """Put it in place of state and log, then tell the turns. It has ``arrived``, and no append is under way."""
        incoming = self._incoming
        assert incoming is not None and self._installing is None, "only one that arrived is installed"
        self._installing = self._tasks.spawn(self._install(incoming), "installing a snapshot")

    async def stop(self) -> None:
        """Give up what can be given up, and wait for what cannot. To be called before the drain is closed."""
        self._stopped = True
        for bringing in list(self._running):
            bringing.cancel()
        await self.outgoing.stop()
        if self._installing is not None:
            await asyncio.wait([self._installing])

    def abandon(self) -> None:
        """Do nothing more, like a process that died."""
        self._stopped = True
        self.outgoing.abandon()
        for task in [*self._running, self._installing]:
            if task is not None:
                task.cancel()

    async def _install(self, incoming: IncomingSnapshot) -> None:
        try:
            started = self._environment.clock.monotonic()
            await self.before_installing()
            prepared = await self._when_there_is_room(lambda: self._prepared(incoming.path))
            await self._drain.pause()
            backend = await self._when_there_is_room(lambda: self._log.exclusively(self._storage.install, prepared))
            self._storage.adopt(backend)
            self._machine.reload()
            self._drain.resume(backend)
            seconds = round(self._environment.clock.monotonic() - started, 3)
            self._tells.info("installed a snapshot", index=prepared.index, size=prepared.size, seconds=seconds)
            self._incoming, self._installing = None, None
            self._tasks.in_lane_then(LANE, incoming.remove, (), _ignored)
            self._reloaded()
            self._turns.installed(prepared.index, prepared.term)
        except Cancelled:
            return  # this member stops
        except Exception as error:
            self._fail(error)
        finally:
            self._installing = None

    async def _prepared(self, path: str) -> SnapshotInfo:
        prepare = partial(self._storage.prepare, path, cancelled=lambda: self._stopped)
        return await self._tasks.in_lane(LANE, prepare)

    async def _when_there_is_room(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Nothing can be applied before: so it waits. Raises Cancelled when this member stops."""
        while not self._stopped:
            try:
                return await attempt()
            except DiskFull as error:
                self._tells.warning("no room to install a snapshot", reason=str(error))
                await asyncio.sleep(AGAIN_SECONDS)
        raise Cancelled("this member stops")


async def _nothing() -> None:
    return


def _ignored(result: object, error: BaseException | None) -> None:
    return
