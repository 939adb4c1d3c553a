# SPDX-License-Identifier: Apache-2.0
"""What a causal replica says to others and hears from them: what it has, again and again, and what they lack."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Environment, Timer
from tricord.base.errors import MalformedEncoding, ReplicaRetired, TricordError
from tricord.causal.messages import (
    AskPiece,
    Haves,
    Lagging,
    Operations,
    Outdated,
    PieceGiven,
    decode_message,
    encode_haves,
    encode_lagging,
    encode_operations,
    encode_outdated,
)
from tricord.causal.operation import Operation, decode_operation
from tricord.causal.peers import Have
from tricord.causal.replica import CausalReplica, Delivered
from tricord.server.replicas.causal_deliveries import Deliveries
from tricord.server.replicas.causal_fetching import Fetching

SOON_SECONDS = 0.05
"""After writes of others became durable they are told of so soon."""
GATHER_SECONDS = 0.01
"""What became durable here goes out after so long, with what comes meanwhile: taking in 20 writes at a time instead of
a few leaves a sixth more of the processor to clients, and nobody waits for it but a session that moves."""
TELL_SECONDS = 0.5
"""While something happens, or somebody lacks something, what is here is told so often."""
IDLE_SECONDS = 5.0
"""As ``TELL_SECONDS``, where nothing does."""
BUSY_SECONDS = 5.0
"""For so long after the last write something is said to happen."""
RELAY_SECONDS = 0.3
"""What others made is passed on where it is lacked after so long, and before twice that. Normally it is not: whoever
made it sent it, and the word that it is there takes ``SOON_SECONDS``, a commit and one way, 0.15 s around the world. So
each write goes over each link once, and a cut between two is bridged by a third one soon all the same."""
AGAIN_SECONDS = 0.02
AGAIN_TIMES = 50
"""Who had no room is tried again so often; then when it is told something the next time."""
RELAY_AGAIN_SECONDS = 30.0
"""What was passed on is passed on again after this: it may have been lost."""
LAGGING_SECONDS = 1.0
RELAYED_BYTES = 64 * 1024
"""Of others' words in one message: with many edges they go round in turns."""
BATCHES_AT_ONCE = 4


class Talking:
    """``send(replica, data)`` reaches another one, or not; ``can_reach`` says whether there is a way and room."""

    def __init__(
        self,
        environment: Environment,
        deliveries: Deliveries,
        fetching: Fetching,
        *,
        send: Callable[[int, bytes], bool],
        can_reach: Callable[[int], bool],
        alarm: Callable[[str, str], None],
    ) -> None:
        self._environment = environment
        self._deliveries = deliveries
        self._core: CausalReplica = deliveries.core
        self._fetching = fetching
        self._send = send
        self._can_reach = can_reach
        self._alarm = alarm
        self._relayed: dict[int, dict[int, Have]] = {}
        self._said_lagging: dict[int, float] = {}
        self._told_at = float("-inf")
        self.busy_until = float("-inf")
        self._soon: Timer | None = None
        self._gathering: Timer | None = None
        self._again: Timer | None = None
        self._relay: Timer | None = None
        self._relay_to = self._core.persisted_to
        self._edges: frozenset[int] = frozenset()
        self._held_up: dict[int, int] = {}
        self._relay_again_at = float("-inf")
        self._turns = 0
        self._is_closed = False
        self._has_to_tell = False
        self.heard_at: dict[int, float] = {}
        """When each other replica spoke last."""
        self.refused: dict[str, int] = {}
        """Messages and operations that could not be taken in, by reason."""

    def close(self) -> None:
        """Say nothing more."""
        self._is_closed = True
        for timer in (self._soon, self._again, self._relay, self._gathering):
            if timer is not None:
                timer.cancel()

    def belong(self, edges: list[int]) -> None:
        """These replicas are edges: each speaks to one member alone."""
        self._edges = frozenset(edges)
        self._look_for_leaves()

    def _look_for_leaves(self) -> None:
        self._core.peers.leaves = {edge for edge in self._edges if self._can_reach(edge)}

    # --- what is said -------------------------------------------------------------------------------------

    def look(self) -> None:
        """Every so often: tell what is here, if it is time."""
        now = self._now()
        pace = TELL_SECONDS if now < self.busy_until or not self._all_have_all() else IDLE_SECONDS
        if now - self._told_at >= pace:
            self._tell_all()
            self.send_all()

    def committed(self, *, grew: bool) -> None:
        """More is durable here. Of writes, if it ``grew``: who lacks them gets them, and all hear of it soon."""
        if self._has_to_tell and self._deliveries.may_speak:
            self._has_to_tell = False
            self._tell_all()
        if not grew:
            return
        self.busy_until = self._now() + BUSY_SECONDS
        self._relay_later()
        if self._gathering is None and not self._is_closed:
            self._gathering = self._environment.tasks.call_later(GATHER_SECONDS, self._send_gathered)
        if self._soon is None and not self._is_closed:
            self._soon = self._environment.tasks.call_later(SOON_SECONDS, self._tell_all)

    def _send_gathered(self) -> None:
        self._gathering = None
        self.send_all()

    def reached(self, replica: int) -> None:
        """There is a way to that one now."""
        self._relayed.pop(replica, None)
        self._said_lagging.pop(replica, None)
        if replica in self._edges:
            self._core.peers.leaves.add(replica)
        self._core.rewind(replica)
        self.tell([replica])
        self.send(replica)

    def tell(self, replicas: list[int]) -> None:
        """What is durable here, and what others said that those do not know yet."""
        core = self._core
        self._has_to_tell = self._has_to_tell or not self._deliveries.may_speak
        if self._is_closed or not self._deliveries.may_speak or core.is_retired or not core.replica:
            return
        own = core.have().encode()
        for replica in replicas:
            if self._can_reach(replica):
                self._send(replica, encode_haves([own, *self._others_words(replica)]))

    def _others_words(self, replica: int) -> list[bytes]:
        """What others said, and was not passed on to this one yet; not all at once where it is much."""
        relayed = self._relayed.setdefault(replica, {})
        peers = self._core.peers.peers
        new = [
            (other, peer.have)
            for other, peer in peers.items()
            if other != replica and peer.have is not None and relayed.get(other) is not peer.have
        ]
        words: list[bytes] = []
        size = 0
        first = self._turns % len(new) if new else 0
        for other, have in new[first:] + new[:first]:
            word = have.encode()
            size += len(word)
            if words and size > RELAYED_BYTES:
                break
            words.append(word)
            relayed[other] = have
        return words

    def _tell_all(self) -> None:
        if self._soon is not None:
            self._soon.cancel()  # what is said twice is taken for the word that nothing came
            self._soon = None
        now = self._told_at = self._now()
        self._turns += 1
        self._look_for_leaves()
        if now >= self._relay_again_at:
            self._relay_again_at = now + RELAY_AGAIN_SECONDS
            self._relayed.clear()
        self.tell(list(self._core.peers.peers))

    def send_all(self) -> None:
        """What others lack."""
        for replica in self._core.peers.peers:
            self.send(replica)

    def send(self, replica: int) -> None:
        """What one lacks, as much as there is room for."""
        if self._is_closed or not self._deliveries.may_speak or not self._can_reach(replica):
            return
        for _ in range(BATCHES_AT_ONCE):
            if not self._can_reach(replica):
                break
            found = self._core.to_send(replica, relay_to=self._relay_to)
            if found.lagging:
                self._say_lagging(replica)
            if found.operations and not self._send(replica, encode_operations(found.operations)):
                self._core.rewind(replica)
                break
            if not found.more:
                self._held_up.pop(replica, None)
                return
        self._held_up[replica] = AGAIN_TIMES
        self._try_again()

    def _say_lagging(self, replica: int) -> None:
        now = self._now()
        if now - self._said_lagging.get(replica, float("-inf")) >= LAGGING_SECONDS:
            self._said_lagging[replica] = now
            self._send(replica, encode_lagging())

    def _try_again(self) -> None:
        if self._again is None and self._held_up and not self._is_closed:
            self._again = self._environment.tasks.call_later(AGAIN_SECONDS, self._send_again)

    def _send_again(self) -> None:
        self._again = None
        for replica, times in list(self._held_up.items()):
            if self._can_reach(replica):
                self.send(replica)
            elif times > 1:
                self._held_up[replica] = times - 1
            else:
                del self._held_up[replica]
        self._try_again()

    def _relay_later(self) -> None:
        if self._relay is None and not self._is_closed:
            to = self._core.persisted_to
            self._relay = self._environment.tasks.call_later(RELAY_SECONDS, self._relay_held, to)

    def _relay_held(self, to: int) -> None:
        self._relay = None
        self._relay_to = to
        self.send_all()
        if self._core.persisted_to > to:
            self._relay_later()

    def _all_have_all(self) -> bool:
        durable = self._core.durable
        return all(
            peer.have is not None and peer.have.past.includes(durable) and durable.includes(peer.have.past)
            for replica, peer in self._core.peers.peers.items()
            if self._can_reach(replica)
        )

    # --- what is heard ------------------------------------------------------------------------------------

    def received(self, sender: int, data: bytes) -> None:
        """A message of another replica."""
        if self._is_closed:
            return
        try:
            message = decode_message(data)
        except TricordError as error:
            self._cannot_be_read(sender, error)
            return
        self.heard_at[sender] = self._now()
        match message:
            case Haves():
                self._hear(sender, message.words)
            case Operations():
                self._take(sender, message)
            case Lagging():
                self._fetching.lagging(sender)
            case Outdated():
                self._core.outdated_by(message.incarnation)
            case AskPiece():
                if self._deliveries.may_speak:
                    self._fetching.asked(sender, message)
            case PieceGiven():
                self._fetching.given(sender, message)

    def _cannot_be_read(self, sender: int, error: TricordError) -> None:
        self.refused[error.code] = self.refused.get(error.code, 0) + 1
        self._alarm("a message cannot be read", f"from replica {sender}: {error}")

    def _hear(self, sender: int, words: list[Have]) -> None:
        core = self._core
        before = core.base
        peer = core.peers.peers.get(sender)
        start = peer.have.incarnation if peer is not None and peer.have is not None else 0
        for have in words:
            newest = core.heard(have, first_hand=have.replica == sender)
            if newest and have.replica == sender:
                self._send(sender, encode_outdated(newest))
        if peer is not None and peer.have is not None and peer.have.incarnation != start:
            self.tell([sender])  # it has just started: what was told before then, it did not hear
        if core.base is not before:  # something was closed
            self._deliveries.took(Delivered(), urgent=False)
        self.send(sender)

    def _take(self, sender: int, message: Operations) -> None:
        committer = self._deliveries.committer
        if committer.is_held_up:
            return  # they come again
        try:
            lacking = self._decoded(sender, message.operations)
            result = self._core.receive(sender, lacking, self._environment.clock.wall_ns() // 1_000_000)
        except ReplicaRetired:
            return
        for operation, why in result.refused:
            self._cannot_be_taken_in(f"replica {operation.origin.replica}", why)
        if result.ahead:
            self._alarm("a clock is far ahead", f"{result.ahead} ms, in writes that came from replica {sender}")
        if result.operations or result.resynced or result.satisfied:
            self._deliveries.took(result, urgent=bool(result.satisfied) or result.resynced)

    def _decoded(self, sender: int, operations: list[bytes]) -> list[Operation]:
        """Those that are not here. What cannot be read of one holds up no other that does not need it."""
        found: list[Operation] = []
        for data in operations:
            if self._core.lacks(data):
                try:
                    found.append(decode_operation(data))
                except MalformedEncoding as error:
                    self._cannot_be_taken_in(f"what replica {sender} sent", error)
        return found

    def _cannot_be_taken_in(self, whose: str, why: TricordError) -> None:
        """A later version wrote it, or it is damaged. All that needs it waits until it comes and can be read."""
        self.refused[why.code] = self.refused.get(why.code, 0) + 1
        self._alarm("writes cannot be taken in", f"{whose}: {why}; {why.hint}")

    def _now(self) -> float:
        return self._environment.clock.monotonic()
