# SPDX-License-Identifier: Apache-2.0
"""A mutant is a patch with a header: what the bug is, what it breaks, who is meant to name it, and the command.

```
Mutant: a leader counts replicas of an older term's entry too (figure 8)
Breaks: leader completeness: the entry can still be replaced
Named by: test_5_4_2_figure_8
Command: pytest tests/raft -k figure_8

--- a/src/tricord/raft/commit.py
+++ b/src/tricord/raft/commit.py
@@ ...
```

Where a simulation is to find it as well, two more lines say so, and a third which seed once did:

```
Net: fine
Checker: leader completeness
Seed: 17
```

A change that nothing may name has ``Control:`` and ``Allowed:`` in place of the first three. ``Seconds:`` is how long
the command may take (120). A value goes on in the next line when that is indented.
"""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).parent
ROOT = DIRECTORY.parents[1]
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Patch:
    """One mutant or control."""

    path: Path
    about: dict[str, str]

    @property
    def name(self) -> str:
        """The file's, without its ending."""
        return self.path.stem

    @property
    def is_control(self) -> bool:
        """Whether the change is allowed."""
        return "Control" in self.about

    @property
    def arguments(self) -> list[str]:
        """Of pytest: paths, then options."""
        return shlex.split(self.about["Command"])[1:]

    @property
    def paths(self) -> list[str]:
        """Where its tests are."""
        return [word for word in self.arguments if word.startswith("tests/")]

    @property
    def expression(self) -> str:
        """Of a mutant: which of the tests there are meant to fail."""
        return self.arguments[self.arguments.index("-k") + 1]

    @property
    def net(self) -> str:
        """Which net of the simulator is to find it; nothing: none."""
        return self.about.get("Net", "")

    @property
    def checkers(self) -> list[str]:
        """Who is meant to name it in a simulation."""
        return [name.strip() for name in self.about.get("Checker", "").split(",")]

    @property
    def seed(self) -> int | None:
        """One by which a simulation found it."""
        return int(self.about["Seed"]) if "Seed" in self.about else None

    def record(self, seed: int) -> None:
        """Write into the file by which seed a simulation found it."""
        head, begin, rest = self.path.read_text().partition("\n--- a/")
        lines = [line for line in head.splitlines() if not line.startswith("Seed: ")]
        place = next(place for place, line in enumerate(lines) if line.startswith("Checker: "))
        lines.insert(place + 1, f"Seed: {seed}")
        self.path.write_text("\n".join(lines) + "\n" * head.endswith("\n") + begin + rest)

    @property
    def seconds(self) -> int:
        """How long the command may take."""
        return int(self.about.get("Seconds", SECONDS))

    def touches(self, directory: str) -> bool:
        """Whether it changes a file there."""
        return f"\n+++ b/{directory}" in self.path.read_text()

    def apply(self, tree: Path, *, check: bool = False) -> str:
        """Change the tree, or only look whether that can be done. What is wrong, or nothing."""
        command = ["git", "apply", *(["--check"] if check else []), str(self.path)]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        return done.stderr.strip() if done.returncode else ""


def read(path: Path) -> Patch:
    """Raises ValueError for a header that does not say all that it should."""
    head, begin, _ = path.read_text().partition("\n--- a/")
    about: dict[str, str] = {}
    name = ""
    for line in head.splitlines():
        if line.startswith(" "):
            about[name] += " " + line.strip()
        elif line and not line.startswith("#"):
            name, _, value = line.partition(": ")
            about[name] = value.strip()
    wanted = {"Control", "Allowed", "Command"} if "Control" in about else {"Mutant", "Breaks", "Named by", "Command"}
    if not begin or about.keys() - {"Seconds", "Net", "Checker", "Seed"} != wanted:
        raise ValueError(f"{path.name}: its header says {sorted(about)} rather than {sorted(wanted)}")
    if not about["Command"].startswith("pytest tests/") or ("Mutant" in about and " -k " not in about["Command"]):
        raise ValueError(f"{path.name}: its command is no pytest of some paths, with -k if it is a mutant's")
    if ("Checker" in about or "Seed" in about) and "Net" not in about:
        raise ValueError(f"{path.name}: its header names a checker or a seed of no net")
    return Patch(path, about)


def read_all(names: list[str], directory: Path = DIRECTORY) -> list[Patch]:
    """All patches, or those whose names begin with one of the given. Raises ValueError for a name of none."""
    patches = [read(path) for path in sorted(directory.glob("*.patch"))]
    for name in names:
        if not any(patch.name.startswith(name) for patch in patches):
            raise ValueError(f"no patch in {directory.name} begins with {name}")
    return [patch for patch in patches if not names or patch.name.startswith(tuple(names))]
