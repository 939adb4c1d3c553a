# SPDX-License-Identifier: Apache-2.0
"""Faults of the disks. A copy is lost only where ``copies.may_forget`` allows it, or where the member refuses to start
and is replaced under a new identity.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.sim.fine.alarms import SpaceAlarm
from tricord.sim.fine.copies import may_forget
from tricord.sim.fine.disk import Image
from tricord.sim.fine.fault import Active, Handler
from tricord.sim.fine.host import Host


def _dies_writing(active: Active, writes: int, share: float | None) -> Callable[[], None]:
    """It dies at its write after so many more."""
    host, cluster = active.host, active.cluster
    keeper = cluster.operator
    is_down = False

    def die() -> None:
        nonlocal is_down
        is_down = True
        active.took_hold()
        keeper.take_down(host, share)

    if host.up:
        host.persisting.writes_left = writes
        cluster.faults.on_disk_failure(host, die)

    def ended() -> None:
        if is_down:
            keeper.bring_back(host)
        elif host.up:
            host.persisting.writes_left = -1

    return ended


def crash_mid_write(active: Active) -> Callable[[], None]:
    """It dies between two writes."""
    return _dies_writing(active, int(active.amount), None)


def torn_write(active: Active) -> Callable[[], None]:
    """It loses power in its next write: a part is there."""
    return _dies_writing(active, 0, active.amount)


def fsync_error(active: Active) -> Callable[[], None]:
    """Its next sync fails, and it stops."""
    return _dies_writing(active, 0, None)


def lost_fsync(active: Active) -> Callable[[], None]:
    """Its disk says that it synced and did not; then the power goes."""
    host, cluster = active.host, active.cluster
    keeper = cluster.operator
    host.disk.lie()
    cluster.atlas.lose(host.name)

    def ended() -> None:
        if cluster.hosts.get(host.identity) is not host or host.wiped or host.refused:
            return
        synced, host.disk.synced = host.disk.synced, None
        keeper.take_down(host)
        if synced is not None and _forget(active, host, synced):
            active.took_hold()
        keeper.await_copy(host)
        active.later(0.2, keeper.bring_back, host)

    return ended


def stale_disk(active: Active) -> Callable[[], None] | None:
    """It comes back with its disk as it was some time ago."""
    host, cluster = active.host, active.cluster
    image = cluster.images.of(host, cluster.schedule.now, active.amount)
    if image is None or not host.up:
        return None
    cluster.operator.take_down(host)
    if _forget(active, host, image):
        active.took_hold()
    return lambda: cluster.operator.bring_back(host)


def _forget(active: Active, host: Host, image: Image) -> bool:
    cluster = active.cluster
    if not may_forget(cluster, host, image):
        cluster.faults.withhold(active.kind)
        return False
    forgotten = host.disk.held.last_index - image.last_index
    cluster.say(f"{host.name} forgets its last {forgotten} entries")
    cluster.operator.revert(host, image)
    return True


def disk_full(active: Active) -> Callable[[], None]:
    """Its disk takes no more, which the others learn by an alarm."""
    host, keeper = active.host, active.cluster.operator
    host.disk.full = True
    alarm = SpaceAlarm(active.cluster, host.identity)
    keeper.away(host)
    active.took_hold()

    def ended() -> None:
        host.disk.full = alarm.is_full = False
        keeper.bring_back(host)

    return ended


def slow_disk(active: Active) -> Callable[[], None]:
    """Writes and syncs take longer."""
    hosts = active.hosts or list(active.cluster.hosts.values())
    active.took_hold()
    for host in hosts:
        host.disk.delay += active.amount

    def ended() -> None:
        for host in hosts:
            host.disk.delay = max(host.disk.delay - active.amount, 0.0)

    return ended


def read_rot(active: Active) -> Callable[[], None]:
    """It loses power, and reads wrong bytes at its next start: it refuses, and is replaced."""
    host, keeper = active.host, active.cluster.operator
    keeper.take_down(host)
    host.disk.damage = active.kind
    active.cluster.atlas.lose(host.name)
    return lambda: keeper.bring_back(host)


def write_rot(active: Active) -> Callable[[], None]:
    """One of its next writes goes wrong; it sees that at its next start."""
    host, cluster = active.host, active.cluster
    keeper = cluster.operator
    host.disk.rot_next = active.kind
    cluster.atlas.lose(host.name)

    def ended() -> None:
        host.disk.rot_next = ""
        keeper.take_down(host)
        if not host.disk.damage:
            keeper.await_copy(host)
        keeper.bring_back(host)

    return ended


HANDLERS: dict[str, Handler] = {
    "crash-mid-write": crash_mid_write,
    "torn-write": torn_write,
    "lost-fsync": lost_fsync,
    "fsync-error": fsync_error,
    "disk-full": disk_full,
    "slow-disk": slow_disk,
    "read-rot": read_rot,
    "write-rot": write_rot,
    "misdirected-write": write_rot,
    "stale-disk": stale_disk,
}
