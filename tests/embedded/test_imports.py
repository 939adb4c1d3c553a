# SPDX-License-Identifier: Apache-2.0
"""What an import loads: little, and nothing of one platform only."""

from __future__ import annotations

import subprocess
import sys

from tests.peers.ports import free_port

BLOCK = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Blocker())
"""


def run(program: str) -> str:
    program = program.replace("{NOBODY}", f"127.0.0.1:{free_port()}")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_tricord_loads_nothing_but_itself() -> None:
    loaded = run("import tricord, sys; print(*sorted(m for m in sys.modules if m.startswith('tricord')))").split()
    assert loaded == ["tricord"]


def test_the_client_loads_neither_grpc_nor_what_the_command_line_needs_nor_the_server() -> None:
    program = """
import sys, tricord
tricord.connect; tricord.Client; tricord.AsyncClient; tricord.aio.connect; tricord.txn
tops = {module.partition(".")[0] for module in sys.modules}
print(*sorted(tops & {"grpc", "typer", "rich", "click", "google", "hpack", "lmdb", "uvloop", "structlog", "msgspec"}))
server_side = ("tricord.server.", "tricord.storage.", "tricord.cli.", "tricord.api.")
print(*sorted(module for module in sys.modules if f"{module}.".startswith(server_side)))
"""
    assert run(program).split() == []


def test_a_client_at_work_loads_neither_the_server_nor_grpc() -> None:
    program = """
import sys, tricord
with tricord.connect("{NOBODY}", attempts=1) as db:
    try:
        db.get("k")
    except tricord.errors.ConnectionFailed:
        pass
tops = {module.partition(".")[0] for module in sys.modules}
print(*sorted(tops & {"grpc", "typer", "rich", "click", "lmdb", "structlog"}))
server_side = ("tricord.server.", "tricord.storage.", "tricord.cli.", "tricord.api.")
print(*sorted(module for module in sys.modules if f"{module}.".startswith(server_side)))
"""
    assert run(program).split() == []


def test_client_and_memory_work_without_what_linux_alone_has() -> None:
    names = {"fcntl", "lmdb", "uvloop", "resource", "pwd", "grp", "termios"}
    program = (
        BLOCK.format(names=names)
        + """
import tricord
with tricord.open("memory://") as db:
    db["k"] = "v"
    print(db["k"].decode())
with tricord.connect("{NOBODY}", attempts=1) as db:
    try:
        db.get("k")
    except tricord.errors.ConnectionFailed:
        print("refused")
"""
    )
    assert run(program).split() == ["v", "refused"]
