# SPDX-License-Identifier: Apache-2.0
"""Real clusters as child processes on loopback: members of tricord or of etcd, of one shape, to load and to break.

A cluster starts its members together and waits until each is healthy, which a member is when it knows a leader. After
that a test kills, pauses, stops and starts single members by their names (n1, n2, ...). When a `with` block over a
cluster fails, the ends of all members' logs are printed: pytest shows them, and so does a benchmark.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.peers import paths
from tests.peers.ports import free_port
from tests.peers.processes import ServerProcess

LEADER_SECONDS = 60.0
STANDING_SECONDS = 5.0
"""So long a member that stands still is waited for."""
LOG_LINES = 40

T = TypeVar("T")


def eventually(found: Callable[[], T | None], what: str, seconds: float = LEADER_SECONDS) -> T:
    """Ask until the answer is neither None nor false. Raises AssertionError that says what was waited for."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)
    return answer


@dataclass
class Standing:
    """What a member says of itself (Maintenance.Status): ids, term, and how far it is."""

    member: int
    leader: int
    term: int
    revision: int
    applied: int


class ClusterMember(ServerProcess):
    """One member of a cluster. ``initial`` names all members of the first start (or of the joining), this one too."""

    def __init__(self, name: str, directory: Path, flags: Sequence[str], environment: dict[str, str]) -> None:
        self.name = name
        super().__init__(directory, environment=environment)
        self.flags = flags
        self.initial: dict[str, str] = {}
        self.joins = False

    @property
    def peer_url(self) -> str:
        """Where its peers reach it."""
        return f"http://{self.endpoint}"

    def initial_flags(self) -> list[str]:
        """The flags that say who belongs to the cluster, the same for both servers."""
        named = ",".join(f"{name}={url}" for name, url in self.initial.items())
        return [f"--initial-cluster={named}", f"--initial-cluster-state={'existing' if self.joins else 'new'}"]

    def is_running(self) -> bool:
        """Whether the process is there (it may be paused)."""
        return self.process is not None and self.process.poll() is None

    def standing(self) -> Standing | None:
        """What it says of itself now, or None when it does not answer in time."""
        try:
            status, body = self.http("POST", "/v3/maintenance/status", b"{}", seconds=STANDING_SECONDS)
        except (OSError, http.client.HTTPException):
            return None
        if status != 200:
            return None
        answer = json.loads(body)
        header = answer["header"]
        return Standing(
            member=int(header["member_id"]),
            leader=int(answer.get("leader", 0)),
            term=int(header.get("raft_term", 0)),
            revision=int(header.get("revision", 0)),
            applied=int(answer.get("raftAppliedIndex", 0)),
        )


class TricordMember(ClusterMember):
    """`tricord serve` of this checkout; one port for clients and peers."""

    def command(self) -> Sequence[str]:
        base = [sys.executable, "-m", "tricord", "serve", "--name", self.name, "--data-dir", str(self.directory)]
        return [*base, "--listen", self.endpoint, *self.initial_flags(), *self.flags]


class EtcdMember(ClusterMember):
    """A real etcd."""

    def __init__(self, name: str, directory: Path, flags: Sequence[str], environment: dict[str, str]) -> None:
        super().__init__(name, directory, flags, environment)
        self.peer_port = free_port()

    @property
    def peer_url(self) -> str:
        return f"http://127.0.0.1:{self.peer_port}"

    def command(self) -> Sequence[str]:
        binary = paths.find("etcd")
        assert binary is not None, "etcd is not here: run make peers"
        client, peer = f"http://{self.endpoint}", self.peer_url
        return [
            str(binary),
            f"--name={self.name}",
            f"--data-dir={self.directory}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            "--log-level=error",
            *self.initial_flags(),
            *self.flags,
        ]


KINDS: dict[str, type[ClusterMember]] = {"etcd": EtcdMember, "tricord": TricordMember}


class Cluster:
    """Members n1, n2, ... in folders below ``folder``. ``with Cluster("tricord", folder) as cluster:`` starts them."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        size: int = 3,
        *,
        flags: Sequence[str] = (),
        environments: dict[str, dict[str, str]] | None = None,
    ) -> None:
        """``flags`` go to every member; ``environments`` gives single members (by name) more of an environment."""
        self.kind = kind
        self.folder = folder
        self._flags = flags
        self._environments = environments or {}
        self.members: dict[str, ClusterMember] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, size + 1):
            self._make(f"n{number}")
        for member in self.members.values():
            member.initial = {name: other.peer_url for name, other in self.members.items()}

    def _make(self, name: str) -> ClusterMember:
        environment = self._environments.get(name, {})
        member = self.members[name] = KINDS[self.kind](name, self.folder / name, self._flags, environment)
        return member

    def prepare_to_join(self, name: str) -> ClusterMember:
        """A further member, not started, that will join: tell the cluster of its ``peer_url`` first."""
        member = self._make(name)
        member.joins = True
        member.initial = {name: other.peer_url for name, other in self.members.items()}
        return member

    @property
    def endpoints(self) -> str:
        """All members' client addresses, separated by commas, as the tools take them."""
        return ",".join(member.endpoint for member in self.members.values())

    def endpoints_without(self, *names: str) -> str:
        """As ``endpoints``, for the others."""
        return ",".join(member.endpoint for name, member in self.members.items() if name not in names)

    def start(self, names: Iterable[str] | None = None) -> None:
        """Start these members (default: all that do not run) together, and wait until each is healthy."""
        starting = [self.members[name] for name in names or self.members if not self.members[name].is_running()]
        for member in starting:
            assert member.process is None, f"{member.name} ended by itself:\n{member.log_tail(LOG_LINES)}"
            member.start(wait=False)
        for member in starting:
            member.wait_until_healthy()

    def standings(self) -> dict[str, Standing]:
        """What those that run and answer say of themselves."""
        answers = {name: member.standing() for name, member in self.members.items() if member.is_running()}
        return {name: standing for name, standing in answers.items() if standing is not None}

    def leader_now(self) -> str | None:
        """Who leads in the newest term that anyone knows, or None."""
        standings = self.standings()
        newest = max((standing.term for standing in standings.values()), default=0)
        for name, standing in standings.items():
            if standing.leader == standing.member and standing.term == newest:
                return name
        return None

    def leader(self, seconds: float = LEADER_SECONDS) -> str:
        """Wait until someone leads."""
        return eventually(self.leader_now, "a leader", seconds)

    def wait_until_level(self, seconds: float = LEADER_SECONDS) -> None:
        """Wait until all running members have applied the same entries (which they only do without load)."""

        def level() -> bool:
            standings = self.standings()
            running = [member for member in self.members.values() if member.is_running()]
            places = {(standing.applied, standing.revision) for standing in standings.values()}
            return len(standings) == len(running) and len(places) == 1

        eventually(level, "all members to have applied the same", seconds)

    def kill(self, *names: str) -> None:
        """SIGKILL these members, all before waiting for the first: nothing more is written."""
        for name in names:
            self.members[name].signal(signal.SIGKILL)
        for name in names:
            self.members[name].wait()

    def kill_all(self) -> None:
        """Kill every running member at once."""
        self.kill(*(name for name, member in self.members.items() if member.is_running()))

    def pause(self, name: str) -> None:
        """SIGSTOP: the process stands still with its connections open."""
        self.members[name].signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self.members[name].signal(signal.SIGCONT)

    def drop(self, name: str) -> ClusterMember:
        """Forget a member that is gone for good; it is not running any more."""
        member = self.members.pop(name)
        assert not member.is_running(), f"{name} still runs"
        return member

    def logs(self) -> str:
        """The last lines of every member's log."""
        return "\n".join(f"--- {name}\n{member.log_tail(LOG_LINES)}" for name, member in self.members.items())

    def close(self) -> None:
        """End all members however they stand."""
        for member in self.members.values():
            if member.is_running():
                member.signal(signal.SIGCONT)
        for member in self.members.values():
            member.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.logs(), file=sys.stderr)
        self.close()
