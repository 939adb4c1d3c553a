# SPDX-License-Identifier: Apache-2.0
"""`tricord etcd` and a real `etcd` as child processes that are started by the same words."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers.ports import free_port
from tests.peers.processes import ServerProcess, clean_environment

SECONDS = 60.0
TRICORD = [sys.executable, "-m", "tricord", "etcd"]


class Command(ServerProcess):
    """One server. In ``words``, ``{client}``, ``{client2}``, ``{peer}``, ``{metrics}`` stand for loopback HOST:PORT of
    its own, ``{dir}`` for its data directory, ``{folder}`` for the folder that this is in."""

    def __init__(
        self,
        base: Sequence[str],
        directory: Path,
        words: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(directory)
        self.name = "etcd" if len(base) == 1 else "tricord"
        self.log_path = directory.with_name(f"{directory.name}.log")
        self.base = base
        self.tls = tls
        self.places = {name: f"127.0.0.1:{free_port()}" for name in ("client2", "peer", "metrics")}
        self.places |= {"client": self.endpoint, "dir": str(directory), "folder": str(directory.parent)}
        self.words = [self.filled(word) for word in words]
        self.environment |= {name: self.filled(value) for name, value in (environment or {}).items()}

    def filled(self, text: str) -> str:
        """The text with its places filled in."""
        for name, value in self.places.items():
            text = text.replace("{" + name + "}", value)
        return text

    def command(self) -> Sequence[str]:
        return [*self.base, *self.words]

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def said(self, text: str) -> bool:
        """Whether a line of its log holds this."""
        return any(text in line.get("msg", "") for line in self.lines())


def refusal(
    base: Sequence[str], words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code, and why it does not start: the error of its log's last line, else the first line of what it said."""
    done = subprocess.run(
        [*base, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(**(environment or {})),
        timeout=SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    reasons = [line["error"] for line in told if "error" in line] or [line["msg"] for line in told]
    return done.returncode, reasons[-1] if reasons else done.stderr.partition("\n")[0]
