# SPDX-License-Identifier: Apache-2.0
"""The host of an eventual keyspace: what clients, watchers and other replicas see of it."""

from __future__ import annotations

import errno
from struct import error as StructError

import pytest

from tests.server.replicas.eventual_world import RECORD, World, error, play, result
from tricord.base.changes import Add, AddElement, Put, PutLast, Remove
from tricord.base.dots import INCARNATION_MAX, Origin, VersionVector
from tricord.base.errors import (
    DiskFault,
    InvalidRequest,
    KeyNotProvided,
    KeyspaceNotFound,
    NoSpace,
    ReadContextDamaged,
    ReplicaCatchingUp,
    ReplicaRetired,
    ServerFault,
    TooFewReplicas,
    TypeMismatch,
    Unimplemented,
)
from tricord.base.typed import KeyChange, Update, UpdateResult
from tricord.crdt.read_context import encode_read_context
from tricord.eventual.codec import encode_message
from tricord.eventual.messages import Head, Rejected, Rejection
from tricord.eventual.turn import Input, Output
from tricord.server.replicas.committing import TABLES_SECONDS
from tricord.server.replicas.inbox import TURN_BYTES, WAITING_BYTES_MAX
from tricord.storage.replica_log import SEGMENT_BYTES


def test_a_write_is_answered_when_durable_and_reaches_all() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two, three = world.nodes.values()
        answers = one.put(b"cart", b"milk")
        assert (answers, one.value(b"cart")) == ([], None)
        await world.sleep(0.1)
        assert result(answers).acks == 1
        assert [node.value(b"cart") for node in (one, two, three)] == [b"milk"] * 3
        assert [change.key for change in two.told] == [b"cart"]
        assert two.host is not None and two.told[-1].sequence == two.host.sequence
        assert len(world.digests()) == 1

    play(story, World("a", "b", "c"))


def test_acks_are_counted_and_too_few_leave_the_write() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two, _ = world.nodes.values()
        answers = one.update(b"k", Put(b"1"), acks=3)
        await world.sleep(0.2)
        assert result(answers).acks == 3
        world.part()
        answers = one.update(b"k", Put(b"2"), acks=2, within=1)
        await world.sleep(0.9)
        assert answers == []
        await world.sleep(0.2)
        assert isinstance(error(answers), TooFewReplicas)
        assert (one.value(b"k"), two.value(b"k")) == (b"2", b"1")
        world.heal()
        await world.sleep(2)
        assert two.value(b"k") == b"2"
        refused = one.update(b"k", Put(b"3"), acks=4)
        await world.sleep(0.1)
        assert isinstance(error(refused), InvalidRequest)

    play(story, World("a", "b", "c"))


def test_a_read_of_several_replicas_is_merged_and_durable() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two, three = world.nodes.values()
        world.part()
        one.put(b"k", b"1")
        two.put(b"k", b"2")
        await world.sleep(0.2)
        alone = three.read([b"k"], 2, within=1)
        await world.sleep(1.2)
        assert isinstance(error(alone), TooFewReplicas)
        world.cut.clear()
        world.told()
        answers = three.read([b"k"], 3)
        await world.sleep(0.2)
        (cells,) = answers
        assert isinstance(cells, list) and three.host is not None
        assert three.shown(cells[0]) == b"2"
        assert three.host.cell(b"k") == cells[0]
        here = three.read([b"k", b"none"], 1)
        assert here == [[cells[0], {}]]

    play(story, World("a", "b", "c"))


def test_what_a_crash_takes_was_never_shown_or_told() -> None:
    async def story(world: World) -> None:
        await world.open()
        (one,) = world.nodes.values()
        assert one.host is not None
        result_before = one.put(b"kept", b"1")
        await world.sleep(0.1)
        one.put(b"lost", b"2")
        await world.sleep(0.00005)
        assert (one.value(b"lost"), [change.key for change in one.told]) == (None, [b"kept"])
        sequence, incarnation = one.host.sequence, one.host.status().incarnation
        assert sequence == result(result_before).sequence
        one.kill()
        host = one.start()
        await world.sleep(0.1)
        assert (one.value(b"kept"), one.value(b"lost")) == (b"1", None)
        assert host.sequence == sequence
        assert host.status().incarnation > incarnation
        one.put(b"k", b"3")
        await world.sleep(0.1)
        assert [change.sequence for change in one.told] == sorted({change.sequence for change in one.told})

    play(story, World("a"))


def test_restarts_wiped_and_older_disks_make_no_two_writes_one() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two = world.nodes.values()
        for turn in range(5):
            result_ = one.update(b"total", Add(1))
            await world.sleep(0.5)
            assert result(result_)
            older = one.picture() if turn == 1 else one.disk
            one.kill()
            if turn == 2:
                one.wipe()
            if turn == 1:
                await world.sleep(1)
                one.restore(older)
            one.start()
            await world.sleep(4)
        assert (one.value(b"total"), two.value(b"total")) == (5, 5)
        assert len(world.digests()) == 1

    play(story, World("a", "b"))


def test_a_new_replica_opens_with_the_state_of_another() -> None:
    async def story(world: World) -> None:
        await world.open()
        (one,) = world.nodes.values()
        for number in range(50):
            one.put(b"key %d" % number, bytes(2000))
        await world.sleep(0.1)
        two = world.add("b")
        world.part()
        host = two.start()
        with pytest.raises(ReplicaCatchingUp):
            host.check_open()
        await world.sleep(5)
        assert isinstance(error(two.put(b"k", b"1")), ReplicaCatchingUp)
        assert isinstance(error(two.read([b"k"], 1)), ReplicaCatchingUp)
        world.heal()
        await world.sleep(2)
        host.check_open()
        assert [key for key, _ in host.cells(b"key 4", b"key 5")] == [b"key 4", *(b"key 4%d" % n for n in range(10))]
        two.kill()
        world.part()
        two.start()
        await world.sleep(0.1)
        assert two.is_open, "it had joined before"

    play(story, World("a"))


def test_who_has_nothing_yet_gives_nothing() -> None:
    async def story(world: World) -> None:
        await world.open()
        one = world.nodes["a"]
        one.put(b"k", b"1")
        await world.sleep(0.1)
        two, three = world.add("b"), world.add("c")
        world.cut = {frozenset("ab"), frozenset("ac")}
        two.start(), three.start()
        await world.sleep(5)
        assert (two.is_open, three.is_open) == (False, False)
        world.cut = {frozenset("ac")}
        world.heal()
        await world.sleep(5)
        assert (two.value(b"k"), three.value(b"k"), three.is_open) == (b"1", b"1", True)

    play(story, World("a"))


def test_a_full_disk_refuses_writes_and_reads_go_on() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two = world.nodes.values()
        one.put(b"k", b"1")
        await world.sleep(0.1)
        one.disk.is_full = True
        large = bytes(SEGMENT_BYTES)  # more than what the log has reserved
        waiting = one.put(b"k", large)
        await world.sleep(0.1)
        assert waiting == []
        assert isinstance(error(one.put(b"k", b"3")), NoSpace)
        assert one.value(b"k") == b"1"
        two.put(b"other", b"4")
        await world.sleep(1)
        assert waiting == []
        one.disk.is_full = False
        await world.sleep(5)
        assert result(waiting)
        assert (one.value(b"k"), one.value(b"other"), two.value(b"k")) == (large, b"4", large)

    play(story, World("a", "b"))


def test_beyond_the_quota_only_removals_are_taken() -> None:
    async def story(world: World) -> None:
        await world.open()
        (one,) = world.nodes.values()
        large = one.put(b"k", bytes(5000))
        await world.sleep(0.1)
        assert result(large)
        assert isinstance(error(one.put(b"j", b"1")), NoSpace)
        removed = one.update(b"k", Remove())
        await world.sleep(2 * TABLES_SECONDS)
        assert result(removed)
        again = one.put(b"j", b"1")
        await world.sleep(0.1)
        assert result(again)

    world = World()
    world.add("a", quota=4000)
    play(story, world)


def test_times_to_live_go_on_over_restarts() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two = world.nodes.values()
        one.update(b"k", PutLast(b"1"), ttl=10_000)
        await world.sleep(1)
        one.kill()
        two.kill()
        await world.sleep(1)
        one.start(), two.start()
        await world.sleep(1)
        assert (one.value(b"k"), two.value(b"k")) == (b"1", b"1")
        await world.sleep(8)
        assert (one.value(b"k"), two.value(b"k")) == (None, None)
        assert two.host is not None and two.host.status().keys == 1
        for seconds in (3700, 1000):
            one.clock.ahead_seconds += seconds
            two.clock.ahead_seconds += seconds
            await world.sleep(5)
        assert [node.host and node.host.status().keys for node in (one, two)] == [0, 0]

    play(story, World("a", "b"))


def test_one_away_for_too_long_keeps_its_writes_and_brings_nothing_back() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two, three = world.nodes.values()
        one.put(b"removed", b"1")
        one.update(b"total", Add(10))
        await world.sleep(1)
        world.part()
        unsent = [three.put(b"mine", b"2"), three.update(b"total", Add(5))]
        await world.sleep(1)
        sequences = [result(answers).sequence for answers in unsent]
        world.retire(three)
        assert three.wanted == 1
        assert isinstance(error(three.put(b"mine", b"3")), ReplicaRetired)
        await three.stop()
        one.update(b"removed", Remove())
        await world.sleep(100_000)
        world.attach(three)
        host = three.start()
        await world.sleep(1)
        with pytest.raises(ReplicaCatchingUp):
            host.check_open()
        assert host.status().unsent == 2
        world.heal()
        await world.sleep(5)
        assert [node.value(b"mine") for node in (one, two, three)] == [b"2"] * 3
        assert [node.value(b"total") for node in (one, two, three)] == [15] * 3
        assert [node.value(b"removed") for node in (one, two, three)] == [None] * 3
        assert len(world.digests()) == 1 and host.sequence > max(sequences)
        assert host.status().unsent == 0
        assert three.disk.list("data/keyspaces") == ["7-4"]

    play(story, World("a", "b", "c"))


def test_one_retired_again_before_it_was_back_brings_both_along() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two = world.nodes.values()
        world.part()
        two.update(b"total", Add(1))
        await world.sleep(1)
        for _ in range(2):
            world.retire(two)
            await two.stop()
            world.attach(two)
            two.start()
            await world.sleep(1)
        assert not two.is_open
        world.heal()
        await world.sleep(5)
        assert (one.value(b"total"), two.value(b"total"), two.is_open) == (1, 1, True)

    play(story, World("a", "b"))


def test_an_edge_works_alone_and_its_writes_become_its_numbers() -> None:
    async def story(world: World) -> None:
        await world.open()
        edge = world.add("edge", home="a", attach=False)
        host = edge.start()
        await world.sleep(0.1)
        edge.update(b"total", Add(3))
        edge.put(b"k", b"1")
        edge.put(b"k", b"2")
        await world.sleep(0.1)
        assert (edge.value(b"total"), edge.value(b"k"), host.status().replica) == (3, b"2", 0)
        read = encode_read_context(host.cell(b"k"))
        await edge.stop()
        world.attach(edge)
        world.part()
        host = edge.start()
        await world.sleep(0.1)
        assert (edge.value(b"total"), edge.is_open, host.status().unsent) == (3, True, 3)
        edge.update(b"total", Add(4))
        await world.sleep(0.1)
        world.heal()
        await world.sleep(5)
        assert [node.value(b"total") for node in world.nodes.values()] == [7] * 4
        assert [node.siblings(b"k") for node in world.nodes.values()] == [[b"2"]] * 4
        assert len(world.digests()) == 1 and host.status().unsent == 0
        assert sorted(host.status().agreement_seconds) == [1, 2, 3]
        edge.update(b"k", Put(b"3"), seen=read)
        await world.sleep(1)
        for asked in (edge.update(b"many", Put(b"1"), acks=3), edge.read([b"k"], 3)):
            await world.sleep(0.1)
            assert "2 is the most" in str(error(asked))
        assert edge.value(b"many") is None
        both = edge.update(b"two", Put(b"1"), acks=2)
        await world.sleep(1)
        assert result(both).acks == 2
        assert [node.siblings(b"k") for node in world.nodes.values()] == [[b"3"]] * 4

    play(story, World("a", "b", "c"))


def test_edges_agree_through_their_members() -> None:
    """One is away for good; floors rise and a retired one comes back all the same."""

    async def story(world: World) -> None:
        away = world.add("away", home="b")
        near, far = world.add("near", home="a"), world.add("far", home="b")
        await world.open()
        away.kill()
        near.put(b"k", b"1")
        await world.sleep(5)
        assert far.value(b"k") == b"1"
        world.part()
        near.update(b"total", Add(1))
        await world.sleep(1)
        world.retire(near)
        await near.stop()
        world.attach(near)
        near.start()
        world.heal()
        await world.sleep(8)
        assert near.is_open
        assert [node.value(b"total") for node in world.nodes.values() if node is not away] == [1] * 4

    play(story, World("a", "b"))


def test_a_clock_far_ahead_is_told_and_changes_nothing() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two = world.nodes.values()
        one.clock.ahead_seconds = 600
        for number in range(5):
            one.put(b"k", b"%d" % number)
            await world.sleep(1)
        assert two.alarms == ["clock ahead"]
        two.put(b"k", b"mine")
        await world.sleep(2)
        assert (one.value(b"k"), two.value(b"k"), len(world.digests())) == (b"mine", b"mine", 1)

    play(story, World("a", "b"))


def test_bad_requests_and_messages_are_refused_in_words() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two = world.nodes.values()
        assert one.host is not None and two.host is not None
        one.put(b"k", b"1")
        await world.sleep(0.1)
        mismatch = one.update(b"k", AddElement(b"1"))
        assert isinstance(error(one.put(b"", b"1")), KeyNotProvided)
        assert isinstance(error(one.update(b"k", Put(b"1"), seen=b"damaged")), ReadContextDamaged)
        both: list[object] = []
        one.host.update(Update([KeyChange(b"a", Put(b"")), KeyChange(b"b", Put(b""))]), 9.0, both.append)
        assert isinstance(both[0], InvalidRequest)
        await world.sleep(0.1)
        assert isinstance(error(mismatch), TypeMismatch)
        with pytest.raises(Unimplemented):
            one.host.vector()
        waits: list[object] = []
        one.host.wait_for(VersionVector({Origin(1, 1): 1}), 9.0, waits.append)
        one.host.wait_for(VersionVector(), 9.0, waits.append)
        assert isinstance(waits[0], Unimplemented) and waits[1] is None
        for data in (b"", b"\x63", b"\x01\xff", bytes(100)):
            two.host.received(1, data)
        await world.sleep(0.1)
        assert sum(two.host.status().refused.values()) == 4
        assert len(world.digests()) == 1

    play(story, World("a", "b"))


def test_a_write_that_fails_as_none_should_is_refused_alone() -> None:
    async def story(world: World) -> None:
        reported: list[BaseException] = []
        world.loop.set_exception_handler(lambda _, told: reported.append(told["exception"]))
        await world.open()
        one, two = world.nodes.values()
        failed = one.update(b"a", Put(b"1"), ttl=1 << 64)  # an end that cannot be written; doors refuse it
        beside = one.put(b"b", b"1")
        await world.sleep(0.1)
        assert isinstance(error(failed), ServerFault)
        assert [type(answer) for answer in beside] == [UpdateResult]
        assert isinstance(reported[0].__cause__, StructError)
        assert (two.value(b"a"), two.value(b"b"), len(world.digests())) == (None, b"1", 1)
        assert two.host is not None and two.host.status().keys == 1

    play(story, World("a", "b"))


def test_nobody_speaks_for_another() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two, three = world.nodes.values()
        assert two.host is not None
        head = Head(5, RECORD.id, three.number, 1 << 40, two.number)
        lie = encode_message(head, Rejected(Rejection.SUPERSEDED, INCARNATION_MAX))
        two.host.received(one.number, lie)
        await world.sleep(1)
        assert (two.is_open, two.wanted, two.host.status().refused["other_sender"]) == (True, 0, 1)
        assert two.alarms == ["a message cannot be read"]
        two.host.received(three.number, lie)
        await world.sleep(1)
        assert two.wanted == 1, "from that one it counts"

    play(story, World("a", "b", "c"))


def test_the_context_of_a_read_settles_what_was_read() -> None:
    async def story(world: World) -> None:
        await world.open()
        one, two = world.nodes.values()
        world.part()
        one.put(b"k", b"1")
        two.put(b"k", b"2")
        await world.sleep(0.1)
        world.heal()
        await world.sleep(4)
        assert one.host is not None and sorted(map(str, one.siblings(b"k"))) == ["b'1'", "b'2'"]
        seen = encode_read_context(one.host.cell(b"k"))
        answers = two.update(b"k", Put(b"both"), seen=seen)
        await world.sleep(0.2)
        assert result(answers)
        assert (one.siblings(b"k"), two.siblings(b"k")) == ([b"both"], [b"both"])

    play(story, World("a", "b"))


def test_the_end_of_a_keyspace_is_told_to_who_waits() -> None:
    async def story(world: World) -> None:
        await world.open()
        one = world.nodes["a"]
        assert one.host is not None
        world.part()
        answers = one.update(b"k", Put(b"1"), acks=2)
        reads = one.read([b"k"], 2)
        await world.sleep(0.1)
        await one.host.close(KeyspaceNotFound("carts"))
        assert isinstance(error(answers), KeyspaceNotFound) and isinstance(error(reads), KeyspaceNotFound)
        with pytest.raises(KeyspaceNotFound):
            one.host.check_open()
        one.host = None

    play(story, World("a", "b"))


def test_a_failing_disk_is_told_once() -> None:
    async def story(world: World) -> None:
        await world.open()
        (one,) = world.nodes.values()
        one.disk.fail_at |= {one.disk.calls + 1: errno.EIO}
        answers = one.put(b"k", b"1")
        await world.sleep(2)
        assert answers == []
        assert [type(each) for each in one.broken] == [DiskFault]
        one.broken.clear()

    play(story, World("a"))


def test_messages_that_pile_up_are_taken_a_piece_at_a_time_and_what_finds_no_room_is_repaired() -> None:
    """Else a member that is behind stands still until it has taken all in, and its peers take it for dead."""

    async def story(world: World) -> None:
        await world.open()
        one, two = world.nodes.values()
        host = two.host
        assert host is not None
        core = host._core
        assert core is not None
        turn, sizes = core.turn, []

        def measured(given: Input) -> Output:
            sizes.append(sum(map(len, given.received)))
            return turn(given)

        core.turn = measured  # type: ignore[method-assign]
        host._is_scheduled = True  # two is busy elsewhere
        for number in range(12):
            one.put(b"key %d" % number, bytes(WAITING_BYTES_MAX // 10))
            await world.sleep(0.05)
        assert sizes == [] and host.status().refused["no_room"]
        host._is_scheduled = False
        host._schedule()
        await world.sleep(10)
        assert max(sizes) < TURN_BYTES + WAITING_BYTES_MAX // 9
        assert len(world.digests()) == 1 and two.value(b"key 11")

    play(story, World("a", "b"))
