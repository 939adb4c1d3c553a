# SPDX-License-Identifier: Apache-2.0
"""A snapshot's way from a leader's store into a follower's, with what may go wrong on it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.storage.member_script import SCRIPT_SEGMENT_BYTES
from tricord.base.errors import CorruptData, DiskFull
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration, encode_configuration
from tricord.base.operations import Put
from tricord.raft.messages import InstallSnapshot, Message
from tricord.server.drain import Drain
from tricord.server.log_writer import LogWriter
from tricord.server.member_snapshots import MemberSnapshots
from tricord.server.outgoing_snapshots import KEPT_SECONDS
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import StateMachine
from tricord.storage.identity import Identity
from tricord.storage.member_storage import open_member_storage
from tricord.storage.memory_disk import MemoryDisk
from tricord.transport.peer.snapshot_sender import Progress, Read, SnapshotResult
from tricord.wire.peer.refusals import Refusal, RefusalCode
from tricord.wire.peer.snapshot import SnapshotOffer

MEMBERS = encode_configuration(Configuration((1, 2)))
PIECE = 5000


class Side:
    """One member without its core: what turns, replica, links and log would be told is kept and answered here."""

    def __init__(self, loop: VirtualLoop, member: int) -> None:
        self.loop = loop
        self.member = member
        self.disk = MemoryDisk(member)
        self.told: list[tuple[str, Any]] = []
        self.failures: list[BaseException] = []
        self.followers: set[int] = set()
        self.is_leader = member == 1
        self.log_base = 0
        self.term = 5
        self.other: Side | None = None
        self.break_at: int | None = None
        self.reloads = 0
        self._conditions: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self.open()

    def open(self) -> None:
        environment = simulated_environment(self.loop, self.disk, seed=self.member)
        self.storage = open_member_storage(
            environment,
            "/data",
            new_identity=lambda: Identity(7, self.member, 8, 9, "name"),
            initial_configuration=MEMBERS,
            segment_bytes=SCRIPT_SEGMENT_BYTES,
        )
        self.machine = StateMachine(self.storage.overlay)
        self.log = LogWriter(environment, self.storage.log)
        self.drain = Drain(
            environment,
            self.storage.overlay,
            self.storage.backend,
            lambda: self.machine.applied_index,
            lambda seconds: None,
            self.failures.append,
        )
        self.snapshots = MemberSnapshots(
            environment,
            self.storage,
            self.machine,
            self.drain,
            self.log,
            self,
            self,
            self,
            self,
            fail=self.failures.append,
            reloaded=self.reloaded,
        )

    def put(self, count: int, value: bytes = b"v" * 40) -> None:
        """Log and apply writes of keys that are all different."""
        first = self.machine.applied_index + 1
        entries = [
            Entry(index, self.term, EntryKind.NORMAL, encode_command(Put(b"%d/%d" % (self.member, index), value), None))
            for index in range(first, first + count)
        ]
        self.storage.log.append(HardState(self.term, 0, first - 1), entries)
        self.machine.apply(entries)
        self.drain.wrote()
        self.turned()

    def turned(self) -> None:
        for one in list(self._conditions):
            if one[0]():
                self._conditions.remove(one)
                one[1].set_result(None)

    def reloaded(self) -> None:
        self.reloads += 1

    # as the replica, the turns, the links and the log

    def follows(self, member: int) -> bool:
        return member in self.followers

    async def until(self, condition: Callable[[], bool]) -> None:
        if condition():
            return
        reached = self.loop.create_future()
        self._conditions.append((condition, reached))
        await reached

    def snapshot_sent(self, member: int, index: int, delivered: bool) -> None:
        self.told.append(("sent", (member, index, delivered)))
        self.turned()

    def installed(self, index: int, term: int) -> None:
        assert (self.machine.applied_index, self.machine.applied_term) == (index, term)
        self.told.append(("installed", (index, term)))

    def info(self, event: str, **fields: Any) -> None:
        self.told.append(("info", event))

    def warning(self, event: str, **fields: Any) -> None:
        self.told.append(("warning", (event, fields["reason"])))

    def send(self, messages: list[Message]) -> None:
        other = self.other
        assert other is not None
        for message in messages:
            assert isinstance(message, InstallSnapshot)
            if other.snapshots.arrived(message):
                other.snapshots.install(message)

    async def send_snapshot(
        self, member: int, offer: SnapshotOffer, read: Read, progress: Progress | None = None
    ) -> SnapshotResult:
        assert self.other is not None
        assert progress is not None
        sink = self.other.snapshots.offered(self.member, offer)
        if isinstance(sink, Refusal):
            return SnapshotResult(False, sink.text)
        self.resumed_at = sink.have
        while sink.have < offer.size:
            await asyncio.sleep(0.01)
            if self.break_at is not None and sink.have >= self.break_at:
                sink.close()
                return SnapshotResult(False, "the link broke")
            sink.write(sink.have, read(sink.have, PIECE))
            progress(sink.have, offer.size)
        problem = sink.finish()
        sink.close()
        return SnapshotResult(not problem, problem)

    def of_kind(self, kind: str) -> list[Any]:
        return [what for one, what in self.told if one == kind]

    def content(self) -> list[tuple[bytes, bytes]]:
        return [pair for table in range(1, 4) for pair in self.storage.overlay.scan(table, b"", None)]  # type: ignore[arg-type]


class World:
    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.leader, self.follower = Side(self.loop, 1), Side(self.loop, 2)
        self.leader.other = self.follower
        self.leader.put(300)
        self.follower.put(20)

    async def bring(self) -> None:
        """Until it is installed, or the attempt failed."""
        before = len(self.leader.of_kind("sent"))
        self.leader.snapshots.bring([2])
        await self.leader.until(lambda: len(self.leader.of_kind("sent")) > before)
        await asyncio.sleep(1)


def play(story: Callable[[World], Coroutine[None, None, None]]) -> World:
    world = World()
    try:
        world.loop.run_until_complete(story(world))
    finally:
        world.loop.close()
    return world


def test_a_follower_gets_the_leaders_state_and_goes_on_from_there() -> None:
    async def story(world: World) -> None:
        leader, follower = world.leader, world.follower
        await world.bring()
        assert leader.of_kind("sent") == [(2, 300, True)]
        assert follower.of_kind("installed") == [(300, 5)]
        assert follower.reloads == 1
        assert follower.content() == leader.content()
        assert follower.machine.configuration == MEMBERS
        assert follower.storage.log.first_index == 301
        assert follower.drain.durable_index == 300
        follower.put(5)
        await asyncio.sleep(1)
        assert follower.drain.durable_index == 305
        follower.disk.kill()
        follower.open()
        assert follower.machine.applied_index == 305
        assert follower.failures == leader.failures == []
        assert not [name for name in follower.disk.list("/data/snapshots") if name.startswith("incoming")]

    play(story)


def test_writes_go_on_meanwhile_and_the_log_is_kept_for_the_follower() -> None:
    async def story(world: World) -> None:
        leader = world.leader
        assert leader.snapshots.pinned_index is None
        leader.snapshots.bring([2])
        await asyncio.sleep(0.35)
        for _ in range(10):
            leader.put(20)
            assert leader.snapshots.pinned_index in (0, 300)
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        assert world.follower.of_kind("installed") == [(300, 5)]
        assert leader.snapshots.pinned_index == 300, "until the follower takes entries"
        leader.followers.add(2)
        leader.turned()
        await asyncio.sleep(0.1)
        assert leader.snapshots.pinned_index is None

    play(story)


def test_what_the_log_does_not_reach_back_to_is_drained_before_the_snapshot() -> None:
    async def story(world: World) -> None:
        world.leader.log_base = 300
        await world.bring()
        assert world.leader.of_kind("sent") == [(2, 300, True)]

    play(story)


def test_one_file_serves_all_who_need_one_and_goes_when_it_is_old() -> None:
    async def story(world: World) -> None:
        leader = world.leader
        await world.bring()
        leader.followers.add(2)
        leader.put(10)
        await world.bring()
        assert leader.snapshots.outgoing.made == 1
        assert leader.of_kind("sent") == [(2, 300, True)] * 2
        leader.log_base = 305
        await world.bring()
        assert leader.snapshots.outgoing.made == 2, "the log does not follow the old one any more"
        assert len(leader.disk.list("/data/snapshots")) == 1
        await asyncio.sleep(KEPT_SECONDS + 1)
        assert leader.disk.list("/data/snapshots") == []
        assert leader.failures == []

    play(story)


def test_two_members_share_one_that_is_being_made() -> None:
    async def story(world: World) -> None:
        outgoing = world.leader.snapshots.outgoing
        one, two = await asyncio.gather(outgoing.lend(), outgoing.lend())
        assert one is two
        assert outgoing.made == 1
        outgoing.give_back(one)
        assert outgoing.pinned_index == one.info.index
        outgoing.give_back(two)
        assert outgoing.pinned_index is None

    play(story)


def test_a_transfer_that_broke_goes_on_where_it_ended() -> None:
    async def story(world: World) -> None:
        leader, follower = world.leader, world.follower
        leader.break_at = 3 * PIECE
        await world.bring()
        assert leader.of_kind("sent") == [(2, 300, False)]
        assert leader.of_kind("warning")[-1] == ("a snapshot was not brought", "the link broke")
        assert leader.snapshots.pinned_index is None
        follower.disk.kill()
        follower.open()
        leader.break_at = None
        await world.bring()
        assert leader.resumed_at == 3 * PIECE
        assert follower.of_kind("installed") == [(300, 5)]

    play(story)


def test_a_member_that_leads_no_more_does_not_say_that_it_does() -> None:
    async def story(world: World) -> None:
        leader, follower = world.leader, world.follower
        leader.snapshots.bring([2])
        await asyncio.sleep(0.31)
        leader.is_leader = False
        await asyncio.sleep(5)
        assert follower.of_kind("installed") == []
        assert leader.of_kind("sent") == [(2, 300, True)]

    play(story)


def test_while_one_is_installed_no_other_is_taken() -> None:
    async def story(world: World) -> None:
        follower = world.follower
        await world.bring()
        assert world.leader.snapshots.outgoing._kept is not None
        offered = world.leader.snapshots.outgoing._kept.info
        offer = SnapshotOffer(offered.id, 300, 5, offered.size, offered.checksum, MEMBERS)
        message = InstallSnapshot(1, 2, 5, 300, 5, Configuration((1, 2)))
        assert not follower.snapshots.arrived(message), "it was installed and is gone"
        sink = follower.snapshots.offered(1, offer)
        assert not isinstance(sink, Refusal)
        snapshot = await world.leader.snapshots.outgoing.lend()
        sink.write(0, snapshot.read(0, offer.size))
        assert not follower.snapshots.arrived(message), "it is not verified yet"
        assert sink.finish() == ""
        assert not follower.snapshots.arrived(InstallSnapshot(1, 2, 5, 299, 5, Configuration((1, 2))))
        assert follower.snapshots.arrived(message)
        follower.snapshots.install(message)
        assert not follower.snapshots.arrived(message)
        refusal = follower.snapshots.offered(1, offer)
        assert isinstance(refusal, Refusal)
        assert refusal.code == RefusalCode.BUSY
        await asyncio.sleep(1)
        assert len(follower.of_kind("installed")) == 2

    play(story)


def test_a_disk_without_room_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        follower = world.follower
        prepare, install = follower.storage.prepare, follower.storage.install
        refused: list[str] = []

        def once(name: str, action: Callable[..., Any]) -> Callable[..., Any]:
            def attempt(*args: Any, **options: Any) -> Any:
                if name not in refused:
                    refused.append(name)
                    raise DiskFull(name)
                return action(*args, **options)

            return attempt

        monkeypatch.setattr(type(follower.storage), "prepare", lambda self, *a, **o: once("prepare", prepare)(*a, **o))
        monkeypatch.setattr(type(follower.storage), "install", lambda self, *a: once("install", install)(*a))
        await world.bring()
        await asyncio.sleep(5)
        assert refused == ["prepare", "install"]
        assert follower.of_kind("installed") == [(300, 5)]
        assert len(follower.of_kind("warning")) == 2

    play(story)


def test_no_room_to_make_one_is_said_and_tried_again() -> None:
    async def story(world: World) -> None:
        leader = world.leader
        await asyncio.sleep(1)  # drained and sealed: the next calls are the snapshot's
        leader.disk.fail_at[leader.disk.calls + 3] = errno.ENOSPC
        await world.bring()
        assert leader.of_kind("sent") == [(2, 0, False)]
        await world.bring()
        assert leader.of_kind("sent")[-1] == (2, 300, True)

    play(story)


def test_a_file_that_rots_before_it_is_installed_stops_the_member() -> None:
    async def story(world: World) -> None:
        follower = world.follower
        await world.bring()
        kept = world.leader.snapshots.outgoing._kept
        assert kept is not None
        sink = follower.snapshots.offered(
            1, SnapshotOffer(kept.info.id, 300, 5, kept.info.size, kept.info.checksum, b"")
        )
        assert not isinstance(sink, Refusal)
        sink.write(0, kept.read(0, kept.info.size))
        assert sink.finish() == ""
        follower.disk.flip(f"/data/snapshots/incoming-{kept.info.id:016x}.part", 50_000)
        follower.snapshots.install(InstallSnapshot(1, 2, 5, 300, 5, Configuration((1, 2))))
        await asyncio.sleep(1)
        assert [type(error) for error in follower.failures] == [CorruptData]
        assert len(follower.of_kind("installed")) == 1
        assert follower.machine.applied_index == 300

    play(story)


@pytest.mark.parametrize("after", [0.0, 0.2, 0.3, 0.4, 0.6, 1.0])
def test_a_stop_ends_what_is_under_way_and_leaves_one_state_or_the_other(after: float) -> None:
    async def story(world: World) -> None:
        leader, follower = world.leader, world.follower
        leader.snapshots.bring([2])
        await asyncio.sleep(after)
        await leader.snapshots.stop()
        await follower.snapshots.stop()
        await follower.drain.close()
        await follower.drain.flush()
        follower.storage.close()
        follower.open()
        assert follower.machine.applied_index in (20, 300)
        assert leader.snapshots.pinned_index is None
        assert leader.failures == follower.failures == []

    play(story)


def test_a_file_that_rots_at_the_sender_is_made_anew() -> None:
    async def story(world: World) -> None:
        leader, follower = world.leader, world.follower
        lent = await leader.snapshots.outgoing.lend()
        leader.snapshots.outgoing.give_back(lent)
        leader.disk.flip(lent.path, lent.info.size * 4)
        await world.bring()
        ((event, reason),) = leader.of_kind("warning")
        assert event == "a snapshot was not brought"
        assert reason.startswith(f"{lent.path}: damaged at offset")
        assert leader.snapshots.outgoing.pinned_index is None
        await world.bring()
        assert leader.of_kind("sent") == [(2, 300, False), (2, 300, True)]
        assert leader.snapshots.outgoing.made == 2
        assert follower.content() == leader.content()
        assert not leader.disk.exists(lent.path)

    play(story)


def test_a_stop_does_not_wait_for_a_store_that_is_full() -> None:
    async def story(world: World) -> None:
        leader = world.leader
        await asyncio.sleep(1)
        leader.put(10)
        leader.disk.fail_at = dict.fromkeys(range(leader.disk.calls + 1, leader.disk.calls + 1000), errno.ENOSPC)
        leader.snapshots.bring([2])
        await asyncio.sleep(3)
        assert leader.drain.disk_full
        await leader.snapshots.stop()
        await leader.drain.close()
        assert leader.of_kind("sent") == []

    play(story)
