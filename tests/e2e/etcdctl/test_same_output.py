# SPDX-License-Identifier: Apache-2.0
"""The same lines typed at tricord and at a real etcd print the same, for etcdctl 3.4, 3.5 and 3.6, in each format."""

from __future__ import annotations

import pytest

from tests.e2e.etcdctl.client import Etcdctl, level, unordered
from tests.e2e.etcdctl.masks import masked
from tests.e2e.etcdctl.scripts import SCRIPTS, Script
from tests.peers.processes import ServerProcess

CASES = [
    pytest.param(
        name,
        script,
        form,
        id=f"{name}-{script.name}-{form}",
        marks=[pytest.mark.peer(name), *([pytest.mark.peer("etcd")] if script.etcd == "3.6" else [])],
    )
    for name in ("etcdctl-3.4", "etcdctl-3.5", "etcdctl")
    for script in SCRIPTS
    for form in script.formats
    if (name, script.name) != ("etcdctl-3.4", "downgrade")
]


@pytest.mark.parametrize(("name", "script", "form"), CASES)
def test_etcdctl_prints_the_same(
    servers: tuple[ServerProcess, ServerProcess], name: str, script: Script, form: str
) -> None:
    revision = level(*servers)
    clients = [Etcdctl(name, server) for server in servers]
    for typed in script.commands:
        running = [client.type(typed, form, revision) for client in clients]
        ours, theirs = (masked(printed()) for printed in running)
        if not script.ordered:
            ours, theirs = unordered(ours), unordered(theirs)
        assert ours == theirs, f"etcdctl {typed.line} {typed.stdin!r}"
