# SPDX-License-Identifier: Apache-2.0
"""Takes over a state from another replica, piece by piece, and gives pieces to others (docs/causal.md)."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Environment
from tricord.base.errors import TricordError
from tricord.causal.messages import AskPiece, PieceGiven, encode_ask, encode_piece
from tricord.causal.replica import CausalReplica, Delivered
from tricord.causal.transfer import Piece
from tricord.server.replicas.causal_deliveries import Deliveries

ANSWER_SECONDS = 2.0
"""Who gives no piece in so much time is given up for another."""
REST_SECONDS = 10.0
"""After the last piece the operations behind it are awaited for so long before the fetch begins anew."""
ENDED_SECONDS = 1.5
"""Who took a state over so lately is told again if it needs another."""
SERVED_SECONDS = 2.0
"""Who gave a piece so lately is not sent away to fetch itself."""


class Fetching:
    """``send(replica, data)`` reaches another one, or not; ``can_reach`` says whom it could."""

    def __init__(
        self,
        environment: Environment,
        deliveries: Deliveries,
        *,
        send: Callable[[int, bytes], bool],
        can_reach: Callable[[int], bool],
        alarm: Callable[[str, str], None],
    ) -> None:
        self._environment = environment
        self._deliveries = deliveries
        self._core: CausalReplica = deliveries.core
        self._send = send
        self._can_reach = can_reach
        self._alarm = alarm
        self._source = 0
        self._fetch = 0
        self._asked_at = float("-inf")
        self._served_at = float("-inf")
        self._ended_at = float("-inf")

    def look(self) -> None:
        """Every so often: begin, or begin anew with another one, where nothing comes any more."""
        core = self._core
        if not core.fetching:
            return
        patience = REST_SECONDS if core.has_all_pieces else ANSWER_SECONDS
        if self._now() - self._asked_at >= patience:
            if core.may_end_fetch:
                self._deliveries.took(core.end_fetch(), unspoken=True)
                self._alarm("all replicas were taking over a state", "this one goes on with what it has")
                return
            sources = self._sources()
            if sources:
                self._begin(sources[self._environment.random.bits(32) % len(sources)])

    def begin(self) -> None:
        """A state is needed; of whom is chosen soon."""
        self._core.begin_fetch()
        self._deliveries.took(Delivered(), unspoken=True)
        self._asked_at = float("-inf")

    def lagging(self, sender: int) -> None:
        """That replica says that this one needs a state."""
        now = self._now()
        rests = now - self._served_at <= SERVED_SECONDS or now - self._ended_at <= ENDED_SECONDS
        if not self._core.fetching and not rests:
            self._begin(sender)

    def asked(self, sender: int, message: AskPiece) -> None:
        """Another one fetches from here. The piece leaves when all that it may show is durable."""
        piece = self._core.piece(message.start, former=message.former)
        if piece is None:
            self._send(sender, encode_piece(message.fetch, None))
            return
        self._served_at = self._now()
        data = encode_piece(message.fetch, piece.encode())

        def ready(error: TricordError | None) -> None:
            if error is None:
                self._send(sender, data)

        self._deliveries.committer.when_durable(self._deliveries.committer.written, ready)

    def given(self, sender: int, message: PieceGiven) -> None:
        """A piece came, or the word that there is none."""
        core = self._core
        if not core.fetching or sender != self._source or message.fetch != self._fetch or core.has_all_pieces:
            return
        if message.piece is None or not core.expects(message.piece, sender):
            self._asked_at = self._now() - ANSWER_SECONDS / 2
            self._fetch = 0
            return
        try:
            result = core.take_piece(message.piece, self._environment.clock.wall_ns() // 1_000_000)
        except TricordError as error:
            self._alarm("a state cannot be taken over", f"from replica {sender}: {error}; {error.hint}")
            self._fetch = 0
            return
        mark = self._deliveries.took(result, unspoken=True)
        self._asked_at = self._ended_at = self._now()
        if message.piece.end:
            self._deliveries.committer.when_durable(mark, self._next(message.piece))

    def _next(self, piece: Piece) -> Callable[[TricordError | None], None]:
        fetch = self._fetch

        def ready(error: TricordError | None) -> None:
            if error is None and fetch == self._fetch:
                self._ask(piece.end)

        return ready

    def _begin(self, source: int) -> None:
        self.begin()
        self._source = source
        self._fetch = self._environment.random.bits(32) | 1
        self._ask(b"")

    def _ask(self, start: bytes) -> None:
        self._asked_at = self._now()
        self._send(self._source, encode_ask(self._fetch, start, self._core.former()))

    def _sources(self) -> list[int]:
        """Whom to fetch from: those that are not fetching themselves, if there are any."""
        peers = self._core.peers.peers
        found = [replica for replica in peers if self._can_reach(replica)]
        whole = [replica for replica in found if (have := peers[replica].have) is not None and not have.fetching]
        return whole or found

    def _now(self) -> float:
        return self._environment.clock.monotonic()
