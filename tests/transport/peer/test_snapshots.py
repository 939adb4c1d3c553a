# SPDX-License-Identifier: Apache-2.0
"""Snapshots in bulk, in virtual time: whole, resumed, refused, paced, and never in the way of messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.transport.peer.members import Member, append, heartbeat, in_virtual_time
from tricord.sim.host_network import HostNetwork
from tricord.transport.peer.connection import PeerConnection
from tricord.transport.peer.settings import PeerSettings
from tricord.transport.peer.snapshot_sender import SnapshotResult
from tricord.wire.peer.events import PeerEvent, Refused
from tricord.wire.peer.frames import FrameKind, frame
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.refusals import Refusal, RefusalCode
from tricord.wire.peer.snapshot import SnapshotOffer, encode_offer, encode_offset

CONTENT = bytes(range(256)) * 400
OFFER = SnapshotOffer(1, 50, 3, len(CONTENT), 77, b"configuration")
SMALL = PeerSettings(snapshot_chunk=1000, snapshot_window=4000, snapshot_rate=200_000, snapshot_patience=5.0)


class Sink:
    """Keeps the bytes; ``problem`` is what it finds at the end."""

    def __init__(self, problem: str = "") -> None:
        self.content = bytearray()
        self.problem = problem
        self.writes: list[int] = []
        self.happened: list[str] = []

    @property
    def have(self) -> int:
        return len(self.content)

    def write(self, offset: int, data: bytes) -> None:
        assert offset == len(self.content)
        self.content += data
        self.writes.append(offset)

    def finish(self) -> str:
        self.happened.append("finished")
        return self.problem

    def close(self) -> None:
        self.happened.append("closed")


def read(offset: int, size: int) -> bytes:
    return CONTENT[offset : offset + size]


async def joined(members: list[Member], sink: Any) -> tuple[Member, Member]:
    """Two members, the second of which takes snapshots into the sink."""
    first, second = members
    second.hooks.offered = lambda sender, offer: sink
    await first.start(second)
    await second.start(first)
    await asyncio.sleep(0.2)
    return first, second


def test_a_snapshot_arrives_whole_while_messages_pass() -> None:
    sink = Sink()
    offers: list[tuple[int, SnapshotOffer]] = []
    progress: list[tuple[int, int]] = []

    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await joined(members, sink)

        def offered(sender: int, offer: SnapshotOffer) -> Sink:
            offers.append((sender, offer))
            return sink

        second.hooks.offered = offered
        sending = asyncio.ensure_future(
            first.links.send_snapshot(2, OFFER, read, lambda taken, size: progress.append((taken, size)))
        )
        await asyncio.sleep(0.02)
        assert 0 < sink.have < len(CONTENT)
        first.links.send([heartbeat(1, 2), append(1, 2)])
        await asyncio.sleep(0.001)
        assert len(second.received) == 2, "nothing waits behind a snapshot"
        assert await sending == SnapshotResult(True)
        await asyncio.sleep(0.01)

    in_virtual_time(story, settings=SMALL)
    assert bytes(sink.content) == CONTENT and sink.happened == ["finished", "closed"]
    assert offers == [(1, OFFER)]
    assert progress[0] == (0, len(CONTENT)) and progress[-1] == (len(CONTENT), len(CONTENT))
    assert progress == sorted(progress)


def test_a_transfer_keeps_to_its_rate_and_its_window() -> None:
    sink = Sink()
    seen: list[int] = []

    async def story(network: HostNetwork, members: list[Member]) -> float:
        first, _ = await joined(members, sink)

        def spying(offset: int, size: int) -> bytes:
            seen.append(offset + size - sink.have)
            return read(offset, size)

        started = first.environment.clock.monotonic()
        assert (await first.links.send_snapshot(2, OFFER, spying)).delivered
        return first.environment.clock.monotonic() - started

    settings = PeerSettings(snapshot_chunk=1000, snapshot_window=4000, snapshot_rate=51_200)
    seconds = in_virtual_time(story, settings=settings)
    assert len(CONTENT) / 51_200 - 0.15 < seconds < len(CONTENT) / 51_200 + 0.15
    assert max(seen) <= 4000


@pytest.mark.parametrize("by_network", [True, False])
def test_a_cut_transfer_goes_on_where_it_ended(by_network: bool) -> None:
    sink = Sink()

    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await joined(members, sink)
        sending = asyncio.ensure_future(first.links.send_snapshot(2, OFFER, read))
        await asyncio.sleep(0.05)
        if by_network:
            network.cut(first.host, second.host)
        else:
            first.links.cuts.replace([(2, 1)])
        await asyncio.sleep(3.0)
        assert 0 < sink.have < len(CONTENT) and not sending.done()
        if by_network:
            network.heal()
        first.links.cuts.replace([])
        assert await sending == SnapshotResult(True)

    in_virtual_time(story, settings=SMALL)
    assert bytes(sink.content) == CONTENT
    assert sink.writes == sorted(set(sink.writes)), "no byte was written twice"


def test_a_receiver_that_was_restarted_goes_on_with_what_it_kept() -> None:
    sink = Sink()

    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await joined(members, sink)
        sending = asyncio.ensure_future(first.links.send_snapshot(2, OFFER, read))
        await asyncio.sleep(0.05)
        second.stop()
        await asyncio.sleep(1.0)
        kept = sink.have
        again = Member(network, 2, SMALL)
        again.hooks.offered = lambda sender, offer: sink
        await again.start(first)
        assert await sending == SnapshotResult(True)
        assert kept > 0 and sink.writes.count(kept) == 1
        again.stop()

    in_virtual_time(story, settings=SMALL)
    assert bytes(sink.content) == CONTENT


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Refusal(RefusalCode.BUSY, "another snapshot is being taken"), "another snapshot is being taken"),
        (Sink("block 7 does not match its checksum"), "block 7 does not match its checksum"),
    ],
)
def test_what_the_receiver_does_not_take_is_not_delivered(answer: Any, error: str) -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, _ = await joined(members, answer)
        assert await first.links.send_snapshot(2, OFFER, read) == SnapshotResult(False, error)

    in_virtual_time(story, settings=SMALL)


def test_a_receiver_whose_disk_fails_says_so() -> None:
    class Full(Sink):
        def write(self, offset: int, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, _ = await joined(members, Full())
        result = await first.links.send_snapshot(2, OFFER, read)
        assert not result.delivered and "No space left" in result.error

    in_virtual_time(story, settings=SMALL)


def test_a_file_that_fails_or_is_short_ends_the_transfer() -> None:
    def failing(offset: int, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, _ = await joined(members, Sink())
        failed = await first.links.send_snapshot(2, OFFER, failing)
        short = await first.links.send_snapshot(2, OFFER, lambda offset, size: CONTENT[offset:5500][:size])
        assert "cannot be read" in failed.error and "shorter" in short.error

    in_virtual_time(story, settings=SMALL)


def test_a_member_that_cannot_be_reached_is_given_up_in_time() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        await first.start(second)
        result = await first.links.send_snapshot(2, OFFER, read)
        assert not result.delivered and "refused" in result.error
        assert 5.0 < first.environment.clock.monotonic() < 6.5
        assert not (await first.links.send_snapshot(3, OFFER, read)).delivered

    in_virtual_time(story, settings=SMALL)


def test_a_receiver_that_never_answers_is_given_up_in_time() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await joined(members, Sink())
        second.environment.tasks.in_lane_then = lambda *args: None  # type: ignore[method-assign]
        result = await first.links.send_snapshot(2, OFFER, read)
        assert result == SnapshotResult(False, "the receiver took too long")

    in_virtual_time(story, settings=SMALL)


def test_a_stopping_member_and_a_cancelled_caller_leave_nothing_behind() -> None:
    sink = Sink()

    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, _ = await joined(members, sink)
        cancelled = asyncio.ensure_future(first.links.send_snapshot(2, OFFER, read))
        await asyncio.sleep(0.02)
        cancelled.cancel()
        await asyncio.sleep(0.02)
        assert sink.happened == ["closed"]
        stopped = asyncio.ensure_future(first.links.send_snapshot(2, OFFER, read))
        await asyncio.sleep(0.02)
        first.stop()
        assert await stopped == SnapshotResult(False, "this member is stopping")

    in_virtual_time(story, settings=SMALL)


def test_a_flipped_bit_on_the_way_costs_a_connection_and_no_byte() -> None:
    sink = Sink()

    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, _ = await joined(members, sink)
        sending = asyncio.ensure_future(first.links.send_snapshot(2, OFFER, read))
        await asyncio.sleep(0.05)
        (sender,) = first.links._transfers
        assert sender.connection is not None
        honest = sender.connection.send

        def flipping(frames: bytes) -> None:
            damaged = bytearray(frames)
            damaged[-1] ^= 1
            honest(bytes(damaged))

        sender.connection.send = flipping  # type: ignore[method-assign]
        assert await sending == SnapshotResult(True)

    in_virtual_time(story, settings=SMALL)
    assert bytes(sink.content) == CONTENT


class Raw:
    """Owns a connection of the snapshot lane that says whatever it is told to."""

    def __init__(self) -> None:
        self.events: list[PeerEvent] = []

    def heard(self, connection: PeerConnection, events: list[PeerEvent]) -> None:
        self.events += events

    def lost(self, connection: PeerConnection, error: Exception | None) -> None:
        return

    def fault(self, error: BaseException, where: str) -> None:
        raise error


OFFERED = frame(FrameKind.OFFER, encode_offer(OFFER))
FIRST = frame(FrameKind.CHUNK, encode_offset(0), CONTENT[:100])


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([frame(FrameKind.OFFER, b"short")], "an offer is cut short"),
        ([OFFERED, OFFERED], "a connection brings one snapshot"),
        ([FIRST], "a chunk came before its offer was taken, or after its end"),
        ([OFFERED, frame(FrameKind.CHUNK, encode_offset(7), b"x")], "a chunk came out of order"),
        ([OFFERED, frame(FrameKind.CHUNK, encode_offset(0), CONTENT + b"x")], "a chunk came out of order"),
        ([OFFERED, FIRST, FIRST], "a chunk came out of order"),
        ([OFFERED, frame(FrameKind.CHUNK, encode_offset(0))], "a chunk came out of order"),
        ([OFFERED, FIRST, frame(FrameKind.FINISH)], "a snapshot ended before it was whole"),
        ([frame(FrameKind.FINISH)], "a snapshot ended before it was whole"),
        ([frame(FrameKind.MESSAGES)], "a frame of kind 8 does not belong here"),
    ],
)
def test_a_sender_that_breaks_the_rules_is_refused(steps: list[bytes], text: str) -> None:
    raw = Raw()

    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await joined(members, Sink())
        connection = await first.links._dialler.dial(second.address, 2, Lane.SNAPSHOT, raw)
        await asyncio.sleep(0.01)
        for step in steps:
            connection.send(step)
            await asyncio.sleep(0.01)
        assert first.connected(second) and not second.said("fault")

    in_virtual_time(story, settings=SMALL)
    assert raw.events[-1] == Refused(Refusal(RefusalCode.MALFORMED, text), True)


def test_a_host_that_fails_at_an_offer_is_reported() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await joined(members, Sink())

        def broken(sender: int, offer: SnapshotOffer) -> Sink:
            raise RuntimeError("a bug")

        second.hooks.offered = broken
        assert await first.links.send_snapshot(2, OFFER, read) == SnapshotResult(False, "the receiver failed")
        assert "a bug" in second.said("fault")[0]

    in_virtual_time(story, settings=SMALL)
