# SPDX-License-Identifier: Apache-2.0
"""What a replica of a keyspace is told at its start. Times are seconds, sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass

from tricord.base.dots import INCARNATION_MAX, REPLICA_MAX, Origin
from tricord.base.errors import ConfigurationError

_SECONDS_BITS = 32
_RANDOM_BITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class EventualConfig:
    """All replicas of a keyspace should agree on the times. Raises ConfigurationError."""

    cluster: int
    keyspace: int
    replica: int
    """0: an edge without a number yet, which has no peers; it comes back with one (``returning.Former``)."""
    incarnation: int
    """Above all that this replica ever had: ``next_incarnation``."""
    joined: bool = False
    """Whether it has had the state of the others before: what it says of itself is worth taking over."""
    fanout: int = 8
    """A write goes to so many peers at once; where there are more, they pass it on."""
    resend_seconds: float = 0.5
    """A batch of writes whose receipt a peer did not confirm is sent again after this time, twice at most."""
    unconfirmed_bytes: int = 1 << 20
    """Of batches kept for that, for each peer. What does not fit is left to repair."""
    repair_seconds: float = 1.0
    """A round of repair begins this often, with one peer after the other."""
    answer_seconds: float = 1.0
    """A peer that does not answer is asked again after this time, twice; then the round is over."""
    batch_bytes: int = 1 << 16
    """Of one message with writes or cells; one larger write goes by itself."""
    ending_seconds: float = 3600.0
    """What has ended is taken away so much later: more than clocks differ by."""

    def __post_init__(self) -> None:
        if not 0 <= self.replica <= REPLICA_MAX or not 0 <= self.incarnation <= INCARNATION_MAX:
            raise ConfigurationError(f"a replica has a number from 0 to {REPLICA_MAX}, and an incarnation of 48 bits")
        if min(self.fanout, self.batch_bytes) < 1 or min(self.repair_seconds, self.answer_seconds) <= 0:
            raise ConfigurationError("fanout, sizes and times of an eventual keyspace are more than 0")

    @property
    def origin(self) -> Origin:
        """Of the writes that are made here."""
        return Origin(self.replica, self.incarnation)

    def convergence_seconds(self, peers: int, delay: float, requests: int = 5) -> float:
        """In so much time after a cut healed and writes stopped all replicas are equal, where no message takes longer
        than ``delay`` nor is lost, and a round takes ``requests`` requests: ``repair.requests_max``.

        A round that waits for a peer behind the cut may have to run out first. Then each replica has a whole round with
        each peer, and that gives it all that the peer has.
        """
        return 3 * self.answer_seconds + peers * (self.repair_seconds + requests * 2 * delay) + delay


def next_incarnation(seconds: int, random: int, last: int) -> int:
    """The number of a new start: above ``last``, the highest of which the replica's disk knows (0: none), and the wall
    clock with 16 random bits, so that a disk that was restored or wiped does not use one again."""
    clock = min(seconds, (1 << _SECONDS_BITS) - 1) << _RANDOM_BITS | random % (1 << _RANDOM_BITS)
    return max(last + 1, clock)
