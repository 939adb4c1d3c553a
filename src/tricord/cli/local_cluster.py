# SPDX-License-Identifier: Apache-2.0
"""A cluster on this machine: its directory, its processes, and how it is broken on purpose.

```
tricord-cluster/
|-- cluster.json     names and ports
|-- faults.json      whose messages to whom are dropped; members read it again when it changes
|-- n1/              a member's data
|-- n1.log           what it said, over all starts
`-- n1.pid           its process: the id, and when it began, for ids are used again
```

Members run in the background, in sessions of their own, until they are stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from typing import Any

from tricord.base.errors import ConfigurationError, TricordError
from tricord.base.message import message

FIRST_PORT = 2379
MEMBERS_MAX = 6
"""As many ports as there are from 2379 on in the pattern of etcd's examples: 2379, 22379, 32379 ..."""
STOP_SECONDS = 15.0
TURN_SECONDS = 0.02


class LocalClusterError(TricordError):
    """Something about a cluster on this machine."""

    code = "local_cluster"
    summary = "the local cluster cannot do that"
    hint = "tricord cluster status shows how it is"


@message
class LocalMember:
    """One member: what it is called, and the port on which it serves clients and peers."""

    name: str
    port: int

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"


def must_be_free(port: int) -> None:
    """Raises ConfigurationError when somebody listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be had ({error.strerror}): choose others with --ports"
            ) from None


def default_ports(count: int) -> list[int]:
    """2379, 22379, 32379 and so on."""
    if not 1 <= count <= MEMBERS_MAX:
        raise ConfigurationError(f"a local cluster has 1 to {MEMBERS_MAX} members, or as many as --ports names")
    return [FIRST_PORT, *(FIRST_PORT + 10_000 * place for place in range(2, count + 1))]


class LocalCluster:
    """The cluster in ``directory``. Every method reads the files anew: nothing is kept between two commands."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    @property
    def exists(self) -> bool:
        """Whether a cluster was ever started here."""
        return os.path.exists(self._path("cluster.json"))

    def create(self, ports: list[int]) -> None:
        """Write down who the members are. Raises ConfigurationError when others than we use the directory."""
        if os.path.isdir(self.directory) and os.listdir(self.directory):
            raise ConfigurationError(f"{self.directory} is not empty, and holds no cluster: choose another --dir")
        os.makedirs(self.directory, exist_ok=True)
        members = [{"name": f"n{number}", "port": port} for number, port in enumerate(ports, 1)]
        self._write("cluster.json", {"members": members})
        self._write("faults.json", {"cut": []})

    def members(self) -> list[LocalMember]:
        """All of them. Raises LocalClusterError when there is no cluster."""
        try:
            document = self._read("cluster.json")
        except FileNotFoundError:
            raise LocalClusterError(
                f"there is no cluster in {self.directory}: tricord cluster start makes one"
            ) from None
        return [LocalMember(entry["name"], entry["port"]) for entry in document["members"]]

    def member(self, name: str) -> LocalMember:
        """The member of that name. Raises LocalClusterError."""
        members = self.members()
        for member in members:
            if member.name == name:
                return member
        names = ", ".join(member.name for member in members)
        raise LocalClusterError(f"no member is called {name!r}; there are {names}")

    # --- processes -----------------------------------------------------------------------------------------

    def start(self, member: LocalMember) -> bool:
        """Start its process, unless it runs already."""
        if self.pid(member) is not None:
            return False
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRICORD_")}
        log = os.open(self._path(f"{member.name}.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            # In a session of its own: Ctrl-C in this terminal is not for it, and it outlives us.
            pid = os.posix_spawn(
                sys.executable,
                self.command(member),
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
            )
        finally:
            os.close(log)
        self._write(f"{member.name}.pid", {"pid": pid, "began": began(pid)})
        return True

    def command(self, member: LocalMember) -> list[str]:
        """What its process runs."""
        initial = ",".join(f"{each.name}={each.endpoint}" for each in self.members())
        words = [sys.executable, "-m", "tricord", "serve", "--name", member.name, "--listen", member.endpoint]
        words += ["--data-dir", self._path(member.name), "--initial-cluster", initial]
        return [*words, "--initial-cluster-token", self._token(), "--unsafe-faults", self._path("faults.json")]

    def pid(self, member: LocalMember) -> int | None:
        """Its process, if that runs."""
        try:
            known = self._read(f"{member.name}.pid")
        except (FileNotFoundError, ValueError):
            return None
        pid = int(known["pid"])
        return pid if known["began"] and began(pid) == known["began"] else None

    def state(self, member: LocalMember) -> str:
        """``running``, ``paused`` or ``down``."""
        pid = self.pid(member)
        if pid is None:
            return "down"
        return "paused" if _stat(pid)[0] in ("T", "t") else "running"

    def send(self, member: LocalMember, number: signal.Signals) -> None:
        """Send its process a signal. Raises LocalClusterError when it does not run."""
        pid = self.pid(member)
        if pid is None:
            raise LocalClusterError(f"{member.name} does not run")
        os.kill(pid, number)

    def stop(self, member: LocalMember, *, at_once: bool = False) -> bool:
        """End its process and wait for that: by SIGTERM, or as a power cut would. False when it did not run."""
        if self.pid(member) is None:
            return False
        if at_once:
            self.send(member, signal.SIGKILL)
        else:
            self.send_if_there(member, signal.SIGTERM)
            self.send_if_there(member, signal.SIGCONT)
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid(member) is not None:
            if time.monotonic() > deadline:
                self.send_if_there(member, signal.SIGKILL)
            time.sleep(TURN_SECONDS)
        os.remove(self._path(f"{member.name}.pid"))
        return True

    def send_if_there(self, member: LocalMember, number: signal.Signals) -> None:
        """As ``send``; a process that is gone already needs none."""
        try:
            self.send(member, number)
        except (LocalClusterError, ProcessLookupError):
            return

    def wipe(self) -> None:
        """Remove the whole directory. The members must be down."""
        self.members()
        shutil.rmtree(self.directory)

    def last_words(self, member: LocalMember, lines: int = 5) -> str:
        """The end of its log."""
        try:
            with open(self._path(f"{member.name}.log"), "rb") as log:
                return b"\n".join(log.read()[-20_000:].splitlines()[-lines:]).decode(errors="replace")
        except FileNotFoundError:
            return ""

    # --- faults --------------------------------------------------------------------------------------------

    def cuts(self) -> list[tuple[str, str]]:
        """Whose messages to whom are dropped."""
        try:
            return [(one, other) for one, other in self._read("faults.json")["cut"]]
        except FileNotFoundError:
            return []

    def cut(self, pairs: list[tuple[str, str]]) -> None:
        """Drop these, and no others. The members notice within a moment."""
        self._write("faults.json", {"cut": pairs})

    # --- files ---------------------------------------------------------------------------------------------

    def _token(self) -> str:
        return f"local {self._path('')}"

    def _path(self, name: str) -> str:
        return os.path.join(os.path.abspath(self.directory), name)

    def _read(self, name: str) -> Any:
        with open(self._path(name), encoding="utf-8") as file:
            return json.load(file)

    def _write(self, name: str, document: object) -> None:
        """Whole or not at all: members read while we write."""
        path = self._path(name)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(document, file)
        os.replace(f"{path}.new", path)


def began(pid: int) -> str:
    """When the process began, in the kernel's ticks; empty when there is none, or it is a zombie."""
    state, start = _stat(pid)
    return "" if state in ("Z", "X", "") else start


def _stat(pid: int) -> tuple[str, str]:
    """(state, start time) of a process (man 5 proc, /proc/pid/stat: fields 3 and 22)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
