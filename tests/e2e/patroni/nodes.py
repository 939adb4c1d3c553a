# SPDX-License-Identifier: Apache-2.0
"""Patroni nodes as child processes: each watches over a PostgreSQL of its own, and speaks to the store as to etcd v3.

PostgreSQL refuses to run as root, so a test run by root gives both to the user `nobody`, with the right to read what is
root's (Python itself may be in root's home).
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.peers import paths
from tests.peers.clusters import eventually
from tests.peers.ports import free_port
from tests.peers.processes import clean_environment

NOBODY = 65534
AS_NOBODY = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
)
SCOPE = "pair"
COMMAND_SECONDS = 60
LEADER_SECONDS = 90.0
# The least `ttl` that Patroni allows: a leader that was killed is followed when its lease ends. And the longest
# `retry_timeout` for that: who cannot reach the store for so long gives the lead up.
TIMES = {"ttl": 20, "loop_wait": 1, "retry_timeout": 9}


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command as `nobody`, if this is root."""
    return [*AS_NOBODY, *command] if os.geteuid() == 0 else list(command)


class PatroniNode:
    """A node `name`, whose files are in a folder of its own below ``folder``."""

    def __init__(self, name: str, folder: Path, store_endpoint: str) -> None:
        self.name = name
        self.folder = folder / name
        self.port = free_port()
        self.rest_port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir(parents=True)
        self.configuration = self.folder / "patroni.json"  # Patroni reads YAML, and so JSON
        self.configuration.write_text(json.dumps(self._configuration(store_endpoint), indent=1))
        if os.geteuid() == 0:
            shutil.chown(self.folder, NOBODY, NOBODY)

    def _configuration(self, store_endpoint: str) -> dict[str, object]:
        postgresql = paths.find("postgresql")
        assert postgresql is not None
        users = {"superuser": {"username": "postgres"}, "replication": {"username": "replicator"}}
        return {
            "scope": SCOPE,
            "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self.rest_port}", "connect_address": f"127.0.0.1:{self.rest_port}"},
            "etcd3": {"host": store_endpoint},
            "bootstrap": {"dcs": TIMES | {"postgresql": {"use_pg_rewind": True}}, "initdb": ["data-checksums"]},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(postgresql),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": users | {"rewind": {"username": "postgres"}},
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
                "parameters": {"fsync": "off", "shared_buffers": "16MB", "unix_socket_directories": ""},
            },
        }

    @property
    def environment(self) -> dict[str, str]:
        """Patroni's packages are before the suite's."""
        return clean_environment(PYTHONPATH=str(paths.find("patroni")), HOME=str(self.folder))

    def start(self) -> None:
        """Start it; it takes its place by itself."""
        with (self.folder.with_name(f"{self.name}.log")).open("ab") as log:
            self.process = subprocess.Popen(
                unprivileged([sys.executable, "-m", "patroni", str(self.configuration)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.folder,
            )

    def kill(self) -> None:
        """SIGKILL to Patroni, then to its PostgreSQL: nothing more is written, and nobody gives up the lead."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self._kill_postgresql()

    def _kill_postgresql(self) -> None:
        lock = self.folder / "data" / "postmaster.pid"
        if lock.is_file():
            first = int(lock.read_text().split()[0])
            for pid in (first, *_children(first)):
                _kill(pid)

    def ask(self, *statements: str) -> list[str]:
        """The rows that these SQL statements give, one after the other. Raises CalledProcessError with psql's words."""
        psql = f"{paths.find('postgresql')}/psql"
        command = [psql, "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1"]
        for statement in statements:
            command += ["-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=COMMAND_SECONDS)
        return done.stdout.splitlines()

    def control(self, *arguments: str) -> str:
        """What `patronictl` prints."""
        program = "from patroni.ctl import ctl; ctl(prog_name='patronictl')"
        command = [sys.executable, "-c", program, "-c", str(self.configuration), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS, env=self.environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def members(self) -> dict[str, tuple[str, str, int]]:
        """(role, state, timeline) of each member, as this node tells them; empty when it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=5)
        try:
            connection.request("GET", "/cluster")
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException):
            return {}
        finally:
            connection.close()
        return {
            member["name"]: (member["role"], member["state"], member.get("timeline", 0)) for member in answer["members"]
        }


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.is_file() else []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class PatroniPair:
    """Two nodes over one store. ``with PatroniPair(folder, endpoint) as pair:`` starts them."""

    def __init__(self, folder: Path, store_endpoint: str) -> None:
        self.folder = folder
        self.nodes = {name: PatroniNode(name, folder, store_endpoint) for name in ("p1", "p2")}

    def other(self, name: str) -> PatroniNode:
        """The one that is not ``name``."""
        return next(node for node in self.nodes.values() if node.name != name)

    def wait_for_leader(self, timeline: int, *, followers: int = 1) -> str:
        """Wait until one leads on this timeline (it counts the leads, from 1) and so many follow it: who leads."""

        def settled() -> str | None:
            for node in self.nodes.values():
                members = node.members()
                leaders = [name for name, place in members.items() if place == ("leader", "running", timeline)]
                following = [name for name, place in members.items() if place == ("replica", "streaming", timeline)]
                if leaders and len(following) == followers:
                    return leaders[0]
            return None

        return eventually(settled, f"a leader of timeline {timeline} with {followers} followers", LEADER_SECONDS)

    def logs(self) -> str:
        """The last lines of both logs."""
        ends = [
            "\n".join(path.read_text(errors="replace").splitlines()[-30:]) for path in sorted(self.folder.glob("*.log"))
        ]
        return "\n---\n".join(ends)

    def close(self) -> None:
        """End both."""
        for node in self.nodes.values():
            node.kill()
