# SPDX-License-Identifier: Apache-2.0
"""What a core is told at its start. Times are seconds, sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, log10

from tricord.base.errors import ConfigurationError
from tricord.gossip.claims import INCARNATION_MAX

METADATA_MAX = 512
"""Bytes that a member says of itself."""
BROADCAST_MAX = 1024
"""Bytes of one broadcast."""
PACKET_MIN = 1280
"""IPv6 carries so much everywhere; a broadcast of full size fits into it."""
PACKET_MAX = 65_000
_ROUNDS_MAX = 14
"""In so many rounds of all members somebody probes a given one, but for once in a million: e**-14."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GossipConfig:
    """Defaults suit a local network. All members of a cluster should agree on them. Raises ConfigurationError."""

    member: int
    """This member, 1 or more."""
    cluster: int
    """Packets of another cluster are refused."""
    incarnation: int = 1
    """The first one of this run. One above all former ones (milliseconds since 1970) spares a refutation at a start."""
    metadata: bytes = b""
    """What this member says of itself: at most 512 bytes."""
    keys: tuple[bytes, ...] = ()
    """AES keys of 16, 24 or 32 bytes. The first one seals, each of them opens. None: packets are in the clear."""
    probe_interval: float = 1.0
    """Each member probes one other in so much time."""
    probe_timeout: float = 0.5
    """An answer that takes longer is asked for by other ways: a few round trips, and less than ``probe_interval``."""
    indirect_probes: int = 3
    """How many others are asked to try as well."""
    stream_probes: bool = True
    """Try by TCP too, before a member is suspected."""
    suspicion_mult: float = 4.0
    """The least time to refute: this many probe intervals, times log10 of the number of members (1 or more)."""
    suspicion_max_mult: float = 6.0
    """How many times longer it is while nobody else suspects the same."""
    suspicion_confirmations: int = 3
    """So many others, and the time to refute is at its least."""
    gossip_interval: float = 0.2
    """While there is something to spread, it is sent to some others this often."""
    gossip_fanout: int = 3
    """To how many."""
    retransmit_mult: int = 4
    """A piece of news is sent this many times, times the number of digits of the number of members."""
    push_pull_interval: float = 30.0
    """Whole states are exchanged with a random member this often; more seldom beyond 32 members."""
    reconnect_interval: float = 5.0
    """A lost member is asked for its state this often, by all members together about eight times in it."""
    exchange_timeout: float = 5.0
    """For one exchange by TCP."""
    leave_timeout: float = 5.0
    """How long a member that leaves tells others, at most."""
    local_health: bool = True
    """Lifeguard: a member that hears little doubts itself first. Off only to compare."""
    health_max: int = 8
    """Probes take at most this many times longer."""
    packet_size: int = 1400
    """Bytes of one UDP packet."""
    members_max: int = 2048
    """How many members may be listed."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ConfigurationError(f"gossip: {problem}")

    def _problem(self) -> str:
        if not 0 < self.member < 2**64 or not 0 <= self.cluster < 2**64:
            return "ids are 64 bits, and a member's is not 0"
        if not 0 < self.incarnation <= INCARNATION_MAX:
            return f"the incarnation is between 1 and {INCARNATION_MAX}"
        if len(self.metadata) > METADATA_MAX:
            return f"metadata has at most {METADATA_MAX} bytes"
        if not 0 < self.probe_timeout < self.probe_interval:
            return "probe_timeout is above 0 and below probe_interval"
        times = (self.gossip_interval, self.push_pull_interval, self.reconnect_interval, self.exchange_timeout)
        if min(times) <= 0 or self.leave_timeout < 0:
            return "intervals and timeouts are above 0"
        if self.suspicion_mult <= 0 or self.suspicion_max_mult < 1 or self.retransmit_mult < 1 or self.health_max < 1:
            return "multipliers are 1 or more"
        if min(self.indirect_probes, self.suspicion_confirmations) < 0 or self.gossip_fanout < 1:
            return "counts are not negative, and gossip_fanout is 1 or more"
        if not PACKET_MIN <= self.packet_size <= PACKET_MAX:
            return f"packet_size is between {PACKET_MIN} and {PACKET_MAX}"
        return "" if 1 <= self.members_max <= 65_536 else "members_max is between 1 and 65,536"

    def suspicion_bounds(self, members: int) -> tuple[float, float]:
        """Seconds that a suspected one has to refute, in a cluster of so many: with all confirmations, with none."""
        least = self.suspicion_mult * max(1.0, log10(max(members, 1))) * self.probe_interval
        return least, least * (self.suspicion_max_mult if self.confirmations(members) else 1.0)

    def confirmations(self, members: int) -> int:
        """How many confirmations bring the time to refute to its least: others than the suspected and the first."""
        return max(0, min(self.suspicion_confirmations, members - 2)) if self.local_health else 0

    def transmissions(self, members: int) -> int:
        """How often each member sends one piece of news."""
        return self.retransmit_mult * ceil(log10(members + 1))

    def push_pull_period(self, members: int) -> float:
        """Seconds between two exchanges of whole states that a member begins."""
        return self.push_pull_interval * (1 + max(0, ceil(log2(max(members, 1) / 32))))

    def reconnect_period(self, live: int, lost: int) -> float:
        """Seconds between two attempts of one member to reach a lost one."""
        return self.reconnect_interval * max(1.0, live / (8 * max(lost, 1)))

    def detection_seconds(self, members: int) -> float:
        """In so much time all others know that a member died, when they are well and most packets arrive. It is the
        worst case: a first probe that comes late, and nobody to confirm the suspicion."""
        rounds = min(max(2 * members - 3, 1), _ROUNDS_MAX)
        spread = 2 * self.transmissions(members) * self.gossip_interval
        return (rounds + 1) * self.probe_interval + self.suspicion_bounds(members)[1] + spread
