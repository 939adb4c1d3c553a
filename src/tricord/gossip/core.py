# SPDX-License-Identifier: Apache-2.0
"""One member's part of the protocol: the turn."""

from __future__ import annotations

from tricord.base.environment import Random
from tricord.base.errors import RequestTooLarge
from tricord.gossip.awareness import Awareness
from tricord.gossip.broadcasts import Broadcasts
from tricord.gossip.chance import some
from tricord.gossip.claims import Claim, Standing
from tricord.gossip.codec import Head, decode_packet, decode_stream, encode_message
from tricord.gossip.config import BROADCAST_MAX, METADATA_MAX, GossipConfig
from tricord.gossip.counts import GossipCounts
from tricord.gossip.dissemination import Dissemination
from tricord.gossip.envelope import Envelopes, Purpose
from tricord.gossip.keyring import KeyRing
from tricord.gossip.membership import Membership
from tricord.gossip.messages import Ack, Broadcast, Message, Nack, Ping, PingRequest, StateOf
from tricord.gossip.outbox import Outbox
from tricord.gossip.probe import Prober
from tricord.gossip.push_pull import PushPull
from tricord.gossip.refusals import PacketRefused, Reason
from tricord.gossip.relay import Relays
from tricord.gossip.sequences import Sequences
from tricord.gossip.table import Table
from tricord.gossip.turn import Answer, Delivery, Input, MemberView, Output, Request


def check_broadcast(topic: int, payload: bytes) -> None:
    """Raises RequestTooLarge."""
    if len(payload) > BROADCAST_MAX or not 0 <= topic < 2**16:
        raise RequestTooLarge(f"a broadcast has at most {BROADCAST_MAX} bytes, and a topic of 16 bits")


def check_metadata(metadata: bytes) -> None:
    """Raises RequestTooLarge."""
    if len(metadata) > METADATA_MAX:
        raise RequestTooLarge(f"a member says at most {METADATA_MAX} bytes of itself")


class Gossip:
    """Give it what came in and the time, carry out what it says, and come back at ``wake_at`` or earlier."""

    def __init__(self, config: GossipConfig, random: Random) -> None:
        """Raises ConfigurationError."""
        self.config = config
        self.counts = GossipCounts()
        self._random = random
        self._table = Table(config.member, config.members_max)
        self._news = Dissemination(self.counts)
        self._awareness = Awareness(config.health_max, enabled=config.local_health)
        self._envelopes = Envelopes(config.cluster, KeyRing(config.keys, random))
        self._membership = Membership(config, self._table, self._news, self._awareness, self.counts)
        self._broadcasts = Broadcasts()
        self._broadcast_number = 0
        self._outbox = Outbox(config, self._table, self._news, self._envelopes, self.counts)
        sequences = Sequences(random)
        self._prober = Prober(config, random, self._table, self._awareness, self._outbox, sequences, self.counts)
        self._relays = Relays(config, self._table, self._outbox, sequences, self.counts)
        self._push_pull = PushPull(config, random, self._table, self._membership, self._outbox, sequences)
        self._deliveries: list[Delivery] = []
        self._corrected: list[int] = []
        """Who was told in this turn that what it thinks of this member is over."""
        self._gossip_at = 0.0
        self._leave_by: float | None = None
        self._woken_by: float | None = None

    # --- what is known -------------------------------------------------------------------------------------

    @property
    def health(self) -> int:
        """How much this member doubts itself: 0 is well."""
        return self._awareness.score

    @property
    def waiting(self) -> int:
        """Pieces of news that are still being spread."""
        return len(self._news)

    def members(self) -> list[MemberView]:
        """All listed members but this one, by id."""
        return [
            MemberView(row.member, row.standing, row.incarnation, row.metadata, row.address)
            for row in self._table.rows.values()
        ]

    def standing_of(self, member: int) -> Standing | None:
        """None: not listed, or this member itself."""
        row = self._table.rows.get(member)
        return None if row is None else row.standing

    @property
    def incarnation(self) -> int:
        """This member's own."""
        return self._membership.incarnation

    # --- the turn ------------------------------------------------------------------------------------------

    def turn(self, input: Input) -> Output:
        """Raises, before anything is changed, RequestTooLarge for a broadcast or metadata, ConfigurationError for keys
        or a list of members. Whatever comes from the network is heard or counted (``counts.refused``)."""
        self._take_settings(input)
        now = input.now
        self._notice_lateness(now)
        for data in input.packets:
            self._hear_packet(data, now)
        for request in input.requests:
            self._hear_request(request, now)
        for answer in input.answers:
            self._hear_answer(answer, now)
        self._tick(now)
        return self._output(now)

    def _take_settings(self, input: Input) -> None:
        for topic, payload in input.broadcasts:
            check_broadcast(topic, payload)
        if input.metadata is not None:
            check_metadata(input.metadata)
        keys = None if input.keys is None else KeyRing(input.keys, self._random)
        if input.listed is not None:
            known = list(self._table.rows)
            self._membership.belong(input.listed)
            for member in known:
                if member not in self._table.rows:
                    self._broadcasts.forget(member)
        if keys is not None:
            self._envelopes.keys = keys
        if input.metadata is not None:
            self._membership.describe(input.metadata)
        for topic, payload in input.broadcasts:
            self._tell_all(topic, payload)
        if input.leave and self._leave_by is None:
            self._leave_by = input.now + self.config.leave_timeout
            self._membership.leave()

    def _notice_lateness(self, now: float) -> None:
        late = 0.0 if self._woken_by is None else now - self._woken_by
        if self.config.local_health and late > self.config.probe_timeout:
            # This process stood still. What came meanwhile is not read yet: nobody else is to blame.
            self.counts.late_turns += 1
            self._awareness.change(1)
            self._prober.postpone(late)
            self._membership.postpone(late)

    def _tick(self, now: float) -> None:
        self._membership.expire(now)
        if self._leave_by is None:
            failed = self._prober.tick(now)
            if failed is not None:
                self._membership.suspect(failed, now)
            self._push_pull.tick(now)
        self._relays.tick(now)
        if self._news and now >= self._gossip_at:
            self._gossip_at = now + self.config.gossip_interval
            for member in some(self._random, self._table.live, self.config.gossip_fanout):
                self._outbox.post(member)

    def _output(self, now: float) -> Output:
        output = Output()
        self._outbox.flush(output)
        output.events, self._membership.events = self._membership.events, []
        output.deliveries, self._deliveries = self._deliveries, []
        self._corrected = []
        output.left = self._has_left(now)
        output.wake_at = self._woken_by = self._next_at(now)
        return output

    def _has_left(self, now: float) -> bool:
        if self._leave_by is None:
            return False
        return now >= self._leave_by or not self._table.live or not self._news.has_claim(self.config.member)

    def _next_at(self, now: float) -> float:
        times = [self._membership.next_at(), self._relays.next_at()]
        if self._leave_by is None:
            times += [self._prober.next_at(), self._push_pull.next_at()]
        else:
            times.append(max(self._leave_by, now + self.config.gossip_interval))
        if self._news and self._table.live:
            times.append(max(self._gossip_at, now))
        return min(time for time in times if time is not None)

    # --- what comes in -------------------------------------------------------------------------------------

    def _hear_packet(self, data: bytes, now: float) -> None:
        self.counts.packets_received += 1
        self.counts.bytes_received += len(data)
        try:
            head, messages = decode_packet(self._envelopes.open(Purpose.PACKET, data))
            self._check_head(head)
        except PacketRefused as refused:
            self.counts.refused[refused.reason] += 1
            return
        for message in messages:
            self._hear(message, head.sender, now)

    def _hear_request(self, request: Request, now: float) -> None:
        try:
            head, message = self._open_stream(Purpose.REQUEST, request.payload)
        except PacketRefused as refused:
            self.counts.refused[refused.reason] += 1
            return
        if isinstance(message, Ping):
            self._outbox.answer(request.stream, head.sender, head.exchange, Ack(message.sequence))
        elif isinstance(message, StateOf):
            self._membership.hear_state(message.claims, now)
            state = StateOf(self._membership.state())
            self._outbox.answer(request.stream, head.sender, head.exchange, state)

    def _hear_answer(self, answer: Answer, now: float) -> None:
        if answer.payload is None:
            self._push_pull.ended(answer.ticket)
            return
        try:
            head, message = self._open_stream(Purpose.ANSWER, answer.payload)
            if head.exchange != answer.ticket:
                raise PacketRefused(Reason.OTHER_RECEIVER, "an answer to another request")
        except PacketRefused as refused:
            self.counts.refused[refused.reason] += 1
            self._push_pull.ended(answer.ticket)
            return
        if isinstance(message, StateOf) and self._push_pull.ended(answer.ticket):
            self._membership.hear_state(message.claims, now)
        elif isinstance(message, Ack):
            self._prober.answered(answer.ticket)

    def _open_stream(self, purpose: Purpose, data: bytes) -> tuple[Head, Ping | Ack | StateOf]:
        head, message = decode_stream(self._envelopes.open(purpose, data), self.config.members_max)
        self._check_head(head)
        return head, message

    def _check_head(self, head: Head) -> None:
        if head.receiver != self.config.member:
            raise PacketRefused(Reason.OTHER_RECEIVER, f"for member {head.receiver:x}")
        if head.sender not in self._table.rows:
            raise PacketRefused(Reason.UNKNOWN_SENDER, f"member {head.sender:x} is not listed")

    def _hear(self, message: Message, sender: int, now: float) -> None:
        match message:
            case Ping(sequence):
                self._outbox.post(sender, Ack(sequence))
            case Ack(sequence):
                self._prober.acked(sequence, sender)
                self._relays.acked(sequence, sender)
            case Nack(sequence):
                self._prober.nacked(sequence, sender)
            case PingRequest():
                self._relays.ask(message, sender, now)
            case Claim():
                self._membership.hear(message, now)
                if self._membership.is_overtaken(message) and sender not in self._corrected:
                    self._corrected.append(sender)
                    self._outbox.post(sender, self._membership.own_claim())
            case Broadcast():
                self._hear_broadcast(message)

    def _hear_broadcast(self, message: Broadcast) -> None:
        if message.origin in self._table.rows and self._broadcasts.is_new(message):
            self.counts.deliveries += 1
            self._deliveries.append(Delivery(message.origin, message.topic, message.payload))
            self._news.tell_broadcast(message.origin, message.number, encode_message(message))

    def _tell_all(self, topic: int, payload: bytes) -> None:
        self._broadcast_number += 1
        self.counts.broadcasts += 1
        member = self.config.member
        message = Broadcast(member, self.config.incarnation, self._broadcast_number, topic, payload)
        self._news.tell_broadcast(member, self._broadcast_number, encode_message(message))
