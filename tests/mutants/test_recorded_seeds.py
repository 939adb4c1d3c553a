# SPDX-License-Identifier: Apache-2.0
"""Some known bugs are found again from the seeds that found them once, by the checkers that are meant to name them, and
the tree as it is gives no cause to say anything there.

``python -m tests.mutants.run --record NAME`` finds and writes new seeds, when what the seeds draw has changed so much
that these do it no more.
"""

from __future__ import annotations

import pytest

from tests.mutants.hunt import play
from tests.mutants.patches import read_all
from tests.mutants.run import copied_tree, hunt
from tricord.sim.nets import run_of

SECONDS = 60
RECORDED = {
    "11-configuration-kept-after-truncation": "election safety",
    "14-applied-index-not-set-with-a-snapshot": "invariant",
    "18-key-put-again-stays-with-its-lease": "leases",
    "19-last-revision-of-the-past-told-again": "watch",
    "29-compare-of-an-older-state": "linearizability",
}
"""Mutants, and who names them."""


@pytest.mark.parametrize("name", RECORDED)
def test_a_known_bug_is_found_from_its_seed_and_the_tree_is_not_blamed(name: str) -> None:
    (patch,) = read_all([name])
    assert patch.seed is not None
    with copied_tree() as tree:
        assert patch.apply(tree) == ""
        found = hunt(patch, tree, SECONDS, first=patch.seed)
    assert (found.checker, found.intended) == (RECORDED[name], True), found
    assert play(run_of(patch.net), found.seed, patch.net) == ([], "")
