# SPDX-License-Identifier: Apache-2.0
"""What `import tricord` and the client behind it cost a program that starts, above bare Python.

The median of 20 processes each, taken in turns. Exits 1 above the goal, or when the import loads what a client must
not: grpc, typer or rich.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

PROCESSES = 20
GOAL_SECONDS = 0.1
BARE = "pass"
CLIENT = "import tricord; tricord.connect"
NOT_LOADED = ("grpc", "typer", "rich")


def start_seconds(program: str) -> float:
    """Wall time of one Python process that runs ``program``."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - started


def loaded_modules() -> set[str]:
    """Names of the modules in a process that imported the client."""
    program = f"{CLIENT}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def main() -> None:
    """Measure, print, judge."""
    samples: dict[str, list[float]] = {BARE: [], CLIENT: []}
    for _ in range(PROCESSES):
        for program, times in samples.items():
            times.append(start_seconds(program))
    bare, client = statistics.median(samples[BARE]), statistics.median(samples[CLIENT])
    print(
        f"import of the client: {(client - bare) * 1000:.0f} ms above bare Python ({bare * 1000:.0f} ms), "
        f"median of {PROCESSES} processes; goal < {GOAL_SECONDS * 1000:.0f} ms"
    )
    unwanted = sorted(loaded_modules() & set(NOT_LOADED))
    if unwanted:
        print(f"the import loads {', '.join(unwanted)}")
    if unwanted or client - bare >= GOAL_SECONDS:
        sys.exit(1)


if __name__ == "__main__":
    main()
