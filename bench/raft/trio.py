# SPDX-License-Identifier: Apache-2.0
"""Three nodes of one library as three processes, each with a directory of its own on one disk."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.peers.ports import free_port

from bench.raft.dialogue import Load, Report

NODES = 3
READY_SECONDS = 30.0

T = TypeVar("T")
Command = Callable[[list[str]], Sequence[str]]
"""Arguments that are the same for all libraries (index, directory, ports) -> the whole argument list."""


class NodeProcess:
    """One node. What it says on stderr goes to a file that is shown when it ends by itself."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True, env=environment
            )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """One question, one answer. Raises RuntimeError with the node's log when there is none."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"a node ended:\n{self._log.read_text()[-3000:]}")
        return dict(json.loads(line))

    def close(self) -> None:
        """End of stdin ends the node; a node that does not listen is killed."""
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class Trio:
    """A running cluster; use it as a context manager."""

    def __init__(self, command: Command, environment: dict[str, str], folder: Path) -> None:
        self._command = command
        self._environment = os.environ | environment
        self._folder = folder
        self._stack = ExitStack()
        self._nodes: list[NodeProcess] = []
        self._applied = 0

    def load(self, load: Load) -> Report:
        """Load the leader; returns once every node has applied everything."""
        answer = Report(**self._leader().ask(vars(load)))
        self._applied += answer.count
        self._until(self._all_applied, "all nodes to have applied everything")
        return answer

    def _leader(self) -> NodeProcess:
        return self._until(lambda: next((node for node in self._nodes if node.ask({})["leads"]), None), "a leader")

    def _all_applied(self) -> bool:
        return all(node.ask({})["applied"] >= self._applied for node in self._nodes)

    def _until(self, found: Callable[[], T | None], what: str) -> T:
        deadline = time.monotonic() + READY_SECONDS
        while not (answer := found()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {READY_SECONDS} s in vain: {what}")
            time.sleep(0.02)
        return answer

    def __enter__(self) -> Self:
        ports = [str(free_port()) for _ in range(NODES)]
        for index in range(NODES):
            directory = self._folder / str(index)
            directory.mkdir(parents=True)
            command = self._command([str(index), str(directory), *ports])
            node = NodeProcess(command, self._environment, self._folder / f"{index}.log")
            self._stack.callback(node.close)
            self._nodes.append(node)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
