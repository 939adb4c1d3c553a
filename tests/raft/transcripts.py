# SPDX-License-Identifier: Apache-2.0
"""Transcripts: a text file of commands, each with the trace that it brings about below it.

```
# a comment
> propose 1 a b
  1 appends 2..3 in term 1
```

``python -m tests.raft.transcripts --rewrite [FILE ...]`` writes the trace as it is now. Commit a rewritten one only if
you can say why each line of it changed. ``stage.py`` has the commands.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.raft.stage import Stage

DIRECTORY = Path(__file__).parent / "testdata"


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
