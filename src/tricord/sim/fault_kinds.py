# SPDX-License-Identifier: Apache-2.0
"""All kinds of faults that a plan can hold, and what a plan's numbers mean for each.

The two nets carry them out: the fine one (replica cores with storage twins) and the wide one (whole members). A kind
that exists on one net alone says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FINE, WIDE = "fine", "wide"
BOTH = frozenset((FINE, WIDE))
FINE_ONLY = frozenset((FINE,))
WIDE_ONLY = frozenset((WIDE,))


class Family(Enum):
    """What a fault strikes."""

    NETWORK = "network"
    DISK = "disk"
    CLOCK = "clock"
    PROCESS = "process"
    OPERATION = "operation"


class Targets(Enum):
    """Whom a fault of the kind names."""

    ALL = "all"
    """Nobody: it strikes the cluster."""
    ONE = "one member"
    PAIR = "two members, from the first to the second"
    SIDE = "the members on one side of a cut: some, not all"
    SOME = "some members; none: all"


class Cost(Enum):
    """What a fault takes from the promise, for the atlas (``sim.atlas``)."""

    NOTHING = "nothing"
    DOWN = "the member is away for the time"
    LOST = "the member's copy counts as lost, until it has caught up under a new identity or by a snapshot"
    ALL_DOWN = "every member is away for the time, and comes back with what it had synced"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault."""

    name: str
    family: Family
    words: str
    """What happens, in a sentence."""
    nets: frozenset[str] = BOTH
    targets: Targets = Targets.ALL
    seconds: tuple[float, float] | None = None
    """The shortest and longest time to draw; None: it happens at once."""
    amount: tuple[float, float] | None = None
    """The range to draw from; None: the kind has no amount."""
    amount_means: str = ""
    """What the amount is, with its unit."""
    cost: Cost = Cost.NOTHING


_NETWORK = (
    Kind(
        "partition",
        Family.NETWORK,
        "Nothing passes between the targets and the others, in either direction.",
        targets=Targets.SIDE,
        seconds=(0.3, 8.0),
    ),
    Kind(
        "one-way",
        Family.NETWORK,
        "Nothing passes from the targets to the others; the other direction works.",
        targets=Targets.SIDE,
        seconds=(0.3, 8.0),
    ),
    Kind(
        "bridge",
        Family.NETWORK,
        "The others fall into two halves that reach each other over the target alone.",
        targets=Targets.ONE,
        seconds=(0.5, 8.0),
    ),
    Kind(
        "flapping",
        Family.NETWORK,
        "The targets are cut off and joined again in turns.",
        targets=Targets.SIDE,
        seconds=(1.0, 8.0),
        amount=(0.1, 2.0),
        amount_means="seconds of a cut, and of a joining",
    ),
    Kind(
        "majority-ring",
        Family.NETWORK,
        "Each member reaches a majority, and no two reach the same one.",
        seconds=(0.5, 8.0),
    ),
    Kind(
        "isolate-leader",
        Family.NETWORK,
        "Who leads when it begins is cut off from all others.",
        seconds=(0.5, 8.0),
    ),
    Kind(
        "loss",
        Family.NETWORK,
        "Messages between the targets get lost; on a stream their bytes come late.",
        targets=Targets.SOME,
        seconds=(0.5, 10.0),
        amount=(0.01, 0.4),
        amount_means="probability for each message",
    ),
    Kind(
        "duplicate",
        Family.NETWORK,
        "Messages arrive a second time, later.",
        nets=FINE_ONLY,
        targets=Targets.SOME,
        seconds=(0.5, 10.0),
        amount=(0.01, 0.5),
        amount_means="probability for each message",
    ),
    Kind(
        "reorder",
        Family.NETWORK,
        "Messages overtake each other.",
        nets=FINE_ONLY,
        targets=Targets.SOME,
        seconds=(0.5, 10.0),
        amount=(0.01, 0.5),
        amount_means="probability for each message to be held back behind later ones",
    ),
    Kind(
        "delay",
        Family.NETWORK,
        "What the targets send and receive takes longer, each time another while.",
        targets=Targets.SOME,
        seconds=(0.5, 10.0),
        amount=(0.005, 0.5),
        amount_means="seconds, the longest",
    ),
    Kind(
        "slow-link",
        Family.NETWORK,
        "The way from the first target to the second takes few bytes a second.",
        targets=Targets.PAIR,
        seconds=(0.5, 10.0),
        amount=(1_000.0, 1_000_000.0),
        amount_means="bytes a second",
    ),
    Kind(
        "clog",
        Family.NETWORK,
        "What the first target sends to the second is held, and arrives all at once when it is over.",
        targets=Targets.PAIR,
        seconds=(0.2, 5.0),
    ),
    Kind(
        "reset",
        Family.NETWORK,
        "Connections of the targets break, in the middle of a frame; what was on its way is lost.",
        targets=Targets.SOME,
    ),
)

_CLOCK = (
    Kind(
        "drift",
        Family.CLOCK,
        "The target's clocks run faster or slower than true time.",
        targets=Targets.ONE,
        seconds=(1.0, 15.0),
        amount=(0.7, 1.4),
        amount_means="factor of the speed",
    ),
    Kind(
        "jump-forward",
        Family.CLOCK,
        "The target's wall clock is suddenly ahead; a core gets that many seconds' ticks in one turn.",
        targets=Targets.ONE,
        amount=(0.1, 600.0),
        amount_means="seconds",
    ),
    Kind(
        "jump-back",
        Family.CLOCK,
        "The target's wall clock is suddenly behind; a core gets no tick until the time has passed (10 s at most).",
        targets=Targets.ONE,
        amount=(0.1, 600.0),
        amount_means="seconds",
    ),
    Kind(
        "freeze",
        Family.CLOCK,
        "The target's clocks stand still while it goes on working.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
    ),
    Kind(
        "noise",
        Family.CLOCK,
        "The target's wall clock is wrong by another bit at each look; a core's ticks come in uneven steps.",
        targets=Targets.ONE,
        seconds=(0.5, 10.0),
        amount=(0.001, 1.0),
        amount_means="seconds, the largest error",
    ),
)

_DISK = (
    Kind(
        "crash-mid-write",
        Family.DISK,
        "The target dies at a boundary between two of the writes that it does next, and starts again.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        amount=(0.0, 20.0),
        amount_means="how many writes it still does (rounded down)",
        cost=Cost.DOWN,
    ),
    Kind(
        "torn-write",
        Family.DISK,
        "The target loses power in the middle of its next write: of what is not synced, a part is on the disk.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        amount=(0.0, 1.0),
        amount_means="share of the unsynced bytes (or entries) that is there afterwards",
        cost=Cost.DOWN,
    ),
    Kind(
        "lost-fsync",
        Family.DISK,
        "The target's disk says that it synced and did not; when the time is over the target loses power.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        cost=Cost.LOST,
    ),
    Kind(
        "fsync-error",
        Family.DISK,
        "The target's next sync fails; a member that cannot know what is on its disk stops, and starts again.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        cost=Cost.DOWN,
    ),
    Kind(
        "disk-full",
        Family.DISK,
        "The target's disk takes no more bytes.",
        targets=Targets.ONE,
        seconds=(0.5, 8.0),
        cost=Cost.DOWN,
    ),
    Kind(
        "slow-disk",
        Family.DISK,
        "Each write and sync of the target takes longer.",
        targets=Targets.SOME,
        seconds=(0.5, 10.0),
        amount=(0.005, 3.0),
        amount_means="seconds, the longest",
    ),
    Kind(
        "read-rot",
        Family.DISK,
        "The target loses power, and bytes that it had synced are wrong when it reads them at its next start.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        amount=(1.0, 8.0),
        amount_means="how many bytes (or entries; rounded down)",
        cost=Cost.LOST,
    ),
    Kind(
        "write-rot",
        Family.DISK,
        "One of the target's next writes reaches its disk with wrong bytes; it sees them at its next start.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        cost=Cost.LOST,
    ),
    Kind(
        "misdirected-write",
        Family.DISK,
        "One of the target's next writes lands at another place of its disk; it sees that at its next start.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        cost=Cost.LOST,
    ),
    Kind(
        "stale-disk",
        Family.DISK,
        "The target dies and comes back with its disk as it was some time ago, as from a copy of the machine.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        amount=(0.5, 20.0),
        amount_means="seconds, the age of the copy",
        cost=Cost.LOST,
    ),
)

_PROCESS = (
    Kind(
        "crash",
        Family.PROCESS,
        "The target dies at once, with all that it had not synced, and starts again.",
        targets=Targets.ONE,
        seconds=(0.1, 8.0),
        cost=Cost.DOWN,
    ),
    Kind(
        "power-cut",
        Family.PROCESS,
        "All members die at once, with all that they had not synced, and start again.",
        seconds=(0.1, 5.0),
        cost=Cost.ALL_DOWN,
    ),
    Kind(
        "pause",
        Family.PROCESS,
        "The target does nothing for a while and then goes on; its clocks went on.",
        targets=Targets.ONE,
        seconds=(0.1, 8.0),
        cost=Cost.DOWN,
    ),
    Kind(
        "wipe",
        Family.PROCESS,
        "The target dies and loses its disk; it comes back empty, under a new identity.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        cost=Cost.LOST,
    ),
    Kind(
        "restart-loop",
        Family.PROCESS,
        "The target dies and starts again and again.",
        targets=Targets.ONE,
        seconds=(1.0, 8.0),
        amount=(0.05, 1.5),
        amount_means="seconds from a start to the next death",
        cost=Cost.DOWN,
    ),
    Kind(
        "stop",
        Family.PROCESS,
        "The target is stopped as by SIGTERM, in order, and starts again.",
        targets=Targets.ONE,
        seconds=(0.2, 5.0),
        cost=Cost.DOWN,
    ),
)

_OPERATION = (
    Kind(
        "add-member",
        Family.OPERATION,
        "A new member joins.",
        amount=(0.0, 1.0),
        amount_means="below 0.5 as a voter, else as a learner that is promoted later",
    ),
    Kind("remove-member", Family.OPERATION, "The target is removed from the cluster.", targets=Targets.ONE),
    Kind(
        "replace-member",
        Family.OPERATION,
        "The target is removed and a new member joins in its place.",
        targets=Targets.ONE,
    ),
    Kind("transfer", Family.OPERATION, "The leader is asked to hand over to the target.", targets=Targets.ONE),
    Kind(
        "compaction",
        Family.OPERATION,
        "The history of keys is compacted.",
        amount=(0.0, 1.0),
        amount_means="share of the revisions since the last compaction that stays readable",
    ),
    Kind(
        "snapshot",
        Family.OPERATION,
        "The targets cut their logs as far as they may, so that who lags behind needs a snapshot.",
        targets=Targets.SOME,
    ),
    Kind(
        "lease-burst",
        Family.OPERATION,
        "Clients are granted leases with keys on them, and let them end.",
        amount=(1.0, 30.0),
        amount_means="how many (rounded down)",
    ),
    Kind(
        "upgrade",
        Family.OPERATION,
        "All members are stopped in order and started again, one after the other.",
        amount=(0.1, 2.0),
        amount_means="seconds that each is away, and that pass between two",
        cost=Cost.DOWN,
    ),
    Kind(
        "client-gone",
        Family.OPERATION,
        "Clients break their connections and give up what they wait for; whether it happened is unknown.",
        amount=(0.1, 1.0),
        amount_means="share of the clients",
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _NETWORK + _CLOCK + _DISK + _PROCESS + _OPERATION}
"""By name, in the order of the families."""


def kinds_of(net: str) -> list[Kind]:
    """The kinds that exist on a net."""
    return [kind for kind in KINDS.values() if net in kind.nets]
