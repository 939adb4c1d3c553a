# SPDX-License-Identifier: Apache-2.0
"""What a turn sends, packed: several messages to one member share a packet, and news fills what room is left.

Whoever is told anything is told first what this member wrongly thinks of it (Lifeguard's buddy system): a suspected
member learns it with the next probe, and one that is held for dead with the next answer.
"""

from __future__ import annotations

from tricord.gossip.claims import Standing
from tricord.gossip.codec import HEAD_SIZE, Head, encode_message, encode_packet, encode_stream
from tricord.gossip.config import GossipConfig
from tricord.gossip.counts import GossipCounts
from tricord.gossip.dissemination import Dissemination
from tricord.gossip.envelope import Envelopes, Purpose
from tricord.gossip.messages import Ack, Message, Ping, StateOf
from tricord.gossip.table import Row, Table
from tricord.gossip.turn import Exchange, Output

_ACCUSED = (Standing.SUSPECT, Standing.DEAD, Standing.LEFT)


class Outbox:
    """Collects for one turn. ``flush`` gives it away."""

    def __init__(
        self, config: GossipConfig, table: Table, news: Dissemination, envelopes: Envelopes, counts: GossipCounts
    ) -> None:
        self._config = config
        self._table = table
        self._news = news
        self._envelopes = envelopes
        self._counts = counts
        self._waiting: dict[int, list[bytes]] = {}
        self._exchanges: list[Exchange] = []
        self._answers: list[tuple[int, bytes]] = []

    def post(self, member: int, *messages: Message) -> None:
        """Send these to a listed member; without any, send news alone."""
        if member in self._table.rows:
            self._waiting.setdefault(member, []).extend(map(encode_message, messages))

    def exchange(self, ticket: int, member: int, request: Ping | StateOf, timeout: float) -> None:
        """Ask a listed member by a stream."""
        row = self._table.rows[member]
        self._counts.exchanges += 1
        body = encode_stream(request)
        payload = self._streamed(Purpose.REQUEST, member, ticket, body)
        self._exchanges.append(Exchange(ticket, row.address, payload, timeout))

    def answer(self, stream: int, member: int, ticket: int, answer: Ack | StateOf) -> None:
        """Answer a stream."""
        self._answers.append((stream, self._streamed(Purpose.ANSWER, member, ticket, encode_stream(answer))))

    def flush(self, output: Output) -> None:
        """All of it, packed."""
        limit = self._config.transmissions(self._table.size)
        for member, messages in self._waiting.items():
            row = self._table.rows.get(member)
            if row is not None:
                self._pack(row, messages, limit, output)
        output.exchanges, output.answers = self._exchanges, self._answers
        self._waiting, self._exchanges, self._answers = {}, [], []

    def _pack(self, row: Row, messages: list[bytes], limit: int, output: Output) -> None:
        if row.standing in _ACCUSED:
            messages = [encode_message(row.claim(whole=False)), *messages]
        room_max = self._config.packet_size - self._envelopes.overhead - HEAD_SIZE
        packet: list[bytes] = []
        room = room_max
        for message in messages:
            if len(message) > room:
                self._send(row, packet, output)
                packet, room = [], room_max
            packet.append(message)
            room -= len(message)
        news = self._news.take(room, limit)
        if packet or news:
            self._send(row, packet + news, output)

    def _send(self, row: Row, messages: list[bytes], output: Output) -> None:
        body = encode_packet(Head(self._config.member, row.member), messages)
        data = self._envelopes.close(Purpose.PACKET, body)
        self._counts.packets_sent += 1
        self._counts.bytes_sent += len(data)
        output.packets.append((row.address, data))

    def _streamed(self, purpose: Purpose, member: int, ticket: int, body: bytes) -> bytes:
        head = Head(self._config.member, member, ticket)
        return self._envelopes.close(purpose, encode_packet(head, (body,)))
