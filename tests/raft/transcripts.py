# SPDX-License-Identifier: Apache-2.0
"""Transcripts: a text file of commands, each with the trace that it brings about below it.

```
# a comment
> propose 1 a b
  1 appends 2..3 in term 1
```

``python -m tests.raft.transcripts --rewrite [FILE ...]`` writes the trace as it is now. Commit a rewritten one only if
you can say why each line of it changed.

Commands: ``servers N`` - ``tick ID N`` - ``campaign ID`` - ``propose ID WORD...`` - ``read ID CONTEXT...`` -
``disk ID`` (its oldest job) - ``deliver [FROM TO]`` - ``lose [FROM TO]`` - ``settle`` - ``crash ID`` - ``restart ID`` -
``cut ID`` (from the network) - ``join ID`` - ``state``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.raft.cluster import Cluster
from tricord.raft.messages import Message

DIRECTORY = Path(__file__).parent / "testdata"


class Stage:
    """Performs commands and gathers what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.cluster = Cluster(0)

    def perform(self, command: str) -> list[str]:
        """The trace of one command."""
        self.lines = []
        name, *words = command.split()
        getattr(self, f"do_{name}")(*words)
        return self.lines

    def do_servers(self, count: str) -> None:
        self.cluster = Cluster(int(count), say=self._say)

    def _say(self, line: str) -> None:
        self.lines.append(line)

    def do_tick(self, id: str, count: str) -> None:
        self.cluster[int(id)].tick(int(count))

    def do_campaign(self, id: str) -> None:
        self.cluster[int(id)].campaign()

    def do_propose(self, id: str, *words: str) -> None:
        self.cluster[int(id)].propose(*(word.encode() for word in words))

    def do_read(self, id: str, *contexts: str) -> None:
        self.cluster[int(id)].read(*map(int, contexts))

    def do_disk(self, id: str) -> None:
        self.cluster[int(id)].write()

    def do_deliver(self, *pair: str) -> None:
        self.cluster.deliver(_wanted(pair))

    def do_lose(self, *pair: str) -> None:
        wanted = _wanted(pair)
        self.cluster.network = [message for message in self.cluster.network if not wanted(message)]

    def do_settle(self) -> None:
        self.cluster.settle()

    def do_crash(self, id: str) -> None:
        self.cluster[int(id)].crash()

    def do_restart(self, id: str) -> None:
        self.cluster[int(id)].start()

    def do_cut(self, id: str) -> None:
        self.cluster.cut_off.add(int(id))

    def do_join(self, id: str) -> None:
        self.cluster.cut_off.remove(int(id))

    def do_state(self) -> None:
        for server in self.cluster.servers.values():
            state = server.raft.state
            log = " ".join(
                f"{entry.index}@{entry.term}" + (f"={entry.data.decode()}" if entry.data else "")
                for entry in state.log.entries(1, state.log.last_index)
            )
            role = state.role.value if server.up else "down"
            self.lines.append(f"{server.id} {role}, term {server.raft.term}, commit {state.commit_index}, log: {log}")


def _wanted(pair: tuple[str, ...]) -> Callable[[Message], bool]:
    if not pair:
        return lambda _: True
    sender, receiver = map(int, pair)
    return lambda message: (message.sender, message.receiver) == (sender, receiver)


def replay(text: str) -> str:
    """The transcript with the trace as it is now."""
    stage = Stage()
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("> "):
            lines.append(line)
            lines += [f"  {said}" for said in stage.perform(line[2:])]
        elif not line.startswith("  "):
            lines.append(line)
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    rewrite = "--rewrite" in arguments
    files = [Path(argument) for argument in arguments if argument != "--rewrite"] or sorted(DIRECTORY.glob("*.txt"))
    changed = 0
    for file in files:
        text = file.read_text()
        now = replay(text)
        if now != text:
            changed += 1
            print(f"{file.name} {'rewritten' if rewrite else 'differs'}")
            if rewrite:
                file.write_text(now)
    return 0 if rewrite else int(changed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
