# SPDX-License-Identifier: Apache-2.0
"""One member's probes, message by message: what it asks, whom, and what it thinks of itself when nobody answers."""

from __future__ import annotations

import pytest

from tests.gossip.test_rules import core, packet, said
from tricord.gossip import Answer, Gossip, Input, Output, Request, Standing
from tricord.gossip.claims import Claim
from tricord.gossip.codec import Head, decode_stream, encode_head, encode_stream
from tricord.gossip.envelope import Envelopes, Purpose
from tricord.gossip.keyring import KeyRing
from tricord.gossip.messages import Ack, Message, Nack, Ping, PingRequest, StateOf
from tricord.gossip.refusals import Reason
from tricord.sim.environment import SeededRandom

PLAIN = Envelopes(7, KeyRing((), SeededRandom(0)))
OTHERS = [2, 3, 4, 5]


def sent(output: Output, kind: type[Message]) -> dict[int, Message]:
    """Messages of this kind, by receiver."""
    found = {}
    for (host, _), data in output.packets:
        for message in said(data):
            if isinstance(message, kind):
                found[int(host[1:])] = message
    return found


class Prober:
    """A core that knows four others, in the middle of its first probe."""

    def __init__(self) -> None:
        self.gossip: Gossip = core()
        claims = [Claim(Standing.ALIVE, member, 1, member) for member in OTHERS]
        output = self.gossip.turn(Input(0.1, [packet(*claims)]))
        self.now = 0.1
        while not sent(output, Ping):
            output = self.at(output.wake_at)
        ((self.target, ping),) = sent(output, Ping).items()
        assert isinstance(ping, Ping)
        self.sequence = ping.sequence
        self.helpers = [member for member in OTHERS if member != self.target]

    def at(self, now: float, *packets: bytes) -> Output:
        """A turn; it is not late."""
        self.gossip._woken_by = now
        self.now = now
        return self.gossip.turn(Input(now, list(packets)))


def test_a_probe_that_is_answered_suspects_nobody_and_raises_confidence() -> None:
    prober = Prober()
    prober.gossip._awareness.change(3)
    prober.at(prober.now + 0.1, packet(Ack(prober.sequence), sender=prober.target))
    prober.at(prober.now + 1.0)
    assert (prober.gossip.counts.probes_failed, prober.gossip.health) == (0, 2)
    assert prober.gossip.counts.probes_indirect == 0


def test_an_answer_of_another_or_to_another_probe_is_none() -> None:
    prober = Prober()
    wrong = packet(Ack(prober.sequence), sender=prober.helpers[0])
    prober.at(prober.now + 0.1, wrong, packet(Ack(prober.sequence + 1), sender=prober.target))
    assert set(sent(prober.at(prober.now + 0.5), PingRequest)) == set(prober.helpers)


@pytest.mark.parametrize(("nacks", "health"), [(0, 3), (2, 1), (3, 0)])
def test_a_failed_probe_is_the_less_ones_own_fault_the_more_helpers_were_heard(nacks: int, health: int) -> None:
    prober = Prober()
    output = prober.at(prober.now + 0.5)
    asked = sent(output, PingRequest)
    assert asked == dict.fromkeys(prober.helpers, PingRequest(prober.sequence, prober.target))
    heard = [packet(Nack(prober.sequence), sender=helper) for helper in prober.helpers[:nacks]]
    prober.at(prober.now + 0.4, *heard, *heard, packet(Nack(prober.sequence), sender=prober.target))
    prober.at(prober.now + 0.2)
    assert (prober.gossip.standing_of(prober.target), prober.gossip.health) == (Standing.SUSPECT, health)


def test_a_helpers_answer_ends_the_probe() -> None:
    prober = Prober()
    prober.at(prober.now + 0.5)
    prober.at(prober.now + 0.3, packet(Ack(prober.sequence), sender=prober.helpers[1]))
    prober.at(prober.now + 0.3)
    assert prober.gossip.standing_of(prober.target) is Standing.ALIVE


def test_an_answer_by_a_stream_ends_the_probe() -> None:
    prober = Prober()
    output = prober.at(prober.now + 0.5)
    exchange = next(exchange for exchange in output.exchanges if exchange.address == (f"m{prober.target}", 1))
    head, asked = decode_stream(PLAIN.open(Purpose.REQUEST, exchange.payload), 10)
    assert (head, asked) == (Head(1, prober.target, exchange.ticket), Ping(prober.sequence))
    for number in (exchange.ticket + 1, exchange.ticket):  # one that answered another request proves nothing
        assert prober.gossip._prober._probe is not None
        head = Head(prober.target, 1, number)
        answer = PLAIN.close(Purpose.ANSWER, encode_head(head) + encode_stream(Ack(prober.sequence)))
        prober.gossip.turn(Input(prober.now + 0.1, answers=[Answer(exchange.ticket, answer)]))
    assert prober.gossip.counts.refused[Reason.OTHER_RECEIVER] == 1
    prober.at(prober.now + 0.6)
    assert prober.gossip.standing_of(prober.target) is Standing.ALIVE


def test_a_probe_goes_on_after_the_process_stood_still() -> None:
    prober = Prober()
    prober.gossip.turn(Input(prober.now + 60.0))
    prober.at(prober.now + 60.1, packet(Ack(prober.sequence), sender=prober.target))
    prober.at(prober.now + 1.0)
    assert (prober.gossip.counts.late_turns, prober.gossip.counts.probes_failed) == (1, 0)


def test_a_helper_passes_an_answer_on_and_says_in_time_that_there_is_none() -> None:
    prober = Prober()
    asked = packet(PingRequest(77, 3), PingRequest(78, 4), PingRequest(79, 99), sender=2)
    pings = sent(prober.at(prober.now + 0.01, asked), Ping)
    ping = pings[3]
    assert isinstance(ping, Ping) and set(pings) == {3, 4}
    output = prober.at(prober.now + 0.1, packet(Ack(ping.sequence), sender=3))
    assert sent(output, Ack) == {2: Ack(77)}
    output = prober.at(prober.now + 0.31)
    assert sent(output, Nack) == {2: Nack(78)}
    late = pings[4]
    assert isinstance(late, Ping)
    assert sent(prober.at(prober.now + 0.3, packet(Ack(late.sequence), sender=4)), Ack) == {2: Ack(78)}
    assert sent(prober.at(prober.now + 0.1, packet(Ack(late.sequence), sender=4)), Ack) == {}


def test_a_request_by_a_stream_is_answered_on_it() -> None:
    gossip = core()
    head = encode_head(Head(2, 1, 5))
    requests = [
        Request(8, PLAIN.close(Purpose.REQUEST, head + encode_stream(Ping(4)))),
        Request(9, PLAIN.close(Purpose.REQUEST, head + encode_stream(StateOf([Claim(Standing.ALIVE, 3, 6, 3, b"x")])))),
    ]
    output = gossip.turn(Input(0.1, requests=requests))
    answers = {number: decode_stream(PLAIN.open(Purpose.ANSWER, data), 10) for number, data in output.answers}
    assert answers[8] == (Head(1, 2, 5), Ack(4))
    state = StateOf([Claim(Standing.ALIVE, 1, 1, 1, b""), Claim(Standing.ALIVE, 3, 6, 3, b"x")])
    assert answers[9] == (Head(1, 2, 5), state)
