# SPDX-License-Identifier: Apache-2.0
"""Faults of the network: links that are cut, in all shapes, and links that lose, double, hold back and slow down."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tricord.sim.fine.fault import Active, Handler
from tricord.sim.fine.host import Host
from tricord.sim.fine.network import Link

Pair = tuple[Host, Host]


def _cut(active: Active, pairs: Iterable[Pair]) -> Callable[[], None]:
    """Nothing passes from the first to the second of each pair, until the returned is called."""
    network, kind = active.cluster.network, active.kind
    links = [network.link(sender.identity, receiver.identity) for sender, receiver in pairs]
    for link in links:
        link.blocked.append(kind)
        link.settle()

    def joined() -> None:
        for link in links:
            link.blocked.remove(kind)
            link.settle()

    return joined


def _between(some: list[Host], others: list[Host]) -> list[Pair]:
    return [pair for one in some for other in others for pair in ((one, other), (other, one))]


def partition(active: Active) -> Callable[[], None]:
    """Nothing passes between the targets and the others."""
    return _cut(active, _between(active.hosts, active.others))


def one_way(active: Active) -> Callable[[], None]:
    """Nothing passes from the targets to the others."""
    return _cut(active, [(one, other) for one in active.hosts for other in active.others])


def bridge(active: Active) -> Callable[[], None]:
    """The others fall into two halves, which reach each other over the target alone."""
    others = active.others
    active.random.shuffle(others)
    middle = len(others) // 2
    return _cut(active, _between(others[:middle], others[middle:]))


def flapping(active: Active) -> Callable[[], None]:
    """Cut off and joined again in turns."""
    pairs = _between(active.hosts, active.others)
    over = False
    join: Callable[[], None] | None = None

    def turn() -> None:
        nonlocal join
        if over:
            return
        if join is None:
            join = _cut(active, pairs)
        else:
            join()
            join = None
        active.later(max(active.amount, 0.01), turn)

    def ended() -> None:
        nonlocal over
        over = True
        if join is not None:
            join()

    turn()
    return ended


def majority_ring(active: Active) -> Callable[[], None]:
    """Each reaches a majority, and no two reach the same one."""
    ring = list(active.cluster.hosts.values())
    active.random.shuffle(ring)
    count = len(ring)
    reach = count // 4 + (count > 3)
    near = max(reach, 1) if count > 3 else 1
    pairs = [
        (one, other)
        for place, one in enumerate(ring)
        for far, other in enumerate(ring)
        if one is not other and min((place - far) % count, (far - place) % count) > near
    ]
    if not pairs:  # of three each reaches both neighbours: one link is cut, and the two ends reach the third alone
        pairs = [(ring[0], ring[-1]), (ring[-1], ring[0])] if count > 2 else []
    return _cut(active, pairs)


def isolate_leader(active: Active) -> Callable[[], None] | None:
    """Who leads is cut off from all others."""
    leader = active.cluster.leader()
    if leader is None:
        return None
    active.hosts = [leader]
    return _cut(active, _between(active.hosts, active.others))


def _links_of(active: Active) -> list[Link]:
    """Between the targets and everybody; of all, where there are no targets."""
    hosts = list(active.cluster.hosts.values())
    targets = active.hosts or hosts
    link = active.cluster.network.link
    return [
        link(one.identity, other.identity)
        for one in hosts
        for other in hosts
        if one is not other and (one in targets or other in targets)
    ]


def _worsened(active: Active, attribute: str) -> Callable[[], None]:
    """Each link of the targets gets the amount, until the returned is called."""
    links, amount = _links_of(active), active.amount
    for link in links:
        setattr(link, attribute, getattr(link, attribute) + amount)
        link.settle()

    def ended() -> None:
        for link in links:
            left = getattr(link, attribute) - amount
            setattr(link, attribute, left if left > 1e-9 else 0.0)
            link.settle()

    return ended


def loss(active: Active) -> Callable[[], None]:
    """Messages get lost."""
    return _worsened(active, "loss")


def duplicate(active: Active) -> Callable[[], None]:
    """Messages arrive twice."""
    return _worsened(active, "duplicate")


def reorder(active: Active) -> Callable[[], None]:
    """Messages overtake each other."""
    return _worsened(active, "reorder")


def delay(active: Active) -> Callable[[], None]:
    """Messages take longer."""
    return _worsened(active, "delay")


def _one_link(active: Active) -> Link | None:
    if len(active.hosts) < 2:
        return None
    return active.cluster.network.link(active.hosts[0].identity, active.hosts[1].identity)


def slow_link(active: Active) -> Callable[[], None] | None:
    """Few bytes a second."""
    link = _one_link(active)
    if link is None:
        return None
    link.bytes_a_second = active.amount
    link.settle()

    def ended() -> None:
        link.bytes_a_second = 0.0
        link.settle()

    return ended


def clog(active: Active) -> Callable[[], None] | None:
    """What is sent is held, and arrives all at once."""
    link = _one_link(active)
    if link is None:
        return None
    link.clogged += 1
    link.settle()

    def ended() -> None:
        link.clogged -= 1
        link.settle()
        if not link.clogged:
            active.cluster.network.free(link)

    return ended


def reset(active: Active) -> None:
    """Connections break: what was on its way is lost, and the members are told."""
    hosts = active.cluster.hosts
    for link in _links_of(active):
        if active.cluster.network.reset(link.sender, link.receiver):
            active.took_hold()
        hosts[link.sender].unreachable(link.receiver)


HANDLERS: dict[str, Handler] = {
    "partition": partition,
    "one-way": one_way,
    "bridge": bridge,
    "flapping": flapping,
    "majority-ring": majority_ring,
    "isolate-leader": isolate_leader,
    "loss": loss,
    "duplicate": duplicate,
    "reorder": reorder,
    "delay": delay,
    "slow-link": slow_link,
    "clog": clog,
    "reset": reset,
}
