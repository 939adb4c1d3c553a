# SPDX-License-Identifier: Apache-2.0
"""A new cluster out of what is left of one that lost its majority for good. The last resort: read all of it.

A majority that is lost for good may have acknowledged commands that no survivor has: they are lost too, and nobody can
tell which. So nothing here happens by itself or by accident. The operator names those that go on and those that are
given up, and a new name for the cluster; what is there is only read, and what is made is made elsewhere.

How it is safe, run on each survivor by itself, with the same arguments:

* The new cluster begins with the survivor's newest snapshot, in which the new configuration takes the old one's place,
  and with all entries behind it. Raft's own election chooses the survivor whose log is furthest, and commits what it
  holds: nothing is lost that any survivor had. Changes of the old members among the entries become entries that do
  nothing.
* The new cluster's ids derive from its new name, so a node that was given up and comes back is not listened to.
* Its terms begin above all of the old ones, at the next multiple of 2 ** 32, on all survivors alike.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from tricord.base.environment import Disk, Random
from tricord.base.errors import ConfigurationError
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration, decode_configuration
from tricord.base.message import message
from tricord.raft_node.disk_stores import open_disk_stores, parent_of
from tricord.raft_node.members import configuration_of, members_of, name_of
from tricord.raft_node.recovery import open_newest
from tricord.raft_node.stores import SnapshotInfo, StoredSnapshot, Stores
from tricord.runtime.clock import SystemRandom
from tricord.runtime.disk import RealDisk

_logger = logging.getLogger("tricord.raft_node")

_TERM_STEP = 1 << 32
_BLOCK_BYTES = 1 << 20
_APPEND_ENTRIES = 1024


@message
class RecoveryReport:
    """What was done, and what was given up."""

    cluster: str
    members: list[str]
    given_up: list[str]
    """Members of the old cluster that do not belong to the new one."""
    committed_index: int
    """What this survivor knows to be committed."""
    last_index: int
    """The last entry of its log. Those behind the committed one count if it, or one as far, is elected."""
    dropped_changes: list[int]
    """Indexes in its log that changed the old cluster's members."""
    warning: str


def recover_cluster(
    source: str,
    target: str,
    local_id: str,
    *,
    cluster: str,
    new_cluster: str,
    survivors: Mapping[str, str] | Sequence[str],
    given_up: Sequence[str],
    disk: Disk | None = None,
    random: Random | None = None,
) -> RecoveryReport:
    """Make, from the directory ``source`` of the survivor ``local_id``, its directory ``target`` in ``new_cluster``.

    The node of ``source`` is stopped, and all other nodes of ``cluster`` are. Run it on each of the ``survivors``, with
    the same ``survivors`` (names, with addresses where nodes use them), ``given_up`` and ``new_cluster``; then start
    them on ``target`` with ``NodeConfig(cluster=new_cluster)``. ``source`` stays as it is: keep it.

    Raises ConfigurationError, and makes nothing, when the survivors are a majority (start them: nothing is lost), when
    ``given_up`` is not exactly the rest of the old members, when ``new_cluster`` is the old name, when ``local_id`` is
    none of the survivors, and when ``target`` is there already. Raises StorageError, OSError.
    """
    disk, random = disk or RealDisk(), random or SystemRandom()
    names = dict(survivors) if isinstance(survivors, Mapping) else dict.fromkeys(survivors, "")
    _check_names(disk, source, target, local_id, list(names), cluster, new_cluster)
    old = open_disk_stores(disk, random, source, local_id, cluster=cluster)
    try:
        stored, _ = open_newest(old.snapshots)
        if stored is None:
            raise ConfigurationError(f"{source} holds no snapshot that is whole, or belongs to no cluster yet")
        with stored.stream:
            entries = _entries(old, stored.info.index)
            _check_members(_in_force(stored.info, entries), list(names), list(given_up))
            report = _report(new_cluster, list(names), list(given_up), old, entries)
            _logger.critical("%s", report.warning)
            new = _open_unfinished(disk, random, target, local_id, new_cluster)
            try:
                _write(new, stored, configuration_of(new_cluster, names), old.stable.load(), entries)
            finally:
                new.log.close(clean=True)
                new.close()
            disk.rename(f"{target}.new", target)
            disk.sync_directory(parent_of(target))
    finally:
        old.log.close(clean=False)
        old.close()
    return report


def _check_names(
    disk: Disk, source: str, target: str, local_id: str, survivors: list[str], cluster: str, new_cluster: str
) -> None:
    if new_cluster == cluster:
        raise ConfigurationError("new_cluster must be another name: the nodes that are given up have the old one")
    if local_id not in survivors:
        raise ConfigurationError(f"{local_id!r} is none of the survivors")
    if not disk.exists(f"{source}/identity"):
        raise ConfigurationError(f"{source} holds no node's data")
    if disk.exists(target):
        raise ConfigurationError(f"{target} is there already: name a directory that is not")


def _check_members(configuration: Configuration, survivors: list[str], given_up: list[str]) -> None:
    members = members_of(configuration)
    old = {member.name for member in members}
    if strangers := sorted(set(survivors) - old):
        raise ConfigurationError(f"{', '.join(strangers)} did not belong: add new nodes when the new cluster runs")
    if (rest := sorted(old - set(survivors))) != sorted(given_up):
        raise ConfigurationError(
            f"given_up must name all other members, and nobody else: {', '.join(rest) or 'nobody'}"
        )
    numbers = {name: number for number, name in _names(configuration).items()}
    alive = {numbers[name] for name in survivors}
    for voters in (configuration.voters, configuration.outgoing):
        if 2 * len(alive.intersection(voters)) <= len(voters) and voters:
            return
    raise ConfigurationError("the survivors are a majority: start them, and nothing is lost; then remove the others")


def _names(configuration: Configuration) -> dict[int, str]:
    return {number: name_of(configuration, number) for number in configuration.members()}


def _entries(stores: Stores, after: int) -> list[Entry]:
    entries = [stores.log.get(index) for index in range(after + 1, stores.log.last_index + 1)]
    assert all(entries), "a log has no gap behind the snapshot"
    return [entry for entry in entries if entry is not None]


def _in_force(info: SnapshotInfo, entries: list[Entry]) -> Configuration:
    """The newest configuration: it counts from its append on."""
    changes = [entry for entry in entries if entry.kind == EntryKind.CONFIGURATION]
    return decode_configuration(changes[-1].data) if changes else info.configuration


def _report(
    new_cluster: str, survivors: list[str], given_up: list[str], old: Stores, entries: list[Entry]
) -> RecoveryReport:
    committed, last = old.stable.load().commit, old.log.last_index
    changes = [entry.index for entry in entries if entry.kind == EntryKind.CONFIGURATION]
    warning = (
        f"forcing a new cluster {new_cluster!r} of {', '.join(survivors)}; given up: {', '.join(given_up)}. Commands "
        f"that only they held are lost, though some may have been acknowledged; this log ends at entry {last}"
    )
    return RecoveryReport(new_cluster, survivors, given_up, committed, last, changes, warning)


def _open_unfinished(disk: Disk, random: Random, target: str, local_id: str, new_cluster: str) -> Stores:
    """Under another name until all is there. What an attempt before left behind goes."""
    directory = f"{target}.new"
    if disk.exists(f"{directory}/identity"):
        disk.remove(f"{directory}/identity")
        disk.sync_directory(directory)
    return open_disk_stores(disk, random, directory, local_id, cluster=new_cluster)


def _write(
    new: Stores, stored: StoredSnapshot, configuration: Configuration, hard_state: HardState, entries: list[Entry]
) -> None:
    info = stored.info
    sink = new.snapshots.create(SnapshotInfo(info.index, info.term, configuration, info.index + 1))
    try:
        while block := stored.stream.read(_BLOCK_BYTES):
            sink.write(block)
        sink.commit()
    finally:
        sink.abandon()
    if info.index:
        new.log.reset(info.index, info.term)
    quiet = [
        Entry(entry.index, entry.term, EntryKind.NOOP, b"") if entry.kind == EntryKind.CONFIGURATION else entry
        for entry in entries
    ]
    for first in range(0, len(quiet), _APPEND_ENTRIES):
        new.log.append(quiet[first : first + _APPEND_ENTRIES])
    term = (hard_state.term // _TERM_STEP + 1) * _TERM_STEP
    new.stable.save(HardState(term, 0, hard_state.commit))
