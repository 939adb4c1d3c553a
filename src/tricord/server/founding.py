# SPDX-License-Identifier: Apache-2.0
"""What a data directory begins with: whose it is, and the first configuration of its cluster.

A member of a listed cluster derives both from the list. One that is alone draws its ids. One that joins was told by the
cluster, and begins without voters: it waits for what the leader sends.
"""

from __future__ import annotations

from tricord.base.environment import Disk, Environment, Random
from tricord.base.members import MemberInfo, encode_member_info
from tricord.base.membership import Configuration as Members
from tricord.base.membership import decode_configuration, encode_configuration
from tricord.base.message import message
from tricord.server.configuration import Configuration
from tricord.storage.identity import Identity
from tricord.storage.member_storage import MemberStorage, open_member_storage


@message
class Founding:
    """What a fresh directory gets; one that has an identity ignores it."""

    identity: Identity
    members: Members


@message
class Invitation:
    """What the cluster told one that joins it. ``members`` is its configuration, to find the others by."""

    cluster: int
    history: int
    member: int
    members: Members


def found(
    random: Random, configuration: Configuration, invitation: Invitation | None, *, as_listed: bool = False
) -> Founding:
    """What this start would found. ``as_listed``: the list of members says with URLs which scheme they speak, not the
    settings. Raises ConfigurationError."""
    incarnation = random.bits(63) | 1
    name = configuration.name
    if invitation is not None:
        identity = Identity(invitation.cluster, invitation.member, invitation.history, incarnation, name)
        return Founding(identity, Members(()))
    if configuration.initial_cluster:
        initial = configuration.initial_members
        own = next(member for member in initial.members if member.name == configuration.listed_name)
        identity = Identity(initial.cluster_id, initial.member_id(own), initial.history_id, incarnation, name)
        scheme = "https" if configuration.peer_tls else "http"
        return Founding(identity, initial.configuration("" if as_listed else scheme))
    # Ids fit a signed 64-bit integer, and 0 means nobody.
    identity = Identity(random.bits(63) | 1, random.bits(63) | 1, random.bits(63) | 1, incarnation, name)
    return Founding(identity, alone(identity, configuration))


def alone(identity: Identity, configuration: Configuration) -> Members:
    """The configuration of a member that nobody else knows."""
    peer, client = configuration.advertise_peer_address, configuration.advertise_address
    peer_urls = [f"{'https' if configuration.peer_tls else 'http'}://{peer}"] if peer.port else []
    client_urls = [f"{'https' if configuration.tls else 'http'}://{client}"] if client.port else []
    info = MemberInfo(identity.name, peer_urls, client_urls, identity.incarnation)
    return Members((identity.member,), info={identity.member: encode_member_info(info)})


def open_storage(environment: Environment, configuration: Configuration, founding: Founding) -> MemberStorage:
    """Open the data directory, or found it. One that was founded but never used is founded anew from another list.

    Raises what ``open_member_storage`` does.
    """
    storage = _open(environment, configuration, founding)
    was_founded = not is_used(storage) and members_of(storage, configuration).voters  # one that joined has none yet
    same = storage.identity.cluster == founding.identity.cluster
    if same or not was_founded or not configuration.initial_cluster or configuration.initial_cluster_state != "new":
        return storage
    storage.close()
    _clear(environment.disk, configuration.data_dir)
    return _open(environment, configuration, founding)


def is_used(storage: MemberStorage) -> bool:
    """Whether this member ever voted, or got anything of the log."""
    return bool(storage.hard_state.term or storage.entries or storage.applied_index)


def members_of(storage: MemberStorage, configuration: Configuration) -> Members:
    """The configuration at the applied index. A directory from before there was any is of one member."""
    if storage.configuration:
        return decode_configuration(storage.configuration)
    return alone(storage.identity, configuration)


def _open(environment: Environment, configuration: Configuration, founding: Founding) -> MemberStorage:
    return open_member_storage(
        environment,
        configuration.data_dir,
        new_identity=lambda: founding.identity,
        initial_configuration=encode_configuration(founding.members),
        map_size=configuration.map_bytes,
        segment_bytes=configuration.segment_bytes,
    )


def _clear(disk: Disk, directory: str) -> None:
    """The identity goes last: without it a creation that was cut short starts over."""
    for part in ("backend", "wal"):
        for name in disk.list(f"{directory}/{part}"):
            disk.remove(f"{directory}/{part}/{name}")
        disk.sync_directory(f"{directory}/{part}")
    disk.remove(f"{directory}/identity")
    disk.sync_directory(directory)
