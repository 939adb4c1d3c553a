# SPDX-License-Identifier: Apache-2.0
"""What etcdctl saves of a member, etcd's own tools check and restore, and etcd goes on with, as with a real etcd's."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.etcdctl.client import Etcdctl, gateway, level
from tests.e2e.etcdctl.masks import masked
from tests.peers import paths
from tests.peers.processes import EtcdProcess, ServerProcess, clean_environment

TOOLS = {
    "etcdctl-3.4": ("etcdctl-3.4", "etcd-3.5"),  # etcd 3.6 does not start from what 3.4 restored
    "etcdctl-3.5": ("etcdctl-3.5", "etcd"),
    "etcdctl": ("etcdutl", "etcd"),
}
"""What checks and restores what each version saved, and what goes on with it."""
VERSIONS = [
    pytest.param(name, marks=[pytest.mark.peer(peer) for peer in sorted({name, *tools, "etcdctl"})])
    for name, tools in TOOLS.items()
]
STAGE = (
    "put app/a one --lease=7abc",
    "put app/b two",
    "put app/c three",
    "del app/c",
    "put app/b four",
    "compaction {revision+3}",
    "put app/d five",
)


def tool(name: str, *arguments: str | Path) -> str:
    """What a tool that needs no server prints. It must end well."""
    environment = clean_environment(**({"ETCDCTL_API": "3"} if name == "etcdctl-3.4" else {}))
    command = [str(paths.find(name)), *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told(name: str, server: ServerProcess, revision: int, folder: Path) -> str:
    """Save, check, restore, start: what is in the new store then, and that it can be written."""
    folder.mkdir()
    keeper, goes_on = TOOLS[name]
    snapshot, directory = folder / "snapshot", folder / "restored"
    gateway(server, "lease/grant", ID="31420", TTL="600")
    with closing(Etcdctl(name, server)) as etcdctl:
        for line in STAGE:
            etcdctl.run(line, revision).finish_well()
        etcdctl.run(f"snapshot save {snapshot}").finish_well()
    status = json.loads(tool(keeper, "snapshot", "status", snapshot, "-w", "json"))
    seen = f"revision +{status['revision'] - revision}\n"
    restored = EtcdProcess(paths.find(goes_on) or Path(), directory)
    peer = f"http://127.0.0.1:{restored.peer_port}"
    place: list[str | Path] = [
        "--data-dir",
        directory,
        f"--initial-cluster=default={peer}",
        f"--initial-advertise-peer-urls={peer}",
    ]
    tool(keeper, "snapshot", "restore", snapshot, *place)
    with restored, closing(Etcdctl("etcdctl", restored)) as etcdctl:
        for line in (
            "get '' --prefix -w json",
            "get '' --prefix --rev={revision+6}",
            "get '' --prefix --rev={revision+4}",
            "get '' --prefix --rev={revision+3}",
            "lease timetolive 7abc --keys",
            "lease revoke 7abc",
            "put app/e six",
            "get '' --prefix -w json",
            "member list",
            "alarm list",
        ):
            seen += etcdctl.run(line, revision).finish()
    return masked(seen)


@pytest.mark.parametrize("name", VERSIONS)
def test_a_real_etcd_goes_on_with_it(servers: tuple[ServerProcess, ServerProcess], name: str, tmp_path: Path) -> None:
    revision = level(*servers)
    with ThreadPoolExecutor() as pool:
        stories = [
            pool.submit(told, name, server, revision, tmp_path / str(number)) for number, server in enumerate(servers)
        ]
        ours, theirs = (story.result() for story in stories)
    assert ours == theirs
