# SPDX-License-Identifier: Apache-2.0
"""A plan: everything that a run of the simulator does to a cluster. It is all drawn before the run, from the seed, so
that a fault can be taken out without changing the others.

A plan is a text file, a line each (``#`` begins a comment):

```
net fine
seed 17
members 5
seconds 30
load 20
clients 3
keys 5
option snapshot_entries 50
fault 1.250 partition n1,n2 for 3.000
fault 2.000 loss all for 5.000 amount 0.100
fault 9.500 crash leader for 2.000
```
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something that happens to a cluster at a time, for a while."""

    at: float
    """Seconds after the cluster first had a leader."""
    kind: str
    """The name of one of ``fault_kinds.KINDS``."""
    targets: tuple[str, ...] = ()
    """Members by name (``n1``), or ``leader`` or ``follower`` as of then; empty: all."""
    seconds: float = 0.0
    """How long; 0 for what happens at once."""
    amount: float = 0.0
    """What the kind says: a probability, a factor, seconds of an offset."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    net: str
    """``fine`` (replica cores, no asyncio) or ``wide`` (whole members on a virtual loop)."""
    seed: int
    members: int = 3
    seconds: float = 20.0
    """Of the safety phase, in simulated time. The liveness phase follows: faults off, it must elect, serve, agree."""
    load: float = 20.0
    """Operations a second, of all clients together."""
    clients: int = 3
    keys: int = 5
    options: dict[str, float] = field(default_factory=dict)
    """Further knobs, drawn too: the net's own names."""
    faults: tuple[Fault, ...] = ()
    """In the order of their times."""
