# SPDX-License-Identifier: Apache-2.0
"""What a core counts since its start. A scrape reads it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from tricord.gossip.refusals import Reason


@dataclass(slots=True)
class GossipCounts:
    """Plain integers."""

    packets_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    exchanges: int = 0
    """Begun by this member: states, and probes by stream."""
    probes: int = 0
    probes_indirect: int = 0
    """Those without a direct answer in time."""
    probes_failed: int = 0
    suspicions: int = 0
    refutations: int = 0
    deaths: int = 0
    late_turns: int = 0
    broadcasts: int = 0
    """Of this member."""
    deliveries: int = 0
    broadcasts_dropped: int = 0
    """Pieces that made room for newer ones before they were sent as often as they should."""
    relays_dropped: int = 0
    """Probes for others that were too many at a time."""
    refused: dict[Reason, int] = field(default_factory=lambda: dict.fromkeys(Reason, 0))

    def numbers(self) -> dict[str, int]:
        """All but the refusals, by name."""
        return {name.name: getattr(self, name.name) for name in fields(self) if name.name != "refused"}
