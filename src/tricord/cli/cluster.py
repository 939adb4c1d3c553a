# SPDX-License-Identifier: Apache-2.0
"""``tricord cluster``: a cluster on this machine, to try things, and to break it on purpose."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from tricord.base.errors import ConfigurationError
from tricord.cli.arguments import AsJson
from tricord.cli.exit_codes import ExitCode
from tricord.cli.local_cluster import LocalCluster, LocalClusterError, LocalMember, default_ports, must_be_free
from tricord.cli.output import write_json, write_rows

if TYPE_CHECKING:
    from tricord.base.members import MemberStatus

READY_SECONDS = 60.0
LOOK_SECONDS = 0.05
ASK_SECONDS = 1.0

Directory: TypeAlias = Annotated[str, typer.Option("--dir", metavar="DIRECTORY", help="Where the cluster is kept.")]
Names: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Members: n1, n2 ...; leader is whoever leads now.")
]
DEFAULT = "tricord-cluster"


def start(
    count: Annotated[int | None, typer.Argument(metavar="[COUNT]", help="How many members.  [default: 3]")] = None,
    ports: Annotated[
        str, typer.Option(metavar="PORT,...", help="Their ports.  [default: 2379,22379,32379 and so on]")
    ] = "",
    directory: Directory = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Start a cluster on this machine, in the background, or those of its members that are down.

    \b
    Examples:
      tricord cluster start 3
      tricord cluster start 5 --dir /tmp/five
      tricord cluster start
    """
    cluster = LocalCluster(directory)
    if not cluster.exists:
        wanted = _ports(count, ports)
        for port in wanted:
            must_be_free(port)
        cluster.create(wanted)
    elif (count or ports) and _ports(count, ports) != [member.port for member in cluster.members()]:
        have = ", ".join(str(member.port) for member in cluster.members())
        raise ConfigurationError(f"{directory} holds a cluster on {have}: choose another --dir, or stop it with --wipe")
    for member in cluster.members():
        cluster.start(member)
    until_ready(cluster, [member for member in cluster.members() if cluster.state(member) != "paused"])
    _show(cluster, as_json)
    if not as_json:
        _say_what_to_try(cluster, directory)


def status(directory: Directory = DEFAULT, as_json: AsJson = False) -> ExitCode:
    """Print how each member is: its process, its role, its log, and from whom it is cut off.

    The exit code is 4 when one is down, paused or without a leader.

    \b
    Examples:
      tricord cluster status
    """
    return _show(LocalCluster(directory), as_json)


def stop(
    directory: Directory = DEFAULT,
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove the directory, too: the data are gone.")] = False,
) -> None:
    """Stop all members; their data stay, and `tricord cluster start` starts them again.

    \b
    Examples:
      tricord cluster stop
      tricord cluster stop --wipe
    """
    cluster = LocalCluster(directory)
    up = [member for member in cluster.members() if cluster.pid(member) is not None]
    for member in up:
        cluster.send_if_there(member, signal.SIGTERM)
    for member in up:
        cluster.stop(member)
        _say(f"{member.name} stopped")
    if wipe:
        cluster.wipe()
        _say(f"{directory} removed")


def kill(names: Names, directory: Directory = DEFAULT) -> None:
    """End members' processes without warning, as a power cut would.

    \b
    Examples:
      tricord cluster kill n1
      tricord cluster kill leader
    """
    _each(directory, names, lambda cluster, member: "killed" if cluster.stop(member, at_once=True) else "down already")


def pause(names: Names, directory: Directory = DEFAULT) -> None:
    """Freeze members' processes: they keep their connections, and do nothing.

    \b
    Examples:
      tricord cluster pause leader
    """

    def freeze(cluster: LocalCluster, member: LocalMember) -> str:
        cluster.send(member, signal.SIGSTOP)
        return "paused"

    _each(directory, names, freeze)


def resume(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Members: n1, n2 ...; none: all that are paused.")
    ] = None,
    directory: Directory = DEFAULT,
) -> None:
    """Let paused members go on.

    \b
    Examples:
      tricord cluster resume
      tricord cluster resume n1
    """

    def thaw(cluster: LocalCluster, member: LocalMember) -> str:
        if cluster.state(member) == "running":
            return "was not paused"
        cluster.send(member, signal.SIGCONT)
        return "goes on"

    cluster = LocalCluster(directory)
    paused = [member.name for member in cluster.members() if cluster.state(member) == "paused"]
    _each(directory, names or paused, thaw)
    if not names and not paused:
        _say("nobody is paused")


def restart(names: Names, directory: Directory = DEFAULT) -> None:
    """Stop members if they run, and start them.

    \b
    Examples:
      tricord cluster restart n1
      tricord cluster restart n1 n2 n3
    """

    def again(cluster: LocalCluster, member: LocalMember) -> str:
        cluster.stop(member)
        cluster.start(member)
        until_ready(cluster, [member])
        return "started"

    _each(directory, names, again)


def partition(
    names: Names,
    one_way: Annotated[bool, typer.Option("--one-way", help="Drop what they send; they still hear the rest.")] = False,
    directory: Directory = DEFAULT,
) -> None:
    """Cut members off from the rest: messages between them are dropped. Earlier cuts stay; heal ends all of them.

    Clients still reach every member.

    \b
    Examples:
      tricord cluster partition leader
      tricord cluster partition n1 n2
    """
    cluster = LocalCluster(directory)
    inside = [member.name for member in _named(cluster, names)]
    outside = [member.name for member in cluster.members() if member.name not in inside]
    if not outside:
        raise LocalClusterError("nobody is left on the other side: name fewer members")
    pairs = [(one, other) for one in inside for other in outside]
    if not one_way:
        pairs += [(other, one) for one, other in pairs]
    cluster.cut(sorted({*cluster.cuts(), *pairs}))
    arrow = "-X->" if one_way else "<-X->"
    _say(f"{', '.join(inside)} {arrow} {', '.join(outside)}")


def heal(directory: Directory = DEFAULT) -> None:
    """End all cuts.

    \b
    Examples:
      tricord cluster heal
    """
    cluster = LocalCluster(directory)
    cluster.members()
    cluster.cut([])
    _say("all members reach each other")


def _ports(count: int | None, ports: str) -> list[int]:
    if not ports:
        return default_ports(3 if count is None else count)
    try:
        given = [int(part) for part in ports.split(",")]
    except ValueError:
        given = []
    if not given or len(set(given)) != len(given) or not all(0 < port < 65536 for port in given):
        raise ConfigurationError(f"--ports {ports}: write different ports with commas between them")
    if count is not None and count != len(given):
        raise ConfigurationError(f"{count} members, but {len(given)} ports: leave one of the two out")
    return given


def _each(directory: str, names: list[str], act: Callable[[LocalCluster, LocalMember], str]) -> None:
    cluster = LocalCluster(directory)
    for member in _named(cluster, names):
        _say(f"{member.name} {act(cluster, member)}")


def _named(cluster: LocalCluster, names: list[str]) -> list[LocalMember]:
    members = []
    for name in names:
        member = leader_of(cluster) if name == "leader" else cluster.member(name)
        if member not in members:
            members.append(member)
    return members


def leader_of(cluster: LocalCluster) -> LocalMember:
    """Who leads, as the newest term has it: a leader that was cut off may not know yet that it leads no more."""
    leading = [
        (status.raft_term, member)
        for member, status in zip(cluster.members(), _statuses(cluster), strict=True)
        if status is not None and status.leader == status.member
    ]
    if not leading:
        raise LocalClusterError("nobody leads now")
    return max(leading, key=lambda found: found[0])[1]


def _statuses(cluster: LocalCluster) -> list[MemberStatus | None]:
    """What each member says of itself; None where it does not."""
    import asyncio

    from tricord.client.connecting import connect_async

    async def ask() -> list[MemberStatus | None]:
        endpoints = [member.endpoint for member in cluster.members()]
        async with connect_async(endpoints, timeout=ASK_SECONDS) as client:
            return [answer.status for answer in await client.status_of_each()]

    return asyncio.run(ask())


def until_ready(cluster: LocalCluster, members: list[LocalMember]) -> None:
    """Wait until each of ``members`` runs and, where a majority runs, follows a leader. Raises LocalClusterError."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        everybody = cluster.members()
        for member in members:
            if cluster.pid(member) is None:
                raise LocalClusterError(f"{member.name} ended at once; its log ends with\n{cluster.last_words(member)}")
        running = [member for member in everybody if cluster.state(member) == "running"]
        can_lead = len(running) > len(everybody) // 2 and not cluster.cuts()
        known = dict(zip((member.name for member in everybody), _statuses(cluster), strict=True))
        found = [known[member.name] for member in members]
        if all(status is not None and (status.leader or not can_lead) for status in found):
            return
        if time.monotonic() > deadline:
            raise LocalClusterError(f"not ready in {READY_SECONDS:g} s: see {cluster.directory}/*.log")
        time.sleep(LOOK_SECONDS)


def _show(cluster: LocalCluster, as_json: bool) -> ExitCode:
    members = cluster.members()
    statuses = _statuses(cluster)
    cuts = cluster.cuts()
    furthest = max((status.raft_index for status in statuses if status), default=0)
    documents = [
        _document(cluster, member, status, cuts, furthest) for member, status in zip(members, statuses, strict=True)
    ]
    if as_json:
        write_json(documents)
    else:
        headers = ("name", "state", "role", "endpoint", "pid", "term", "index", "lag", "cut off from")
        write_rows(headers, [[_cell(document[name]) for name in _COLUMNS] for document in documents])
    well = all(document["state"] == "running" and document["role"] in ("leader", "follower") for document in documents)
    return ExitCode.DONE if well else ExitCode.UNAVAILABLE


_COLUMNS = ("name", "state", "role", "endpoint", "pid", "raft_term", "raft_applied_index", "lag", "cut_off_from")


def _document(
    cluster: LocalCluster,
    member: LocalMember,
    status: MemberStatus | None,
    cuts: list[tuple[str, str]],
    furthest: int,
) -> dict[str, Any]:
    role = ""
    if status is not None:
        role = "leader" if status.leader == status.member else "follower" if status.leader else "no leader"
    return {
        "name": member.name,
        "state": cluster.state(member),
        "role": role,
        "endpoint": member.endpoint,
        "pid": cluster.pid(member),
        "raft_term": status.raft_term if status else None,
        "raft_applied_index": status.raft_applied_index if status else None,
        "lag": max(0, furthest - status.raft_applied_index) if status else None,
        "cut_off_from": sorted({other for one, other in cuts if one == member.name}),
    }


def _cell(value: object) -> object:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, list) else value


def _say_what_to_try(cluster: LocalCluster, directory: str) -> None:
    endpoints = ",".join(member.endpoint for member in cluster.members())
    where = "" if directory == DEFAULT else f" --dir {directory}"
    lines = [
        f"export TRICORD_ENDPOINTS={endpoints} ETCDCTL_ENDPOINTS={endpoints}",
        "tricord put greeting hello && etcdctl get greeting",
        f"tricord cluster kill leader{where} && tricord get greeting",
        f"tricord cluster start{where}    # start again what is down",
        f"tricord cluster stop{where}",
    ]
    print("try", *(f"  {line}" for line in lines), sep="\n", file=sys.stderr)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


COMMANDS: dict[str, Callable[..., Any]] = {
    "start": start,
    "status": status,
    "stop": stop,
    "kill": kill,
    "pause": pause,
    "resume": resume,
    "restart": restart,
    "partition": partition,
    "heal": heal,
}
