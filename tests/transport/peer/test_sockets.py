# SPDX-License-Identifier: Apache-2.0
"""Links over real sockets: beside clients on one port, on a port of their own with certificates, on both loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from tests.transport import interop_service
from tests.transport.conftest import Certificates
from tests.transport.interop_messages import Empty
from tests.transport.peer.members import append, heartbeat
from tests.transport.peer.test_snapshots import CONTENT, OFFER, Sink, read
from tests.transport.serving import environment
from tricord.raft.messages import Message
from tricord.runtime.tasks import LoopTasks
from tricord.transport import Limits, Server
from tricord.transport.client_connection import dial
from tricord.transport.peer.hooks import LocalMember, PeerHooks
from tricord.transport.peer.links import PeerLinks
from tricord.transport.tls import peer_context, server_context
from tricord.wire.http.routes import Routes
from tricord.wire.peer.refusals import Refusal, RefusalCode

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


class Real:
    """A member with links over TCP."""

    def __init__(self, member: int, **options: Any) -> None:
        self.environment = environment()
        self.local = LocalMember(7, 8, member, 100 + member)
        self.told: asyncio.Queue[object] = asyncio.Queue()
        """Messages, members that are gone, and refusals, in order."""
        self.sink = Sink()
        self._changed = asyncio.Event()
        self.hooks = PeerHooks(
            received=self._received,
            gone=self.told.put_nowait,
            refused=lambda peer, refusal: self.told.put_nowait(refusal),
            changed=lambda state: self._changed.set(),
            expected=lambda hello: None,
            offered=lambda sender, offer: self.sink,
        )
        self.links = PeerLinks(self.environment, self.hooks, **options)
        self.links.set_local(self.local)

    async def hear(self) -> object:
        """What this member is told next."""
        return await asyncio.wait_for(self.told.get(), 60.0)

    async def open_to(self, member: int) -> None:
        """Wait until both links are open."""
        while sum(state.connected for state in self.links.states() if state.member == member) < 2:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 60.0)

    def stop(self) -> None:
        self.links.close()
        assert isinstance(self.environment.tasks, LoopTasks)
        self.environment.tasks.close()

    def _received(self, messages: list[Message]) -> None:
        for message in messages:
            self.told.put_nowait(message)


def run(loop: Callable[[], asyncio.AbstractEventLoop], story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


@pytest.mark.parametrize("loop", LOOPS)
def test_members_and_clients_share_a_port(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        first, second = Real(1), Real(2)
        server = Server(
            second.environment,
            interop_service.methods(),
            Routes(),
            Limits(max_connections=1),
            peers=second.links.accept,
        )
        port = (await server.listen("127.0.0.1", 0)).addresses()[0][1]
        client = await dial(first.environment, "127.0.0.1", port)
        await client.unary("/grpc.testing.TestService/EmptyCall", Empty().SerializeToString(), 5.0)
        first.links.set_peers({2: [("127.0.0.1", port)]})
        await first.open_to(2)
        assert server.connection_count() == 1, "members do not count among the clients, nor do clients keep them out"
        first.links.send([append(1, 2, 5, 300_000)])
        assert await second.hear() == append(1, 2, 5, 300_000)
        first.links.send([heartbeat(1, 2)])
        assert await second.hear() == heartbeat(1, 2)
        assert (await first.links.send_snapshot(2, OFFER, read)).delivered
        assert bytes(second.sink.content) == CONTENT
        await _second_client_is_refused(first, server, port)
        server.abort()
        second.stop()
        assert await first.hear() == 2, "the process is gone: its port refuses"
        first.stop()

    run(loop, story)


async def _second_client_is_refused(member: Real, server: Server, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await reader.readexactly(1)
    writer.close()
    assert server.refused_connections == 1


@pytest.mark.parametrize("loop", LOOPS)
def test_certificates_are_proof_enough(
    loop: Callable[[], asyncio.AbstractEventLoop], certificates: Certificates
) -> None:
    authority, certificate, key = certificates.authority, certificates.certificate, certificates.key

    async def story() -> None:
        first = Real(1, tls=peer_context(authority, certificate, key))
        second = Real(2)
        stranger = Real(3, tls=peer_context(authority, None, None))
        listener = await second.links.listen("127.0.0.1", 0, server_context(certificate, key, authority))
        address = listener.addresses()[0]
        for member in (stranger, first):
            member.links.set_peers({2: [address]})
        await first.open_to(2)
        first.links.send([append(1, 2, 9, 300_000)])
        assert await second.hear() == append(1, 2, 9, 300_000)
        assert not any(state.connected for state in stranger.links.states())
        for member in (first, stranger, second):
            member.stop()
        await asyncio.sleep(0)

    run(loop, story)


def test_another_secret_is_refused() -> None:
    async def story() -> None:
        first, second = Real(1, secret=b"one"), Real(2, secret=b"another")
        address = (await second.links.listen("127.0.0.1", 0)).addresses()[0]
        first.links.set_peers({2: [address]})
        refusal = await first.hear()
        assert isinstance(refusal, Refusal) and refusal.code == RefusalCode.PROOF_WRONG
        first.stop()
        second.stop()

    run(asyncio.new_event_loop, story)
