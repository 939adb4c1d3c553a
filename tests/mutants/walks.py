# SPDX-License-Identifier: Apache-2.0
"""How soon the random walks find each mutant of the core: ``python -m tests.mutants.walks [NAME ...]``.

``run.py`` shows that some test names each mutant. This shows how sharp the properties of figure 3 are by themselves,
under random trouble: the walks of ``tests/raft/test_random_clusters.py`` run one after the other until one fails. A
number that grows is a walk that got weaker. The last line has the median, and how many mutants no walk found.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.patches import Patch, read_all
from tests.mutants.run import FAILED, Tested, copied_tree, run_tests

WALKS = ("tests/raft/test_random_clusters.py", "-k", "servers or by_lease")
SECONDS_MAX = 900


def main(names: Sequence[str]) -> int:
    """Exit code 0, whatever was found."""
    patches = [patch for patch in read_all(list(names)) if not patch.is_control and patch.touches("src/tricord/raft/")]
    found: list[int] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for patch, tested in zip(patches, pool.map(walk, patches), strict=True):
            if tested.code == FAILED:
                found.append(tested.passed + 1)
                said = f"walk {tested.passed + 1}"
            else:
                said = "not found"
            print(
                f"{said:<10} {patch.name:<48} {tested.seconds:6.1f} s  {tested.reason.partition(' - ')[2]}", flush=True
            )
    print(f"median: walk {statistics.median(found or [0]):g}; {len(patches) - len(found)} not found")
    return 0


def walk(patch: Patch) -> Tested:
    """The walks on a copy with the patch, until one fails."""
    with copied_tree() as tree:
        wrong = patch.apply(tree)
        return Tested(-1, wrong, 0, 0) if wrong else run_tests(WALKS, tree, SECONDS_MAX)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
