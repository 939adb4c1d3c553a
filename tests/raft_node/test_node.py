# SPDX-License-Identifier: Apache-2.0
"""A node that is alone: what a caller sees, in memory and on disk, until it stops or something breaks."""

from __future__ import annotations

import asyncio

import pytest

from tests.raft_node.world import Journal, node_on, simulate
from tricord.base.environment import Environment
from tricord.base.errors import (
    ConfigurationError,
    CorruptData,
    DataDirectoryInUse,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RequestTooLarge,
    Stopping,
    TooManyRequests,
)
from tricord.base.log import Entry, EntryKind, HardState
from tricord.raft import Role
from tricord.raft_node import Node, NodeConfig, Observation, SnapshotDamaged, Stores, memory_stores
from tricord.storage.memory_disk import MemoryDisk


def test_apply_returns_the_machines_answer_and_the_entry_can_be_read() -> None:
    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal()) as node:
            assert node.state is Role.LEADER
            assert await node.apply(b"test") == 1
            assert node.get_log(node.last_index()) == Entry(2, 1, EntryKind.NORMAL, b"test")
            assert (node.stats.applied_index, node.stats.waiting) == (2, 0)
            with pytest.raises(NotFound, match="1 to 2, not 3"):
                node.get_log(3)

    simulate(story)


def test_calls_at_one_time_become_one_batch() -> None:
    async def story(environment: Environment) -> None:
        machine = Journal()
        async with node_on(environment, machine) as node:
            answers = await asyncio.gather(*(node.apply(b"%d" % number) for number in range(50)))
            assert answers == list(range(1, 51))
            assert machine.batches == [50]

    simulate(story)


def test_a_barrier_sees_what_was_acknowledged() -> None:
    async def story(environment: Environment) -> None:
        machine = Journal()
        async with node_on(environment, machine) as node:
            await node.apply(b"a")
            await node.barrier()
            assert machine.commands == [b"a"]

    simulate(story)


def test_a_command_that_is_no_bytes_is_refused_and_the_node_lives() -> None:
    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal()) as node:
            with pytest.raises(InvalidRequest, match="not str"):
                await node.apply("text")  # type: ignore[arg-type]
            assert await node.apply(bytearray(b"fine")) == 1

    simulate(story)


def test_a_command_that_no_message_could_hold_is_refused_before_it_is_logged() -> None:
    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal(), command_bytes_max=10) as node:
            with pytest.raises(RequestTooLarge, match="11 bytes"):
                await node.apply(bytes(11))
            assert await node.apply(bytes(10)) == 1

    simulate(story)


def test_before_the_start_and_after_the_end_calls_say_so() -> None:
    async def story(environment: Environment) -> None:
        node = node_on(environment, Journal())
        with pytest.raises(Stopping, match="not started"):
            await node.apply(b"early")
        await node.start()
        await node.shutdown()
        await node.shutdown()
        for call in (node.apply(b"late"), node.barrier()):
            with pytest.raises(Stopping, match="stopped"):
                await call
        assert node.last_index() == 1

    simulate(story)


def test_what_waits_at_a_shutdown_gets_a_typed_error() -> None:
    async def story(environment: Environment) -> None:
        node = node_on(environment, Journal())
        await node.start()
        appended = asyncio.ensure_future(node.apply(b"appended"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        queued = asyncio.ensure_future(node.apply(b"queued"))
        await asyncio.sleep(0)
        await node.shutdown()
        outcomes = await asyncio.gather(appended, queued, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, Stopping]

    simulate(story)


class SlowLog:
    """A log store whose next append fails, or which takes an hour: it is told by ``trouble``."""

    def __init__(self, stores: Stores) -> None:
        self._log = stores.log
        self.trouble: Exception | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def append(self, entries: list[Entry]) -> None:
        if self.trouble is not None:
            raise self.trouble
        self._log.append(entries)


def test_a_disk_that_fails_stops_the_node_and_nobody_waits_for_ever() -> None:
    async def story(environment: Environment) -> None:
        stores = memory_stores()
        log = SlowLog(stores)
        stores = Stores(log, stores.stable, stores.snapshots)  # type: ignore[arg-type]
        node = Node(NodeConfig("server1"), Journal(), stores=stores, environment=environment)
        await node.start()
        log.trouble = OSError(5, "input/output error")
        with pytest.raises(OutcomeUnknown, match="input/output error"):
            await node.apply(b"a")
        with pytest.raises(Stopping, match="input/output error"):
            await node.apply(b"b")
        await node.shutdown()

    simulate(story)


def test_a_disk_that_fails_at_the_start_is_told_by_start() -> None:
    async def story(environment: Environment) -> None:
        stores = memory_stores()
        log = SlowLog(stores)
        log.trouble = OSError(5, "input/output error")
        stores = Stores(log, stores.stable, stores.snapshots)  # type: ignore[arg-type]
        node = Node(NodeConfig("server1"), Journal(), stores=stores, environment=environment)
        with pytest.raises(OSError, match="input/output error"):
            await node.start()

    simulate(story)


def test_a_state_machine_that_raises_stops_the_node() -> None:
    async def story(environment: Environment) -> None:
        machine = Journal()
        node = node_on(environment, machine)
        await node.start()
        machine.broken = True
        with pytest.raises(OutcomeUnknown, match="cannot apply"):
            await node.apply(b"a")
        await node.shutdown()

    simulate(story)


def test_timeouts_end_calls_with_what_is_known() -> None:
    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal()) as node:
            with pytest.raises(OutcomeUnknown, match="may have been carried out"):
                await node.apply(b"a", timeout=0.00001)
            with pytest.raises(DeadlineExceeded):
                await node.apply(b"a", timeout=0)
            with pytest.raises(DeadlineExceeded):
                await node.barrier(timeout=0)
            await node.barrier()
            assert node.stats.waiting == 0

    simulate(story)


def test_too_much_at_once_is_refused() -> None:
    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal(), uncommitted_bytes_max=10) as node:
            outcomes = await asyncio.gather(*(node.apply(b"123456") for _ in range(3)), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [int, TooManyRequests, TooManyRequests]

    simulate(story)


def test_on_disk_a_restart_finds_everything() -> None:
    async def story(environment: Environment) -> None:
        for start in range(3):
            machine = Journal()
            async with node_on(environment, machine, "/data/node") as node:
                assert len(machine.commands) == start
                assert node.stats.term == start + 1
                await node.apply(b"%d" % start)
        assert machine.commands == [b"0", b"1", b"2"]

    simulate(story)


def test_stores_in_memory_outlive_their_node() -> None:
    async def story(environment: Environment) -> None:
        stores = memory_stores()
        for start in range(2):
            machine = Journal()
            async with Node(NodeConfig("server1"), machine, stores=stores, environment=environment) as node:
                await node.apply(b"%d" % start)
        assert machine.commands == [b"0", b"1"]
        assert stores.stable.load() == HardState(2, stores.stable.load().vote, 0)

    simulate(story)


def test_snapshots_shorten_the_log_and_the_next_start() -> None:
    async def story(environment: Environment) -> None:
        machine = Journal()
        settings = {"snapshot_entries": 10, "trailing_entries": 5}
        async with node_on(environment, machine, "/data", **settings) as node:
            for number in range(25):
                await node.apply(b"%d" % number)
            await environment.tasks.in_lane("wal", lambda: None)
            assert node.stats.snapshot_index == 20
            with pytest.raises(NotFound):
                node.get_log(10)
            assert node.get_log(16).data == b"14"
        again = Journal()
        async with node_on(environment, again, "/data", **settings) as node:
            assert again.restored == 1
            assert again.commands == machine.commands
            assert sum(again.batches) == 6, "only what is behind the snapshot is applied again"
            assert node.get_log(16).data == b"14"
        assert environment.disk.list("/data/snapshots") == [f"{index:016x}.snapshot" for index in (10, 20)]

    simulate(story)


def test_a_damaged_snapshot_is_made_good_by_the_one_before_and_the_log() -> None:
    disk = MemoryDisk()

    # Large enough that old files of the log go.
    commands = [b"%d" % number * 1000 for number in range(25)]

    async def story(environment: Environment) -> None:
        settings = {"snapshot_entries": 10, "trailing_entries": 0}
        async with node_on(environment, Journal(), "/data", **settings) as node:
            for command in commands:
                await node.apply(command)
        path = f"/data/snapshots/{20:016x}.snapshot"
        size = len(disk.open(path).pread(1 << 20, 0))
        for bit in range(0, size * 8, 8_009):
            disk.flip(path, bit)
            machine = Journal()
            node = node_on(environment, machine, "/data", snapshot_entries=1000)
            seen: list[Observation] = []
            node.observe(seen.append)
            async with node:
                assert machine.commands == commands
            assert [one.index for one in seen if isinstance(one, SnapshotDamaged)] == [20]
            disk.flip(path, bit)

    simulate(story, disk)


def test_where_no_snapshot_is_whole_the_start_is_refused_by_file() -> None:
    disk = MemoryDisk()

    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal(), "/data", snapshot_entries=2) as node:
            await node.apply(b"a")
            await environment.tasks.in_lane("wal", lambda: None)
        names = disk.list("/data/snapshots")
        for name in names:
            disk.flip(f"/data/snapshots/{name}", 100)
        with pytest.raises(CorruptData, match=f"/data/snapshots/{names[-1]}"):
            await node_on(environment, Journal(), "/data").start()
        for name in names:
            disk.flip(f"/data/snapshots/{name}", 100)
        async with node_on(environment, Journal(), "/data"):
            pass

    simulate(story, disk)


def test_a_directory_belongs_to_one_node_at_a_time_and_to_one_name() -> None:
    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal(), "/data"):
            with pytest.raises(DataDirectoryInUse):
                await node_on(environment, Journal(), "/data").start()
        other = Node(NodeConfig("server2"), Journal(), "/data", environment=environment)
        with pytest.raises(ConfigurationError, match="'server1', not of 'server2'"):
            await other.start()
        async with node_on(environment, Journal(), "/data"):
            pass

    simulate(story)


def test_settings_that_make_no_sense_are_named() -> None:
    for settings, word in (
        ({"local_id": ""}, "local_id"),
        ({"local_id": "a", "voters": ("b",)}, "voters"),
        ({"local_id": "a", "tick_seconds": 0.0}, "tick_seconds"),
        ({"local_id": "a", "trailing_entries": -1}, "trailing_entries"),
        ({"local_id": "a", "voters": "abc"}, "one text"),
        ({"local_id": "a", "voters": ("a", "a")}, "twice"),
        ({"local_id": "a", "election_ticks": 1}, "election_ticks"),
        ({"local_id": "a", "cluster": ""}, "cluster"),
        ({"local_id": "a", "command_bytes_max": 1 << 30}, "command_bytes_max"),
    ):
        with pytest.raises(ConfigurationError, match=word):
            NodeConfig(**settings)
